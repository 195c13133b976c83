"""How often the index rose where a forecast said so: bins whose intervals know of overlap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from factorprism.evaluation.resampling import Z_95, count_independent

BINS = 10
# A bin below this says nothing that its interval would not say louder.
LEAST_IN_BIN = 20


@dataclass(frozen=True)
class ReliabilityBin:
    """Forecasts of about equal probability, `low` to `high`: their mean, and the share that rose.

    The 95% Wilson interval `lower` to `upper` counts the `windows` among the `n` forecasts that do
    not overlap: neighbouring sessions share most of their outcome.
    """

    low: float
    high: float
    mean: float
    share: float
    lower: float
    upper: float
    n: int
    windows: int


def bin_forecasts(
    rows: npt.NDArray[np.int64],
    y_prob: npt.NDArray[np.float64],
    went_up: npt.NDArray[np.bool_],
    horizon: int,
) -> tuple[ReliabilityBin, ...]:
    """Cut forecasts into up to ten bins of about equal count, equal forecasts together.

    `rows` are session rows, ascending, `y_prob` the forecasts of `horizon` sessions made on them
    and `went_up` what came of each, all [sample]. Fewer than twenty forecasts make no bin. Raises
    ``ValueError`` when their lengths differ.
    """
    if not rows.shape == y_prob.shape == went_up.shape:
        raise ValueError(
            f"rows, y_prob, went_up: shapes {rows.shape}, {y_prob.shape}, {went_up.shape}, "
            "expected equal"
        )
    n_bins = min(BINS, len(rows) // LEAST_IN_BIN)
    if not n_bins:
        return ()
    edges = np.unique(np.quantile(y_prob, np.linspace(0.0, 1.0, n_bins + 1)[1:-1]))
    indices = np.searchsorted(edges, y_prob, side="right")
    found = []
    for index in np.unique(indices):
        inside = np.flatnonzero(indices == index)
        windows = count_independent(rows[inside], horizon)
        share = float(went_up[inside].mean())
        mine = y_prob[inside]
        found.append(
            ReliabilityBin(
                float(mine.min()),
                float(mine.max()),
                float(mine.mean()),
                share,
                *compute_wilson(share, windows),
                len(inside),
                windows,
            )
        )
    return tuple(found)


def compute_wilson(share: float, n: float) -> tuple[float, float]:
    """Return the 95% score interval of a `share` seen in `n` independent trials.

    Wilson 1927, J. Am. Stat. Assoc. 22. It holds the share itself and lies within 0 and 1.
    """
    centre = (share + Z_95**2 / (2 * n)) / (1 + Z_95**2 / n)
    spread = float(np.sqrt(share * (1 - share) / n + (Z_95 / (2 * n)) ** 2))
    half = Z_95 / (1 + Z_95**2 / n) * spread
    # At shares of 0 and 1 rounding may put a bound beyond the share.
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))
