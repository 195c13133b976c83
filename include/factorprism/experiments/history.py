"""What every experiment starts from: the images and closes of a universe, known at one session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from factorprism.core.universe import Universe
from factorprism.learning import TrainingSet, build_training_set
from factorprism.market.panels import ImageSet
from factorprism.pipelines import Run
from factorprism.pipelines.history import align_closes, align_history
from factorprism.targets import DIRECTION


@dataclass(frozen=True)
class History:
    """Images of all channels of `universe`, and `bars` of them, through `as_of` and no later.

    `horizon` is the configured one; an experiment may ask for training sets of another.
    """

    universe: Universe
    image_set: ImageSet = field(repr=False)
    bars: pd.DataFrame = field(repr=False)
    horizon: int
    as_of: date

    @property
    def closes(self) -> npt.NDArray[np.float64]:
        """The target's closes on the sessions of the images, float64 [session]."""
        return align_closes(self.bars, self.universe.target, self.image_set.sessions)

    def training_set(
        self, *, horizon: int | None = None, last_samples: int | None = None
    ) -> TrainingSet:
        """Return images of all channels with the target's labels; of samples only the latest."""
        training_set = build_training_set(
            self.image_set, self.closes, DIRECTION, horizon or self.horizon, as_of=self.as_of
        )
        if last_samples is None:
            return training_set
        return replace(training_set, samples=training_set.samples[-last_samples:])


def take_channels(training_set: TrainingSet, channels: Sequence[str]) -> TrainingSet:
    """Return the same samples and labels with the images of `channels` alone, in that order.

    The samples stay those that are complete in every channel of `training_set`, so that several
    choices of channels are trained and evaluated on the same sessions.
    """
    image_set = training_set.image_set
    indices = [image_set.channels.index(symbol) for symbol in channels]
    cube = np.ascontiguousarray(image_set.cube[:, :, indices])
    return replace(training_set, image_set=replace(image_set, channels=tuple(channels), cube=cube))


def load_history(run: Run) -> History:
    """Return the history of the run's universe through its session, read from the warehouse.

    Raises `ConfigurationError` when the warehouse holds no bars of a channel.
    """
    universe = run.universe
    image_set = align_history(run)
    first: date = image_set.sessions[0].astype(date)
    bars = run.ports.warehouse.bars.load_bars(universe.channels, first, run.session)
    return History(universe, image_set, bars, run.signal.horizon, run.session)
