"""Figures of weighted samples, for many resamples at once.

A resample is known by how often it draws each sample: its figures are those of all samples with
these weights. A thousand resamples then cost one product of matrices, and one sorting.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from factorprism.targets.target import Column, Folds, Weights


def draw_once(n_samples: int) -> Weights:
    """Return the weights of the one resample that draws every sample once."""
    return np.ones((1, n_samples))


def average(column: npt.NDArray[np.generic], weights: Weights) -> Column:
    """Return the mean of `column` [sample] in each resample, [resample]; a constant's is exact."""
    values = column.astype(np.float64)
    found: Column = values[0] + (weights @ (values - values[0])) / weights.sum(axis=1)
    return found


def measure_variance(column: Column, weights: Weights) -> Column:
    """Return the variance of `column` [sample] in each resample, [resample]; 0 for a constant."""
    shifted = column - column[0]
    return np.maximum(average(shifted**2, weights) - average(shifted, weights) ** 2, 0.0)


def divide(part: Column, whole: Column, otherwise: float) -> Column:
    """Return ``part / whole``, and `otherwise` where `whole` is 0."""
    found: Column = np.divide(part, whole, out=np.full(len(whole), otherwise), where=whole != 0.0)
    return found


def count_ordered_pairs(
    flags: npt.NDArray[np.bool_], scores: Column, weights: Weights
) -> tuple[Column, Column]:
    """Return the pairs of a sample with its flag set and one without, and those in order.

    A pair is in order where the score of the first is the higher one; a tie counts a half. The
    share of them is the area under the ROC curve (Hanley and McNeil 1982). Both are [resample].
    """
    order, starts = _group_ties(scores)
    drawn = weights[:, order]
    up, down = (np.add.reduceat(drawn * side[order], starts, axis=1) for side in (flags, ~flags))
    below = np.cumsum(down, axis=1) - 0.5 * down
    return up.sum(axis=1) * down.sum(axis=1), (up * below).sum(axis=1)


def compute_rank_correlation(
    first: Column, second: Column, folds: Folds, weights: Weights
) -> Column:
    """Return Spearman's rank correlation, ranked among the samples of one fold; 0 if constant."""
    products = np.zeros((3, len(weights)))
    for name in np.unique(folds):
        fold = folds == name
        drawn = weights[:, fold]
        one, other = (_rank(column[fold], drawn) for column in (first, second))
        pairs = ((one, other), (one, one), (other, other))
        products += [(drawn * left * right).sum(axis=1) for left, right in pairs]
    return divide(products[0], np.sqrt(products[1] * products[2]), 0.0)


def _rank(column: Column, weights: Weights) -> Weights:
    """Return how far each sample's average rank lies from the middle, as a share of what is drawn.

    [resample, sample]; exactly 0 for a constant.
    """
    order, starts = _group_ties(column)
    tied = np.add.reduceat(weights[:, order], starts, axis=1)
    drawn = tied.sum(axis=1, keepdims=True)
    middle = np.cumsum(tied, axis=1) - 0.5 * tied - 0.5 * drawn
    group = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(column)))
    ranks = np.empty_like(weights)
    ranks[:, order] = (middle / np.maximum(drawn, 1.0))[:, group]
    return ranks


def _group_ties(column: Column) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the order of `column`, ascending, and where in it each run of equal values begins."""
    order = np.argsort(column, kind="stable")
    ascending = column[order]
    return order, np.flatnonzero(np.append(True, ascending[1:] != ascending[:-1]))
