"""Where a formula has nothing to measure: prices or volume that stood still for its whole window.

There the formula divides 0 by 0 and TA-Lib answers 0, which reads like a value. The catalogue
says for each factor how long a flat window leaves it undefined, and those rows are NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from factorprism.factors._kernels import Column

Flags = npt.NDArray[np.bool_]
Columns = Mapping[str, Column]


@dataclass(frozen=True)
class FlatWindow:
    """`what` (a key of `STILL`) stood still for `sessions` sessions, this one included.

    A factor that averages over its last values is undefined `echo` sessions longer.
    """

    what: str
    sessions: int
    echo: int = 0

    def __post_init__(self) -> None:
        if self.what not in STILL:
            raise ValueError(f"what: {self.what!r}, allowed are {', '.join(STILL)}")

    def __str__(self) -> str:
        return f"{self.what} for {self.sessions} sessions"


@dataclass(frozen=True)
class Runs:
    """Runs of still sessions: rows ``starts[i]:stops[i]``, `stops` excluded."""

    starts: npt.NDArray[np.intp]
    stops: npt.NDArray[np.intp]
    longest: int


def find_runs(what: str, columns: Columns) -> Runs:
    """Return the runs of sessions in which `what` stood still; needs its columns in `columns`."""
    rows = np.flatnonzero(STILL[what](columns))
    if not len(rows):
        return Runs(rows, rows, 0)
    breaks = np.flatnonzero(np.diff(rows) > 1)
    starts = rows[np.concatenate(([0], breaks + 1))]
    stops = rows[np.concatenate((breaks, [len(rows) - 1]))] + 1
    return Runs(starts, stops, int((stops - starts).max()))


def blank_flat(values: Column, window: FlatWindow, runs: Runs, n_skipped: int = 0) -> None:
    """Set `values` to NaN, in place, where `window` leaves them undefined.

    `values` begins with row `n_skipped` of those that `runs` counts.
    """
    if runs.longest < window.sessions:
        return
    for run in np.flatnonzero(runs.stops - runs.starts >= window.sessions):
        start = int(runs.starts[run]) + window.sessions - 1 - n_skipped
        stop = int(runs.stops[run]) + window.echo - n_skipped
        values[max(start, 0) : max(stop, 0)] = np.nan


def _repeats(values: Column) -> Flags:
    # Of the first row nothing is known, so that it never counts as still.
    repeats = np.zeros(len(values), dtype=np.bool_)
    np.equal(values[1:], values[:-1], out=repeats[1:])
    return repeats


def _typical_repeats(columns: Columns) -> Flags:
    return _repeats(columns["high"] + columns["low"] + columns["close"])


def _no_flow(columns: Columns) -> Flags:
    still: Flags = _typical_repeats(columns) | (columns["volume_shares"] == 0.0)
    return still


def _bounds_repeat(columns: Columns) -> Flags:
    still: Flags = _repeats(columns["high"]) & _repeats(columns["low"])
    return still


def _no_true_range(columns: Columns) -> Flags:
    high, low, close = columns["high"], columns["low"], columns["close"]
    still: Flags = high == low
    still[0] = False
    still[1:] &= high[1:] == close[:-1]
    return still


def _single_price(columns: Columns) -> Flags:
    single = columns["high"] == columns["low"]
    still: Flags = _repeats(columns["high"]) & single
    still[1:] &= single[:-1]
    return still


# By name, since the names stand in the documentation.
STILL: Mapping[str, Callable[[Columns], Flags]] = {
    "close unchanged": lambda columns: _repeats(columns["close"]),
    "typical price unchanged": _typical_repeats,
    "no money flow": _no_flow,
    "high and low unchanged": _bounds_repeat,
    "no true range": _no_true_range,
    "one single price": _single_price,
    "no volume": lambda columns: columns["volume_shares"] == 0.0,
}
