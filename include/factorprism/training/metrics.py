"""Figures of a probability forecast, each with an interval that knows that labels overlap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from factorprism.training.returns import Column, HeldOutReturns, pool_returns

METRICS = (
    "log_loss",
    "log_loss_gain",
    "brier",
    "brier_skill",
    "accuracy",
    "balanced_accuracy",
    "auc",
    "fold_auc",
    "ece",
    "precision",
    "recall",
    "f1",
    "true_up",
    "false_up",
    "true_down",
    "false_down",
)
RESAMPLES = 1000
# A probability of 0 or 1 would make one miss an infinite loss.
SMALLEST = 1e-7
ECE_BINS = 10


@dataclass(frozen=True)
class HeldOut:
    """Forecasts of judged sessions beside what came of them.

    `rows` are session rows, ascending; `labels` int8 in {0, 1}; `y_prob` the forecasts and
    `base` the base rate that was known when each was made, both float64; all [sample]. `returns`
    are the forward returns with the estimates of them, where the fold has made such estimates.
    """

    rows: npt.NDArray[np.int64] = field(repr=False)
    labels: npt.NDArray[np.int8] = field(repr=False)
    y_prob: Column = field(repr=False)
    base: Column = field(repr=False)
    returns: HeldOutReturns | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    def before(self, row: int) -> HeldOut:
        """Return what was judged on session rows before `row`."""
        end = int(np.searchsorted(self.rows, row))
        return HeldOut(
            self.rows[:end],
            self.labels[:end],
            self.y_prob[:end],
            self.base[:end],
            self.returns.first(end) if self.returns else None,
        )


def pool_held_out(parts: Sequence[HeldOut]) -> HeldOut:
    """Join judged parts, oldest first; the returns are kept where every part has them."""
    returns = [part.returns for part in parts if part.returns is not None]
    return HeldOut(
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.y_prob for part in parts]),
        np.concatenate([part.base for part in parts]),
        pool_returns(returns) if len(returns) == len(parts) else None,
    )


def compute_log_losses(labels: npt.NDArray[np.int8], y_prob: Column) -> Column:
    """Return each sample's log loss in nats, float64 [sample]."""
    clipped = np.clip(y_prob, SMALLEST, 1.0 - SMALLEST)
    return -np.where(labels == 1, np.log(clipped), np.log1p(-clipped))


def compute_metrics(labels: npt.NDArray[np.int8], y_prob: Column, base: Column) -> Column:
    """Return the figures of `METRICS`, in that order, of forecasts `y_prob`.

    `log_loss_gain` is the base rate's log loss less the forecast's, `brier_skill` 1 - Brier /
    the base rate's Brier (Murphy 1973); the AUCs and `balanced_accuracy` are NaN when all labels
    are alike. `fold_auc` compares only sessions with the same base rate, those of one fold: a
    forecast that is constant in each fold has a half there, where the pooled `auc` compares the
    folds' levels, and a level learned from the past is apt to stand against what comes. `ece` is
    the expected calibration error over ten bins of width 0.1 (Guo et al. 2017).

    A forecast over a half calls a rise; `precision`, `recall` and `f1` are those of the rises,
    0 where nothing is divided by nothing. The last four are the confusion matrix, as ratios of
    all samples.
    """
    up = labels == 1
    loss = compute_log_losses(labels, y_prob).mean()
    brier, base_brier = ((y_prob - up) ** 2).mean(), ((base - up) ** 2).mean()
    hits = (y_prob > 0.5) == up
    balanced = np.nan
    if up.any() and not up.all():
        balanced = 0.5 * (hits[up].mean() + hits[~up].mean())
    return np.array(
        [
            loss,
            compute_log_losses(labels, base).mean() - loss,
            brier,
            1.0 - brier / base_brier,
            hits.mean(),
            balanced,
            _compute_auc(up, y_prob),
            compute_fold_auc(up, y_prob, base),
            _compute_ece(up, y_prob),
            *_compute_calls(up, y_prob > 0.5),
        ]
    )


