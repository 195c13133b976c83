"""Samples: images and outcomes as known at one session, and forecasts beside what came of them.

A sample's coordinate is its session; once it is out of sample, its fold comes beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt

from factorprism.core.errors import LookAheadError
from factorprism.images import complete_sessions
from factorprism.market.panels import ImageSet
from factorprism.targets import LABEL, Column, Columns, Folds, Known, Rows, Target


@dataclass(frozen=True)
class TrainingSet:
    """An image set with the outcomes that `target` asks for, as known at the close of `as_of`.

    `closes` and each of `outcomes` are float64 [session] on the sessions of `image_set`; row t of
    an outcome reads closes up to ``t + horizon`` and is NaN while it is unknown. `samples` are the
    rows, ascending, that can be learned from: their window is complete and their label is known.
    The labels of a placebo may be those of `shifted` sessions later, which `horizon` includes.
    """

    image_set: ImageSet
    closes: Column = field(repr=False)
    target: Target
    outcomes: Columns = field(repr=False)
    samples: Rows = field(repr=False)
    horizon: int
    as_of: date
    shifted: int = 0

    @property
    def labels(self) -> Column:
        """What is forecast, float64 [session]; NaN where it is unknown."""
        return self.outcomes[LABEL]

    @property
    def known(self) -> Known:
        """What the target itself reads: closes and outcomes, and no image."""
        span = self.horizon - self.shifted
        return Known(self.closes, self.outcomes, span, self.image_set.lookback)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Lookback, factors and channels: the shape of one image."""
        return (self.image_set.lookback, *self.image_set.cube.shape[1:])

    def session_at(self, row: int) -> date:
        """Return the session of `row`."""
        session: date = self.image_set.sessions[row].astype("datetime64[D]").astype(date)
        return session

    def rows_after(self, session: date) -> Rows:
        """Return the samples whose session comes after `session`."""
        late = self.image_set.sessions[self.samples] > np.datetime64(session, "D")
        return self.samples[late]


def build_training_set(
    image_set: ImageSet,
    closes: npt.NDArray[np.float64],
    target: Target,
    horizon: int,
    as_of: date,
) -> TrainingSet:
    """Join images to what `target` asks of their sessions; reads nothing after `as_of`.

    `closes` are the closing prices that `target` is about, on the sessions of `image_set`, float64
    [session]; NaN makes the outcomes that read it unknown.

    Raises
    ------
    LookAheadError
        If a session after `as_of` is passed in.
    ValueError
        If the lengths differ.
    """
    if closes.shape != image_set.sessions.shape:
        raise ValueError(
            f"closes: shape {closes.shape}, expected one for each of the "
            f"{len(image_set.sessions)} sessions"
        )
    late = image_set.sessions[image_set.sessions > np.datetime64(as_of, "D")]
    if len(late):
        raise LookAheadError(
            f"the data hold {len(late)} sessions after {as_of}, the first is {late[0]}",
            remedy="Cut images and closes at the session that the training is meant for.",
        )
    outcomes = target.compute_outcomes(closes, horizon)
    samples = np.flatnonzero(complete_sessions(image_set) & ~np.isnan(outcomes[LABEL]))
    return TrainingSet(image_set, closes, target, outcomes, samples, horizon, as_of)


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Forecasts of sessions out of sample beside what came of them; all arrays [sample].

    `rows` number the sessions on the axis that they were cut from, ascending. `folds` names the
    fold of each by its first session. `outcomes`, the forecasts in `values` and the reference's by
    the same names are float64.
    """

    rows: Rows = field(repr=False)
    folds: Folds = field(repr=False)
    outcomes: Columns = field(repr=False)
    values: Columns = field(repr=False)
    reference: Columns = field(repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def labels(self) -> Column:
        return self.outcomes[LABEL]

    def take(self, indices: npt.NDArray[np.int64] | slice) -> HeldOut:
        """Return the samples at `indices`."""
        columns = (self.outcomes, self.values, self.reference)
        return HeldOut(
            self.rows[indices],
            self.folds[indices],
            *({name: column[indices] for name, column in named.items()} for named in columns),
        )

    def before(self, row: int) -> HeldOut:
        """Return what was forecast on session rows before `row`."""
        return self.take(slice(int(np.searchsorted(self.rows, row))))


def pool_held_out(parts: Sequence[HeldOut]) -> HeldOut:
    """Join `parts`, oldest first; a column is kept where every part has it."""
    return HeldOut(
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.folds for part in parts]),
        _join([part.outcomes for part in parts]),
        _join([part.values for part in parts]),
        _join([part.reference for part in parts]),
    )


def _join(parts: Sequence[Mapping[str, Column]]) -> Columns:
    first, *others = parts
    shared = [name for name in first if all(name in part for part in others)]
    return {name: np.concatenate([part[name] for part in parts]) for name in shared}
