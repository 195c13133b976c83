"""Recognises adjusted prices by what the file says, or by steps against the average price."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from factorprism.core.arrays import DayArray
from factorprism.sources.files._numbers import Numbers

# Words in a file's name, in the lines before its header, or in its column of adjustment.
_SAID = re.compile(r"(?<!不)(前复权|后复权|等比复权)|(?<![a-z])(qfq|hfq)(?![a-z])", re.I)
# baostock: 1 backward, 2 forward, 3 none.
_FLAGS = {"1": "后复权", "2": "前复权"}
LEAST_ROWS = 20
# A ratio of adjustment stands still but for the days of its steps.
STILL_SHARE = 0.9
STILL_CHANGE = 0.02
LEAST_SPREAD = 0.01
# One end of an adjusted history is unadjusted: the newest (forward) or the oldest (backward).
END_ROWS = 5
END_ERROR = 0.02
SIZES = (1.0, 1e-2, 10.0, 1e3, 1e2, 1e4)


def said_adjusted(texts: Sequence[str], flags: Sequence[Any]) -> str:
    """Return the words by which `texts` (name, preamble) or `flags` say so, else ``""``."""
    for text in texts:
        if found := _SAID.search(text):
            return found.group()
    for flag in {str(flag).strip() for flag in flags if flag is not None}:
        if flag.removesuffix(".0") in _FLAGS or _SAID.search(flag):
            return _FLAGS.get(flag.removesuffix(".0"), flag)
    return ""


def find_adjustment(
    days: DayArray, low: Numbers, high: Numbers, close: Numbers, ratio: Numbers
) -> tuple[float, str] | None:
    """Return the unit of `ratio` (amount over volume) and the steps in words, or None.

    An adjusted price parts from the average price of its day by a factor that stands still and
    steps at each dividend; at one end of the history it is 1.
    """
    order = np.argsort(days, kind="stable")
    given = order[(np.isfinite(ratio) & (low > 0) & (high > 0) & (close > 0))[order]]
    if len(given) < LEAST_ROWS:
        return None
    parted = np.log(ratio[given] / ((low + high + close)[given] / 3))
    first, last = (float(np.median(part)) for part in (parted[:END_ROWS], parted[-END_ROWS:]))
    still = float((np.abs(np.diff(parted)) < STILL_CHANGE).mean())
    if still < STILL_SHARE or abs(first - last) < LEAST_SPREAD:
        return None
    for size in SIZES:
        ends = [first + np.log(size), last + np.log(size)]
        inside = _inside(ratio[given] * size, low[given], high[given])
        if min(np.abs(ends)) < END_ERROR and inside < 1.0 - STILL_CHANGE * 2:
            at = [
                f"{np.exp(-end):.3g} ({days[given[index]]})"
                for end, index in zip(ends, (0, -1), strict=True)
            ]
            return size, f"price over average price is {at[0]} and {at[1]}"
    return None


def _inside(price: Numbers, low: Numbers, high: Numbers) -> float:
    return float(((price >= low * 0.995) & (price <= high * 1.005)).mean())
