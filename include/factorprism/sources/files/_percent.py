"""The day's change, as per cent: told from a ratio by the closes."""

from __future__ import annotations

import numpy as np

from factorprism.core.schemas import DayArray
from factorprism.sources.files._numbers import Numbers

# Percentage points between the change that is given and that of the closes, on the median row.
TOLERANCE = 0.02
SIZES = (1.0, 100.0)


def to_per_cent(days: DayArray, close: Numbers, change: Numbers) -> Numbers:
    """Return `change` in per cent, NaN throughout where it does not follow from the closes.

    A single row cannot tell; its change is taken for per cent.
    """
    order = np.argsort(days, kind="stable")
    prices = np.where(close > 0, close, np.nan)[order]
    own = 100.0 * (prices[1:] / prices[:-1] - 1.0)
    given = change[order][1:]
    compared = np.isfinite(own) & np.isfinite(given)
    if not compared.any():
        return change
    errors = [float(np.median(np.abs(given * size - own)[compared])) for size in SIZES]
    best = int(np.argmin(errors))
    if errors[best] > TOLERANCE:
        return np.full(len(change), np.nan)
    return change * SIZES[best]
