"""Bars against the exchange's calendar: which sessions have none, and which lack a value."""

from __future__ import annotations

from calendar import Calendar
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from factorprism.core.arrays import DayArray
from factorprism.core.calendar import calendar_of
from factorprism.market.bars import BAR_VALUES, HeldBars
from factorprism.warehouse import PostgresWarehouse

HELD, INCOMPLETE, ABSENT, CLOSED = "held", "incomplete", "absent", "closed"
# Absent sessions that are named; the heat map counts all of them.
NAMED_ABSENT = 40
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class CoverageMonth:
    """One month: its sessions, those without a bar, and those whose bar lacks a value."""

    year: int
    month: int
    n_sessions: int
    n_absent: int
    n_incomplete: int

    @property
    def n_faulty(self) -> int:
        return self.n_absent + self.n_incomplete


@dataclass(frozen=True)
class CoverageYear:
    """A year's months, January first; None where no session is expected."""

    year: int
    months: tuple[CoverageMonth | None, ...]

    @property
    def n_sessions(self) -> int:
        return sum(period.n_sessions for period in self.months if period)

    @property
    def n_absent(self) -> int:
        return sum(period.n_absent for period in self.months if period)

    @property
    def n_incomplete(self) -> int:
        return sum(period.n_incomplete for period in self.months if period)


@dataclass(frozen=True)
class Coverage:
    """What is held of one symbol, from its first bar through the last session of the universe.

    `never_given` are columns that no bar of the symbol has: a source without them is no gap.
    `unexpected` are days with a bar on which the exchange did not trade.
    """

    symbol: str
    first: date
    last: date
    n_sessions: int
    n_absent: int
    n_incomplete: int
    never_given: tuple[str, ...]
    absent: tuple[date, ...]  # the latest `NAMED_ABSENT`, the last one first
    unexpected: tuple[date, ...]
    years: tuple[CoverageYear, ...] = field(repr=False)

    @property
    def ratio(self) -> float:
        """The share of sessions without a whole bar."""
        return (self.n_absent + self.n_incomplete) / self.n_sessions if self.n_sessions else 0.0


@dataclass(frozen=True)
class Day:
    """One day of a year: `state` is held, incomplete, absent or closed; `lacking` its columns."""

    day: date
    state: str
    lacking: tuple[str, ...] = ()


@dataclass(frozen=True)
class Month:
    """A month as calendars print it: weeks from Monday, None outside the month or the history."""

    first: date
    weeks: tuple[tuple[Day | None, ...], ...]


@dataclass(frozen=True)
class _Grid:
    """Expected `sessions` of one symbol beside what each of them lacks."""

    sessions: DayArray
    absent: Flags
    lacking: Flags  # [session, BAR_VALUES]
    never_given: Flags  # [BAR_VALUES]
    unexpected: DayArray

    @property
    def incomplete(self) -> Flags:
        return np.asarray(self.lacking.any(axis=1))


def load_coverage(warehouse: PostgresWarehouse, symbol: str, through: date) -> Coverage | None:
    """Return what is held of `symbol` against its calendar; None when no bar is."""
    grid = _load_grid(warehouse, symbol, through)
    if grid is None:
        return None
    absent = grid.sessions[grid.absent]
    return Coverage(
        symbol=symbol,
        first=grid.sessions[0].astype(date),
        last=grid.sessions[-1].astype(date),
        n_sessions=len(grid.sessions),
        n_absent=len(absent),
        n_incomplete=int(grid.incomplete.sum()),
        never_given=_name(grid.never_given),
        absent=tuple(absent[::-1][:NAMED_ABSENT].tolist()),
        unexpected=tuple(grid.unexpected.tolist()),
        years=tuple(_group_years(grid)),
    )


def load_days(
    warehouse: PostgresWarehouse, symbol: str, year: int, through: date
) -> tuple[Day, ...]:
    """Return every day of `year` that the history of `symbol` reaches, and what it lacks."""
    grid = _load_grid(warehouse, symbol, through)
    if grid is None:
        return ()
    first = max(date(year, 1, 1), grid.sessions[0].astype(date))
    last = min(date(year, 12, 31), grid.sessions[-1].astype(date))
    index = {day: row for row, day in enumerate(grid.sessions.tolist())}
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return tuple(_describe(grid, day, index.get(day)) for day in days)


def arrange_months(days: Sequence[Day]) -> tuple[Month, ...]:
    """Return `days`, which are of one year, ascending and without a gap, as months."""
    held = {day.day: day for day in days}
    months = sorted({day.day.replace(day=1) for day in days})
    return tuple(
        Month(
            month,
            tuple(
                tuple(held.get(day) if day.month == month.month else None for day in week)
                for week in Calendar().monthdatescalendar(month.year, month.month)
            ),
        )
        for month in months
    )


def _describe(grid: _Grid, day: date, row: int | None) -> Day:
    if row is None:
        return Day(day, CLOSED)
    if grid.absent[row]:
        return Day(day, ABSENT)
    lacking = _name(grid.lacking[row])
    return Day(day, INCOMPLETE if lacking else HELD, lacking)


def _load_grid(warehouse: PostgresWarehouse, symbol: str, through: date) -> _Grid | None:
    extent = warehouse.bars.load_extent(symbol)
    if extent is None:
        return None
    first, last = extent[0], max(extent[1], through)
    sessions = calendar_of(symbol).sessions(first, last)
    held = warehouse.bars.load_held_bars(symbol, first, last)
    return _lay_over(sessions, held) if len(sessions) else None


def _lay_over(sessions: DayArray, held: HeldBars) -> _Grid:
    never_given: Flags = np.asarray(held.missing.all(axis=0)) & (len(held.days) > 0)
    expected = np.isin(held.days, sessions)
    absent = ~np.isin(sessions, held.days)
    lacking = np.zeros((len(sessions), len(BAR_VALUES)), bool)
    lacking[~absent] = held.missing[expected] & ~never_given
    return _Grid(sessions, absent, lacking, never_given, held.days[~expected])


def _group_years(grid: _Grid) -> Iterator[CoverageYear]:
    months = grid.sessions.astype("datetime64[M]")
    held, starts = np.unique(months, return_index=True)
    counts = np.diff(np.append(starts, len(months)))
    absent = np.add.reduceat(grid.absent.astype(np.int64), starts)
    incomplete = np.add.reduceat(grid.incomplete.astype(np.int64), starts)
    by_month: dict[tuple[int, int], CoverageMonth] = {}
    figures = (column.tolist() for column in (held, counts, absent, incomplete))
    for day, n_sessions, n_absent, n_incomplete in zip(*figures, strict=True):
        period = CoverageMonth(day.year, day.month, n_sessions, n_absent, n_incomplete)
        by_month[day.year, day.month] = period
    for year in range(held[-1].astype(date).year, held[0].astype(date).year - 1, -1):
        yield CoverageYear(year, tuple(by_month.get((year, month)) for month in range(1, 13)))


def _name(flags: Flags) -> tuple[str, ...]:
    return tuple(name for name, flag in zip(BAR_VALUES, flags, strict=True) if flag)
