"""What a probability says about the forward return itself, and how far off that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[np.float64]

RETURN_METRICS = ("information_coefficient", "mae", "mse", "rmse", "r2", "r2_skill")


@dataclass(frozen=True)
class ReturnScale:
    """The mean forward return after an up label and after another, as a fold's labels show them."""

    up: float
    down: float

    def estimate(self, y_prob: Column) -> Column:
        """Return the expected forward return under `y_prob`, float64 of the same shape."""
        return y_prob * self.up + (1.0 - y_prob) * self.down


@dataclass(frozen=True)
class HeldOutReturns:
    """Forward returns of judged sessions beside two estimates of them, float64 [sample].

    `estimate` follows from the forecast, `base` from the base rate that was known.
    """

    forward: Column = field(repr=False)
    estimate: Column = field(repr=False)
    base: Column = field(repr=False)

    def first(self, number: int) -> HeldOutReturns:
        """Return those of the first `number` samples."""
        return HeldOutReturns(self.forward[:number], self.estimate[:number], self.base[:number])


def pool_returns(parts: Sequence[HeldOutReturns]) -> HeldOutReturns:
    """Join judged parts, oldest first."""
    columns = ("forward", "estimate", "base")
    return HeldOutReturns(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in columns)
    )


def fit_return_scale(forward_returns: Column) -> ReturnScale:
    """Return the means of the rises and of the rest among a fold's learned `forward_returns`.

    float64 [sample], NaN left out; 0 where there is none of a kind. Pass nothing of the judged
    sessions: this is part of what the fold learns.
    """
    rises, others = forward_returns[forward_returns > 0.0], forward_returns[forward_returns <= 0.0]
    means = (float(part.mean()) if len(part) else 0.0 for part in (rises, others))
    return ReturnScale(*means)


def compute_return_metrics(
    y_prob: Column, forward: Column, estimate: Column, base_estimate: Column
) -> Column:
    """Return the figures of `RETURN_METRICS`, in that order; all arguments [sample].

    `information_coefficient` is Spearman's rank correlation of `y_prob` with `forward`, ranked
    among the sessions of one fold, which share `base_estimate`; 0 where either is constant: such
    a forecast orders nothing. `r2` is measured against the mean of the
    judged returns, which no forecaster knew, `r2_skill` against `base_estimate` (Campbell and
    Thompson 2008). Both are NaN where nothing is left to explain.
    """
    error = estimate - forward
    mse = (error**2).mean()
    variance, base_mse = forward.var(), ((base_estimate - forward) ** 2).mean()
    return np.array(
        [
            _rank_correlation(y_prob, forward, base_estimate),
            np.abs(error).mean(),
            mse,
            np.sqrt(mse),
            1.0 - mse / variance if variance else np.nan,
            1.0 - mse / base_mse if base_mse else np.nan,
        ]
    )


def _rank_correlation(first: Column, second: Column, folds: Column) -> float:
    from scipy.stats import rankdata

    ranks = np.empty((2, len(first)))
    for level in np.unique(folds):
        fold = folds == level
        number = int(fold.sum())
        # Whole and half numbers: the ranks of a constant are exactly 0 here.
        inside = np.stack([rankdata(first[fold]), rankdata(second[fold])]) - 0.5 * (number + 1)
        ranks[:, fold] = inside / number
    scale = np.sqrt((ranks[0] @ ranks[0]) * (ranks[1] @ ranks[1]))
    return float(ranks[0] @ ranks[1] / scale) if scale else 0.0
