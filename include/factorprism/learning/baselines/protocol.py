"""The one protocol of the contest: fit on a split, then forecast rows out of sample."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from factorprism.learning.recipe import train_split
from factorprism.learning.samples import HeldOut, TrainingSet, pool_held_out
from factorprism.learning.settings import TrainingSettings
from factorprism.learning.splits import Split
from factorprism.targets import Outputs, Rows

# Outputs as of a head, float64 [sample, output], from images and closes up to each row.
RowScore = Callable[[TrainingSet, Rows], Outputs]
# Fits on `train`, may choose by `validation`, and reads no other part; the seed comes last.
FitScore = Callable[[TrainingSet, Split, int], RowScore]


class Fitted(Protocol):
    """What has learned from a split."""

    def forecast_rows(self, training_set: TrainingSet, rows: Rows) -> HeldOut:
        """Return the forecasts of `rows`, samples of `training_set`, beside what came of them.

        The forecast of a row reads images and closes up to that row, and none later.
        """
        ...


class Forecaster(Protocol):
    """What can learn from a split."""

    def fit(self, training_set: TrainingSet, split: Split) -> Fitted:
        """Learn from ``split.training_rows``; nothing of ``split.out_of_sample`` is read.

        Raises `LookAheadError` when a label of the split reaches into ``out_of_sample``.
        """
        ...


@dataclass(frozen=True)
class NetworkForecaster:
    """A network of the zoo as one contestant among others."""

    settings: TrainingSettings

    def fit(self, training_set: TrainingSet, split: Split) -> Fitted:
        """Train with the one recipe, at the effort of a walk-forward fold."""
        return train_split(training_set, split, self.settings, fold=True)


def evaluate_splits(
    forecaster: Forecaster, training_set: TrainingSet, splits: Iterable[Split]
) -> HeldOut:
    """Fit anew on each of `splits`, oldest first, and pool what they evaluate."""
    return pool_held_out(
        [
            forecaster.fit(training_set, split).forecast_rows(training_set, split.out_of_sample)
            for split in splits
        ]
    )


@dataclass(frozen=True, eq=False)
class ScoreReasons:
    """The attribution of the score of one image, before calibration.

    `by_cell` is float64 [factor, channel]; it sums to `score` minus `expected`, the score of an
    average training image.
    """

    score: float
    expected: float
    by_cell: npt.NDArray[np.float64] = field(repr=False)
