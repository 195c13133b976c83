"""Intervals that know that labels overlap: circular blocks, drawn again and again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from factorprism.targets import Column, Rows, Weights

# The standard normal quantile of a two-sided 95% interval.
Z_95 = 1.959963984540054
RESAMPLES = 1000
# Forecasts are as persistent as their images, so that blocks are longer than the labels' overlap.
BLOCK_HORIZONS = 2
# With fewer blocks an interval is too narrow to claim anything by.
LEAST_BLOCKS = 10


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


def draw_weights(n_samples: int, *, block: int, seed: int) -> Weights:
    """Return how often each of the resamples of `bootstrap` draws each sample, [resample, sample].

    Of figures that do not ask in which order samples come; they are computed of all resamples at
    once.
    """

    def count(drawn: npt.NDArray[np.int64]) -> Column:
        return np.bincount(drawn, minlength=n_samples).astype(np.float64)

    return bootstrap(count, np.arange(n_samples), block=block, seed=seed)


def bootstrap_interval(
    figures: Callable[..., Column], *columns: npt.NDArray[np.generic], block: int, seed: int
) -> tuple[Column, Column]:
    """Return the ends of the 95% percentile interval of `figures`, each [figure].

    Resamples in which a figure is NaN do not count. With fewer than `LEAST_BLOCKS` blocks the
    interval is too narrow; the number of independent windows beside it says so.
    """
    return find_interval(bootstrap(figures, *columns, block=block, seed=seed))


def find_interval(drawn: npt.NDArray[np.float64]) -> tuple[Column, Column]:
    """Return the ends of the 95% percentile interval of `drawn` [resample, figure], each [figure].

    Resamples in which a figure is NaN do not count.
    """
    lower, upper = np.full((2, drawn.shape[1]), np.nan)
    known = ~np.isnan(drawn).all(axis=0)
    lower[known], upper[known] = np.nanpercentile(drawn[:, known], [2.5, 97.5], axis=0)
    return lower, upper


def count_independent(rows: Rows, horizon: int) -> int:
    """Return how many of `rows` (ascending) have labels that do not overlap one another."""
    number, free_from = 0, -1
    for row in rows:
        if row >= free_from:
            number, free_from = number + 1, int(row) + horizon
    return number
