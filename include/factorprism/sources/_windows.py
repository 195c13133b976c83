"""Cuts a range into windows that fit one call, and makes sure that each came whole."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from factorprism.core.arrays import DayArray
from factorprism.core.errors import MalformedResponse
from factorprism.sources._convert import parse_days
from factorprism.sources._vendor import Page

logger = logging.getLogger("factorprism.sources")

YEARS_PER_WINDOW = 5  # some 1,215 sessions or 1,827 days, below the smallest row cap


@dataclass(frozen=True)
class DayRange:
    """The days `first` to `last`, both included."""

    first: date
    last: date


@dataclass(frozen=True)
class Series:
    """One series of the vendor, dated by `day_column`, at most `row_cap` rows a call.

    `ask` gets a window and whether an answer without rows is an error; `sessions_of` names the
    days of a window on which the series should have a row.
    """

    ask: Callable[[DayRange, bool], Page]
    sessions_of: Callable[[DayRange], DayArray]
    day_column: str
    row_cap: int


def split_windows(first: date, last: date) -> Iterator[DayRange]:
    """Yield windows that cover [`first`, `last`], ending with the years 2004, 2009, 2014, ..."""
    while first <= last:
        year = first.year + (YEARS_PER_WINDOW - 1 - first.year % YEARS_PER_WINDOW)
        end = min(last, date(year, 12, 31))
        yield DayRange(first, end)
        first = end + timedelta(days=1)


def fetch_complete(series: Series, window: DayRange, *, require_rows: bool = True) -> pd.DataFrame:
    """Return the vendor's rows of `window`, in any order; absent sessions stay absent.

    A page that says ``has_more`` or is as long as the row cap, and lacks sessions, is asked for
    again in two halves. A page whose oldest sessions are absent may have been cut without saying
    so (rows come newest first), so what lies before its oldest row is asked for once more. Rows
    that lie outside `window` are refused with a warning.

    Raises `MalformedResponse` when a single day still comes truncated.
    """
    page = series.ask(window, require_rows)
    rows, days = _cut_to(window, page.frame, series.day_column)
    absent = np.setdiff1d(series.sessions_of(window), days)
    if len(absent) and (page.has_more or len(page.frame) >= series.row_cap):
        halves = _halve(window, len(rows))
        return _join([fetch_complete(series, half, require_rows=require_rows) for half in halves])
    if not len(rows) or not len(absent) or absent[0] > days.min():
        return rows
    before = DayRange(window.first, days.min().astype(date) - timedelta(days=1))
    return _join([fetch_complete(series, before, require_rows=False), rows])


def _cut_to(window: DayRange, frame: pd.DataFrame, column: str) -> tuple[pd.DataFrame, DayArray]:
    days = parse_days(frame[column])
    inside = (days >= np.datetime64(window.first)) & (days <= np.datetime64(window.last))
    if not inside.all():
        logger.warning(
            "asked for %s to %s, the vendor sent %d rows of other days (%s), perhaps not final; "
            "they are refused",
            window.first,
            window.last,
            int((~inside).sum()),
            ", ".join(str(day) for day in days[~inside][:3]),
        )
    return frame[inside], days[inside]


def _halve(window: DayRange, n_rows: int) -> tuple[DayRange, DayRange]:
    n_days = (window.last - window.first).days + 1
    if n_days == 1:
        raise MalformedResponse(
            f"the vendor's answer for the one day {window.first} is truncated ({n_rows} rows)",
            remedy="The vendor is in trouble; try again later.",
        )
    logger.warning(
        "%s to %s came truncated after %d rows; asking again in two halves",
        window.first,
        window.last,
        n_rows,
    )
    middle = window.first + timedelta(days=n_days // 2 - 1)
    return DayRange(window.first, middle), DayRange(middle + timedelta(days=1), window.last)


def _join(frames: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled or frames[:1], ignore_index=True)
