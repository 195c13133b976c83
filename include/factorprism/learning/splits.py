"""Cuts the samples by time into train, validation, calibration and out of sample, purged between.

A label of session t reads the closes of t and t + horizon. Between two parts, labels must not
overlap: ``max(earlier) + horizon < min(later)``. The images may: a window that reaches back into
an earlier part reads factors that were public by then, as it does on the day of a real forecast.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import numpy as np

from factorprism.core.arrays import DayArray
from factorprism.core.errors import ConfigurationError, LookAheadError
from factorprism.targets import Rows


@dataclass(frozen=True)
class SplitSizes:
    """How many samples each part holds; what is left in front is for training.

    `validation` stops the training, `calibration` scales its probabilities, `out_of_sample` is read
    by neither. On a short history the first two shrink to an eighth of the samples each.
    """

    validation: int = 250
    calibration: int = 250
    out_of_sample: int = 120
    least_training: int = 200

    def __post_init__(self) -> None:
        for name in ("validation", "calibration", "out_of_sample", "least_training"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: {getattr(self, name)}, allowed are positive numbers")


@dataclass(frozen=True)
class Split:
    """Session rows of the four parts, each ascending, in this order in time."""

    train: Rows = field(repr=False)
    validation: Rows = field(repr=False)
    calibration: Rows = field(repr=False)
    out_of_sample: Rows = field(repr=False)

    @property
    def training_rows(self) -> Rows:
        """Rows of everything whose labels the model reads."""
        return np.concatenate([self.train, self.validation, self.calibration])


def split_samples(samples: Rows, horizon: int, sizes: SplitSizes) -> Split:
    """Cut `samples` (session rows, ascending) from the end: out of sample, calibration, validation.

    Raises `ConfigurationError` when fewer than ``sizes.least_training`` rows are left to train.
    """
    return _split_past(
        samples[: -sizes.out_of_sample], samples[-sizes.out_of_sample :], horizon, sizes
    )


def walk_forward(samples: Rows, horizon: int, n_folds: int, sizes: SplitSizes) -> Iterator[Split]:
    """Yield up to `n_folds` expanding splits, oldest first, that evaluate the last sessions.

    Each fold trains on everything before its out-of-sample part, cut by the same recipe. Folds
    whose past is too short to train on are left out, the oldest first.
    """
    from sklearn.model_selection import TimeSeriesSplit

    fits = (len(samples) - _least_past(horizon, sizes)) // sizes.out_of_sample
    folds = min(n_folds, fits)
    if folds < 1:
        return
    # The library wants two splits at least. Its gap would count samples, where the purge counts
    # sessions, so that the purge is left to the recipe.
    splitter = TimeSeriesSplit(max(folds, 2), test_size=sizes.out_of_sample)
    pairs = list(splitter.split(samples))[-folds:]
    for past, out_of_sample in pairs:
        yield _split_past(samples[past], samples[out_of_sample], horizon, sizes)


def anchored_folds(
    samples: Rows, horizon: int, n_folds: int, sizes: SplitSizes
) -> Iterator[tuple[int, Rows]]:
    """Yield (number, out-of-sample rows) of the last `n_folds` blocks of samples.

    A block has ``sizes.out_of_sample`` of them, counted from the first sample, so that a full block
    is the same however many samples follow it; the last may be shorter, but not shorter than twice
    the horizon. Blocks whose past is too short to train on are left out.
    """
    size = sizes.out_of_sample
    full, rest = divmod(len(samples), size)
    # By hand, since the library's splitter refuses the one fold of two blocks.
    blocks = [(index, samples[index * size : (index + 1) * size]) for index in range(1, full)]
    if full and rest >= 2 * horizon:
        blocks.append((full, samples[-rest:]))
    least = _least_past(horizon, sizes)
    fit = [(number, out_of_sample) for number, out_of_sample in blocks if number * size >= least]
    yield from fit[-n_folds:] if n_folds > 0 else ()


def least_samples(horizon: int, sizes: SplitSizes, fold_sizes: SplitSizes) -> int:
    """Return how many samples a training needs: a split by `sizes` and one fold of `fold_sizes`.

    Counted without gaps; where samples are missing in between, more may be needed.
    """
    return next(
        n_samples
        for n_samples in count(sizes.out_of_sample + sizes.least_training)
        if _suffice(np.arange(n_samples), horizon, sizes, fold_sizes)
    )


def _suffice(samples: Rows, horizon: int, sizes: SplitSizes, fold_sizes: SplitSizes) -> bool:
    if not list(anchored_folds(samples, horizon, 1, fold_sizes)):
        return False
    try:
        split_samples(samples, horizon, sizes)
    except ConfigurationError:
        return False
    return True


def split_before(samples: Rows, out_of_sample: Rows, horizon: int, sizes: SplitSizes) -> Split:
    """Return the split that evaluates `out_of_sample` and learns from the samples before them."""
    return _split_past(samples[samples < out_of_sample[0]], out_of_sample, horizon, sizes)


def audit_purge(split: Split, horizon: int, sessions: DayArray) -> None:
    """Raise `LookAheadError` naming the training rows whose label reaches out of sample.

    A second pair of eyes: it looks at the rows themselves, however they were cut.
    """
    if not len(split.out_of_sample):
        return
    training_rows = split.training_rows
    touching = training_rows[training_rows + horizon >= split.out_of_sample.min()]
    if len(touching):
        named = ", ".join(str(day) for day in sessions[touching[:3]])
        raise LookAheadError(
            f"{len(touching)} labels that the model learns from extend into the out-of-sample "
            f"sessions from {sessions[split.out_of_sample.min()]} on, among them those of {named}",
            remedy=f"Leave {horizon} sessions between training and out-of-sample samples.",
        )


def _least_past(horizon: int, sizes: SplitSizes) -> int:
    # Validation and calibration take up to an eighth each, so that a quarter comes on top.
    return horizon + (sizes.least_training + 3 * horizon) * 4 // 3


def _split_past(past: Rows, out_of_sample: Rows, horizon: int, sizes: SplitSizes) -> Split:
    eighth = max(1, len(past) // 8)
    rest = _before(past, out_of_sample, horizon)
    calibration = rest[-min(sizes.calibration, eighth) :]
    rest = _before(rest, calibration, horizon)
    validation = rest[-min(sizes.validation, eighth) :]
    train = _before(rest, validation, horizon)
    if len(train) < sizes.least_training:
        raise ConfigurationError(
            f"{len(train)} sessions are left to train on, {sizes.least_training} are the least",
            remedy="Load a longer history, or keep fewer sessions for evaluation "
            "(FACTORPRISM_HOLDOUT_SESSIONS).",
        )
    return Split(train, validation, calibration, out_of_sample)


def _before(rows: Rows, later: Rows, horizon: int) -> Rows:
    return rows[rows + horizon < later[0]] if len(later) else rows
