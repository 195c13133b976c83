"""The empirical hit rate: how often forecasts like this one were followed by a rise."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from factorprism.evaluation.reliability import compute_wilson
from factorprism.evaluation.resampling import count_independent

# Distances in probability within which a past forecast counts as similar, the closest first.
HALF_WIDTHS = (0.025, 0.05)
LEAST_WINDOWS = 10


@dataclass(frozen=True, eq=False)
class Matured:
    """Forecasts that an outcome is known of, arrays [session], ascending.

    `source` is ``ledger`` (issued on the evening itself) or ``contest`` (walk-forward forecasts of
    the same network, made later on images that it had not read).
    """

    source: str
    sessions: npt.NDArray[np.datetime64]
    y_prob: npt.NDArray[np.float64]
    rose: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class HitRate:
    """Of `n` matured forecasts within `half_width` of this one, `share` rose.

    `lower` to `upper` is the 95% Wilson interval of that share, counted not over the `n`
    forecasts but over the `windows` among them whose horizons do not overlap.
    """

    source: str
    half_width: float
    n: int
    windows: int
    share: float
    lower: float
    upper: float
    first: date
    last: date


def find_hit_rate(y_prob: float, matured: Matured, horizon: int) -> HitRate | None:
    """Return what followed forecasts like `y_prob`; None with fewer than ten separate windows."""
    for half_width in HALF_WIDTHS:
        similar = np.flatnonzero(np.abs(matured.y_prob - y_prob) <= half_width + 1e-12)
        windows = count_independent(similar, horizon)
        if windows < LEAST_WINDOWS:
            continue
        share = float(matured.rose[similar].mean())
        lower, upper = compute_wilson(share, windows)
        first, last = (matured.sessions[similar[index]].astype(date) for index in (0, -1))
        return HitRate(
            matured.source, half_width, len(similar), windows, share, lower, upper, first, last
        )
    return None
