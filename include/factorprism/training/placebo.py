"""Training sets from which nothing can be learned: what shows skill on them has a leak."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from factorprism.training.dataset import TrainingSet
from factorprism.training.labels import UNKNOWN


def shuffle_labels(training_set: TrainingSet, block: int, seed: int) -> TrainingSet:
    """Return `training_set` with the labels of its samples shuffled in blocks of `block` samples.

    Each label keeps its forward return and, within a block, its neighbours, so that base rate and
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
    labels, returns = training_set.labels.copy(), training_set.forward_returns.copy()
    labels[samples] = training_set.labels[taken]
    returns[samples] = training_set.forward_returns[taken]
    return replace(training_set, labels=labels, forward_returns=returns)


def shift_labels(training_set: TrainingSet) -> TrainingSet:
    """Return `training_set` with each session given the label of one horizon later.

    The label then speaks of the horizon after the forecast's own, which shares no session with
    it. It reads the close of twice the horizon ahead: the set that is returned says so by its
    `horizon`, so that splits purge that much. The last sessions' labels are unknown, and their
    samples gone.
    """
    shift = training_set.horizon
    labels = np.full_like(training_set.labels, UNKNOWN)
    returns = np.full_like(training_set.forward_returns, np.nan)
    labels[:-shift] = training_set.labels[shift:]
    returns[:-shift] = training_set.forward_returns[shift:]
    samples = training_set.samples[labels[training_set.samples] != UNKNOWN]
    return replace(
        training_set,
        labels=labels,
        forward_returns=returns,
        samples=samples,
        horizon=2 * shift,
    )
