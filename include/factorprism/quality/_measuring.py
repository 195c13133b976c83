"""Measures pulls against what is held: each after its own history, and beside all other symbols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cached_property

import numpy as np
import pandas as pd

from factorprism.core.arrays import DayArray
from factorprism.core.calendar import TradingCalendar
from factorprism.core.symbols import is_index
from factorprism.market.bars import BAR_VALUES, Pull
from factorprism.quality._measures import (
    SHIFT_SESSIONS,
    BoolArray,
    FloatArray,
    count_sessions_since,
    find_copies,
    make_keys,
    measure_bars,
    measure_given,
    score_market,
    share_market,
)
from factorprism.quality._segments import IntArray

# Bars before a pull that its jumps and units are checked against.
HISTORY_DAYS = 600
# Rows that are measured at a time: thousands of symbols then need no more memory than a few.
ROWS_AT_A_TIME = 400_000


def measure_pulls(
    pulls: Sequence[Pull],
    bars: pd.DataFrame,
    calendars: Mapping[str, TradingCalendar],
    held: pd.DataFrame,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return `bars` with all measures, and one row a pull of what is measured on it as a whole.

    `bars` are those of the sound `pulls`, as `join_bars` gives them; `held` is of `check_bars`.
    """
    series = _Series(pulls, bars, calendars, _Market(held))
    measured, wholes = zip(*map(series.measure, series.split()), strict=True)
    return pd.concat(measured, ignore_index=True), pd.concat(wholes, ignore_index=True)


class _Market:
    """The bars of all symbols, ascending by symbol and session; a symbol is a number here."""

    def __init__(self, held: pd.DataFrame) -> None:
        numbers, names = pd.factorize(held["symbol"], sort=True)
        self._numbers = {str(name): number for number, name in enumerate(names)}
        order = np.lexsort((held["session"], numbers))
        self.bars = pd.DataFrame(
            {
                "subject": numbers[order].astype(np.int64),
                "session": held["session"].to_numpy()[order],
            }
            | {name: held[name].to_numpy()[order] for name in BAR_VALUES}
        )

    def number(self, pulls: Sequence[Pull]) -> IntArray:
        """Return the number of each pull's symbol, -1 where nothing of it is held."""
        return np.array([self._numbers.get(pull.symbol, -1) for pull in pulls], np.int64)

    def find(self, symbols: IntArray, days: DayArray) -> IntArray:
        """Return before which of the bars each (symbol, day) stands."""
        return np.searchsorted(self._keys, make_keys(symbols, days.astype(np.int64)))

    def shared(self, symbols: IntArray, days: DayArray) -> FloatArray:
        """Return the jump that all other symbols share, for each (symbol, day)."""
        own, own_days = self.bars["subject"].to_numpy(), _days(self.bars).astype(np.int64)
        return share_market(self._scores, own_days, own, days.astype(np.int64), symbols)

    @cached_property
    def _keys(self) -> IntArray:
        return make_keys(self.bars["subject"].to_numpy(), _days(self.bars).astype(np.int64))

    @cached_property
    def _scores(self) -> FloatArray:
        return score_market(self.bars)


class _Series:
    """The bars of pulls, each behind its history."""

    def __init__(
        self,
        pulls: Sequence[Pull],
        bars: pd.DataFrame,
        calendars: Mapping[str, TradingCalendar],
        market: _Market,
    ) -> None:
        self._bars, self._market = bars, market
        self._calendars = [calendars[pull.symbol] for pull in pulls]
        self._symbols = market.number(pulls)
        self._is_index = np.array([is_index(pull.symbol) for pull in pulls])
        since = [pull.first - timedelta(days=HISTORY_DAYS) for pull in pulls]
        self._begins = np.searchsorted(bars["subject"], np.arange(len(pulls) + 1))
        # History ends before the first row: no pull is compared with an older copy of itself.
        self._history_ends = market.find(self._symbols, _days(bars)[self._begins[:-1]])
        self._history_begins = np.minimum(
            market.find(self._symbols, np.array(since, "datetime64[D]")), self._history_ends
        )

    def split(self) -> list[IntArray]:
        """Return the indices of the pulls in the parts that are measured at a time."""
        n_rows = np.diff(self._begins) + self._history_ends - self._history_begins
        part = np.cumsum(n_rows) // ROWS_AT_A_TIME
        return np.split(np.arange(len(n_rows)), np.flatnonzero(np.diff(part)) + 1)

    def measure(self, indices: IntArray) -> tuple[pd.DataFrame, pd.DataFrame]:
        rows, is_pulled = self._join(indices)
        subject, days = rows["subject"].to_numpy(), _days(rows)
        index_rows, symbols = self._is_index[subject], self._symbols[subject]
        shared, recent = np.full(len(rows), np.nan), _find_recent(is_pulled)
        shared[recent] = self._market.shared(symbols[recent], days[recent])
        copies = np.full(len(rows), np.nan)
        copies[index_rows] = find_copies(rows[index_rows], symbols[index_rows], self._market.bars)
        measured = measure_bars(rows, self._count_gaps(subject, days), shared, index_rows)
        return measured.assign(is_copy=copies)[is_pulled], measure_given(rows, is_pulled)

    def _join(self, indices: IntArray) -> tuple[pd.DataFrame, BoolArray]:
        """Return the rows of the pulls at `indices` behind their histories, and which they are."""
        begins, ends = self._history_begins[indices], self._history_ends[indices]
        rows = np.concatenate([np.arange(*pair) for pair in zip(begins, ends, strict=True)])
        before = self._market.bars.iloc[rows].assign(subject=np.repeat(indices, ends - begins))
        pulled = self._bars.iloc[self._begins[indices[0]] : self._begins[indices[-1] + 1]]
        joined = pd.concat([before, pulled], ignore_index=True)
        order = np.argsort(joined["subject"].to_numpy(), kind="stable")
        return joined.iloc[order].reset_index(drop=True), order >= len(before)

    def _count_gaps(self, subject: IntArray, days: DayArray) -> FloatArray:
        """Return the sessions since the row before, by the calendar of each row's own pull."""
        kind = np.array([id(calendar) for calendar in self._calendars])[subject]
        gaps = np.full(len(days), np.nan)
        for calendar in {id(calendar): calendar for calendar in self._calendars}.values():
            own = kind == id(calendar)
            gaps[own] = count_sessions_since(subject[own], days[own], calendar.session_days)
        return gaps


def _find_recent(is_pulled: BoolArray) -> BoolArray:
    """Tell which rows a measure of a pulled row looks at for the jump of that very day."""
    ahead = pd.Series(is_pulled)
    rows = [ahead.shift(-n_rows, fill_value=False) for n_rows in range(SHIFT_SESSIONS)]
    recent: BoolArray = np.logical_or.reduce(rows)
    return recent


def _days(bars: pd.DataFrame) -> DayArray:
    days: DayArray = bars["session"].to_numpy().astype("datetime64[D]")
    return days
