"""Where the computation of factors starts anew, so that a session costs a bounded amount of work.

Wilder's and exponential averages depend on all history. Cut at dates that the calendar alone
gives, and warmed up over two years, a session's factors depend on at most six years of bars, and
come out byte for byte the same whether computed alone or with all others. See
docs/decisions/0003-factor-segments.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np

from factorprism.core.arrays import DayArray
from factorprism.core.calendar import TradingCalendar

SEGMENT_YEARS = 4
# Two years hold 480 sessions or more: (13/14)^480 < 1e-15 of what lies before is left in Wilder's
# averages, the slowest of the catalogue.
WARMUP_YEARS = 2


def segment_start(session: date) -> date:
    """Return the first day of `session`'s segment: 1 January of a year divisible by 4."""
    return date(session.year - session.year % SEGMENT_YEARS, 1, 1)


def bars_needed_from(first: date, calendar: TradingCalendar | None = None) -> date:
    """Return the day from which bars are needed to compute factors of `first` and later.

    With `calendar` the answer is not before its first session. Bars before that day change
    nothing; where a symbol's history starts later, it simply starts there.
    """
    start = segment_start(first)
    needed = start.replace(year=start.year - WARMUP_YEARS)
    return needed if calendar is None else max(needed, calendar.first)


def cut_segments(sessions: DayArray, row: int) -> Iterator[tuple[int, int, int]]:
    """Yield (warm, start, stop) for each segment that holds a row from `row` on.

    `sessions` is ascending ``datetime64[D]``. The segment's rows are ``start:stop``; what a
    recursive indicator remembers in it begins with row `warm`.
    """
    if row >= len(sessions):
        return
    begin = segment_start(sessions[row].astype(date)).year
    end = segment_start(sessions[-1].astype(date)).year + SEGMENT_YEARS
    years = np.arange(begin, end + 1, SEGMENT_YEARS) - 1970
    edges = np.stack([years - WARMUP_YEARS, years]).astype("datetime64[Y]")
    warm, start = np.searchsorted(sessions, edges.astype("datetime64[D]")).tolist()
    for position, stop in enumerate(start[1:]):
        if stop > start[position]:
            yield warm[position], start[position], stop