def count_confusion(labels: npt.NDArray[np.int8], y_prob: Column) -> npt.NDArray[np.int64]:
    """Return the confusion matrix, int64 [label, call]: fall before rise on both axes."""
    cells = 2 * (labels == 1) + (y_prob > 0.5)
    return np.bincount(cells, minlength=4).reshape(2, 2)


def bootstrap(
    figures: Callable[..., Column], *columns: npt.NDArray[np.generic], block: int, seed: int
) -> npt.NDArray[np.float64]:
    """Return `figures` on 1,000 circular block resamples of `columns`, [resample, figure].

    Politis and Romano 1992. Blocks of `block` neighbouring sessions keep the dependence between
    overlapping labels: pass at least the horizon.
    """
    from arch.bootstrap import CircularBlockBootstrap

    length = max(1, min(block, len(columns[0])))
    generator = np.random.default_rng(seed)
    resamples = CircularBlockBootstrap(length, *columns, seed=generator)
    return np.asarray(resamples.apply(figures, RESAMPLES))


def bootstrap_interval(
    figures: Callable[..., Column], *columns: npt.NDArray[np.generic], block: int, seed: int
) -> tuple[Column, Column]:
    """Return the ends of the 95% percentile interval of `figures`, each [figure].

    Resamples in which a figure is NaN do not count. With fewer than some ten blocks the interval
    is too narrow; the number of independent windows beside it says so.
    """
    drawn = bootstrap(figures, *columns, block=block, seed=seed)
    lower, upper = np.full((2, drawn.shape[1]), np.nan)
    known = ~np.isnan(drawn).all(axis=0)
    lower[known], upper[known] = np.nanpercentile(drawn[:, known], [2.5, 97.5], axis=0)
    return lower, upper


def count_independent(rows: npt.NDArray[np.int64], horizon: int) -> int:
    """Return how many of `rows` (ascending) have labels that do not overlap one another."""
    number, free_from = 0, -1
    for row in rows:
        if row >= free_from:
            number, free_from = number + 1, int(row) + horizon
    return number


def _compute_auc(up: npt.NDArray[np.bool_], y_prob: Column) -> float:
    from scipy.stats import rankdata

    n_up = int(up.sum())
    n_down = len(up) - n_up
    if not n_up or not n_down:
        return float("nan")
    ranks = rankdata(y_prob)[up].sum()
    return float((ranks - n_up * (n_up + 1) / 2) / (n_up * n_down))


def compute_fold_auc(up: npt.NDArray[np.bool_], y_prob: Column, base: Column) -> float:
    """Return the mean AUC of the sessions with equal `base`, weighted by their number of pairs."""
    rates, weights = [], []
    for level in np.unique(base):
        fold = base == level
        n_up = int(up[fold].sum())
        n_down = int(fold.sum()) - n_up
        if n_up and n_down:
            rates.append(_compute_auc(up[fold], y_prob[fold]))
            weights.append(n_up * n_down)
    return float(np.average(rates, weights=weights)) if rates else float("nan")


def _compute_ece(up: npt.NDArray[np.bool_], y_prob: Column) -> float:
    bins = np.minimum((y_prob * ECE_BINS).astype(np.int64), ECE_BINS - 1)
    gaps = np.bincount(bins, weights=y_prob - up, minlength=ECE_BINS)
    return float(np.abs(gaps).sum() / len(up))


def _compute_calls(up: npt.NDArray[np.bool_], called: npt.NDArray[np.bool_]) -> list[float]:
    """Return precision, recall, F1 and the four cells of the confusion matrix."""
    cells = [(up & called), (~up & called), (~up & ~called), (up & ~called)]
    true_up, false_up, true_down, false_down = (float(cell.mean()) for cell in cells)
    precision = _divide(true_up, true_up + false_up)
    recall = _divide(true_up, true_up + false_down)
    f1 = _divide(2.0 * true_up, 2.0 * true_up + false_up + false_down)
    return [precision, recall, f1, true_up, false_up, true_down, false_down]


def _divide(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
