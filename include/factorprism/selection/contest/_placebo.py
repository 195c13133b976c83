"""Training sets from which nothing can be learned: what shows skill on them has a leak."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from factorprism.learning.samples import TrainingSet
from factorprism.targets import LABEL


def shuffle_labels(training_set: TrainingSet, block: int, seed: int) -> TrainingSet:
    """Return `training_set` with the labels of its samples shuffled in blocks of `block` samples.

    Each label keeps the outcomes beside it and, within a block, its neighbours, so that level and
    overlap stay what they were while nothing ties a label to the image of its session. Images,
    closes and samples are those of `training_set`. Raises ``ValueError`` when `block` is shorter
    than the horizon, over which labels overlap.
    """
    if block < training_set.horizon:
        raise ValueError(
            f"block: {block}, allowed are whole numbers from the horizon, {training_set.horizon}"
        )
    samples = training_set.samples
    blocks = np.split(samples, np.arange(block, len(samples), block))
    order = np.random.default_rng(seed).permutation(len(blocks))
    taken = np.concatenate([blocks[position] for position in order]) if len(samples) else samples
    shuffled = {name: column.copy() for name, column in training_set.outcomes.items()}
    for name, column in training_set.outcomes.items():
        shuffled[name][samples] = column[taken]
    return replace(training_set, outcomes=shuffled)


def shift_labels(training_set: TrainingSet) -> TrainingSet:
    """Return `training_set` with each session given the label of one horizon later.

    The label then speaks of the horizon after the forecast's own, which shares no session with
    it. It reads the close of twice the horizon ahead: the set that is returned says so by its
    `horizon`, so that splits purge that much. The last sessions' labels are unknown, and their
    samples gone.
    """
    shift = training_set.horizon
    unknown = np.full(shift, np.nan)
    shifted = {
        name: np.concatenate([column[shift:], unknown])
        for name, column in training_set.outcomes.items()
    }
    samples = training_set.samples[~np.isnan(shifted[LABEL][training_set.samples])]
    return replace(
        training_set, outcomes=shifted, samples=samples, horizon=2 * shift, shifted=shift
    )
