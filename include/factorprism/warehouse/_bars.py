"""Holds the daily bars in force, every value that a revision replaced, and what they were when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import Connection, func, select

from factorprism.core.readings import HeldBars, RevisedValue
from factorprism.core.schemas import (
    BAR_VALUES,
    DayArray,
    MergeResult,
    Revision,
    empty_bars,
    make_bars,
)
from factorprism.warehouse._bulk import merge_rows, read_rows
from factorprism.warehouse._changes import begin_change, mark_changed, save_revisions
from factorprism.warehouse._connection import Database
from factorprism.warehouse._locks import lock_transaction
from factorprism.warehouse._moments import from_database, to_database
from factorprism.warehouse._wire import DATE, FLOAT8, Wire
from factorprism.warehouse.tables import bar_extents, bar_revisions

Values = npt.NDArray[np.float64]

_VALUE_NAMES = ", ".join(BAR_VALUES)
_LOAD = (
    f"SELECT session, {_VALUE_NAMES} FROM prism.bars"  # noqa: S608
    " WHERE symbol = %(symbol)s AND session BETWEEN %(first)s AND %(last)s"
)
_LOAD_NOW = f"{_LOAD} ORDER BY session"
_LOAD_KNOWN = f"{_LOAD} AND recorded_at <= %(known_at)s ORDER BY session"
_WIRES = [DATE, *[FLOAT8] * len(BAR_VALUES)]
# One bit a column says which values are absent: a fiftieth of the bytes of the bars themselves.
_ABSENT = " | ".join(
    f"CASE WHEN {name} = 'NaN' THEN {1 << place} ELSE 0 END"
    for place, name in enumerate(BAR_VALUES)
)
_HELD = (
    f"SELECT session, ({_ABSENT})::integer FROM prism.bars"  # noqa: S608
    " WHERE symbol = %(symbol)s AND session BETWEEN %(first)s AND %(last)s ORDER BY session"
)


@dataclass(frozen=True)
class _Rows:
    """Bars of one symbol: ascending `days`, and `values` float64 [day, BAR_VALUES]."""

    days: DayArray
    values: Values


class BarRepository:
    """`BarStore` over the tables ``bars``, ``bar_revisions`` and ``bar_extents``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def merge_bars(self, bars: pd.DataFrame, pull_id: int) -> MergeResult:
        """Insert new bars and revise changed ones of one symbol, in one transaction.

        Values are compared exactly, NaN equal to NaN. Merges of one symbol follow one another,
        those of different symbols run side by side. Raises ``ValueError`` for bars of several
        symbols or with a session twice.
        """
        if bars.empty:
            return MergeResult(0, (), None)
        symbol, rows = _one_symbol(bars)
        with self._database.begin() as connection:
            lock_transaction(connection, f"bars {symbol}")
            held = _read(connection, symbol, rows.days[0], rows.days[-1])
            is_new, revisions = _compare(symbol, rows, held, pull_id)
            changed = is_new | np.isin(rows.days, [np.datetime64(r.session) for r in revisions])
            if not changed.any():
                return MergeResult(0, (), None)
            changed_at = begin_change(connection, symbol)
            merge_rows(
                connection,
                "bars",
                ("symbol", "session"),
                {"session": rows.days[changed], **_by_name(rows.values[changed])},
                constants={"symbol": symbol, "pull_id": pull_id, "recorded_at": changed_at},
                keep=("recorded_at",),
            )
            save_revisions(connection, revisions, changed_at)
            days: list[date] = rows.days[changed].tolist()
            mark_changed(connection, symbol, days[0], days[-1], changed_at)
        return MergeResult(int(is_new.sum()), revisions, days[0])

    def load_bars(
        self, symbols: Sequence[str], first: date, last: date, known_at: datetime | None = None
    ) -> pd.DataFrame:
        """Return the bar frame of `symbols` in [`first`, `last`], as known at `known_at` (UTC).

        `known_at` goes by the warehouse's own clock: a bar is known from the moment it was merged.
        """
        frames = []
        with self._database.begin() as connection:
            for symbol in sorted(set(symbols)):
                if known_at is None:
                    rows = _read(connection, symbol, first, last)
                else:
                    rows = _read_known(connection, symbol, first, last, to_database(known_at))
                if len(rows.days):
                    frames.append(_frame(symbol, rows))
        return make_bars(pd.concat(frames)) if frames else empty_bars()

    def load_extent(self, symbol: str) -> tuple[date, date] | None:
        """Return the first and last session held, or None; does not read the bars."""
        statement = select(bar_extents.c.first_session, bar_extents.c.last_session).where(
            bar_extents.c.symbol == symbol
        )
        with self._database.begin() as connection:
            row = connection.execute(statement).one_or_none()
        return (row.first_session, row.last_session) if row else None

    def load_revisions(self, symbol: str, first: date, last: date) -> pd.DataFrame:
        """Return the revisions of sessions in [`first`, `last`], by session, column and order.

        Columns: ``symbol``, ``session``, ``column``, ``old_value``, ``new_value``, ``pull_id`` and
        ``revised_at`` (naive, UTC).
        """
        table = bar_revisions.c
        statement = (
            select(bar_revisions)
            .where(table.symbol == symbol, table.session.between(first, last))
            .order_by(table.session, table.column_name, table.revision)
        )
        with self._database.begin() as connection:
            rows = connection.execute(statement).all()
        return pd.DataFrame(
            {
                "symbol": pd.Series([row.symbol for row in rows], dtype="str"),
                "session": pd.Series([row.session for row in rows], dtype="datetime64[us]"),
                "column": pd.Series([row.column_name for row in rows], dtype="str"),
                "old_value": pd.Series([row.old_value for row in rows], dtype="float64"),
                "new_value": pd.Series([row.new_value for row in rows], dtype="float64"),
                "pull_id": pd.Series([row.pull_id for row in rows], dtype="int64"),
                "revised_at": pd.Series(
                    [from_database(row.revised_at) for row in rows], dtype="datetime64[us]"
                ),
            }
        )

    def load_held_bars(self, symbol: str, first: date, last: date) -> HeldBars:
        """Return which bars of `symbol` in [`first`, `last`] are held, and what they lack."""
        parameters = {"symbol": symbol, "first": first, "last": last}
        with self._database.begin() as connection:
            days, bits = read_rows(connection, _HELD, parameters, [DATE, Wire("integer")])
        return HeldBars(days, (bits[:, None] >> np.arange(len(BAR_VALUES)) & 1).astype(bool))

    def list_revisions(self, symbols: Sequence[str], limit: int) -> list[RevisedValue]:
        """Return the newest `limit` revised values of `symbols`, the last revised first."""
        table = bar_revisions.c
        statement = (
            select(bar_revisions)
            .where(table.symbol.in_(symbols))
            .order_by(
                *(table.revised_at.desc(), table.session.desc(), table.symbol),
                *(table.column_name, table.revision.desc()),
            )
            .limit(limit)
        )
        with self._database.begin() as connection:
            rows = connection.execute(statement).all()
        return [
            RevisedValue(
                symbol=row.symbol,
                session=row.session,
                column=row.column_name,
                old_value=row.old_value,
                new_value=row.new_value,
                pull_id=row.pull_id,
                revised_at=from_database(row.revised_at),
            )
            for row in rows
        ]

    def count_revisions(self, symbols: Sequence[str]) -> int:
        """Return how many values of `symbols` were ever revised."""
        counted = select(func.count()).where(bar_revisions.c.symbol.in_(symbols))
        with self._database.begin() as connection:
            return connection.scalar(counted) or 0


def _one_symbol(bars: pd.DataFrame) -> tuple[str, _Rows]:
    symbols = bars["symbol"].unique()
    if len(symbols) != 1:
        raise ValueError(f"bars: holds {len(symbols)} symbols, must hold one")
    ordered = bars.sort_values("session", kind="stable")
    days = ordered["session"].to_numpy().astype("datetime64[D]")
    twice = days[1:][days[1:] == days[:-1]]
    if len(twice):
        raise ValueError(f"bars: session {twice[0]} stands twice, must stand once")
    # One zero, as in hash_bars: a minus sign on it is no revision.
    return str(symbols[0]), _Rows(days, ordered[list(BAR_VALUES)].to_numpy(np.float64) + 0.0)


def _compare(
    symbol: str, rows: _Rows, held: _Rows, pull_id: int
) -> tuple[npt.NDArray[np.bool_], tuple[Revision, ...]]:
    place = np.searchsorted(held.days, rows.days)
    place[place == len(held.days)] = 0
    is_new = np.ones(len(rows.days), bool)
    if len(held.days):
        is_new = held.days[place] != rows.days
    known = np.flatnonzero(~is_new)
    old, new = held.values[place[known]], rows.values[known]
    differs = (old != new) & ~(np.isnan(old) & np.isnan(new))
    return is_new, tuple(
        Revision(
            symbol=symbol,
            session=rows.days[known[row]].astype(date),
            column=BAR_VALUES[column],
            old_value=float(old[row, column]),
            new_value=float(new[row, column]),
            pull_id=pull_id,
        )
        for row, column in np.argwhere(differs)
    )


def _read(
    connection: Connection,
    symbol: str,
    first: object,
    last: object,
    query: str = _LOAD_NOW,
    **more: object,
) -> _Rows:
    parameters = {"symbol": symbol, "first": _day(first), "last": _day(last), **more}
    days, *columns = read_rows(connection, query, parameters, _WIRES)
    return _Rows(days, np.column_stack(columns))


def _read_known(
    connection: Connection, symbol: str, first: date, last: date, known_at: datetime
) -> _Rows:
    rows = _read(connection, symbol, first, last, _LOAD_KNOWN, known_at=known_at)
    table = bar_revisions.c
    # The value known then is the one that the first later revision replaced: it comes last.
    later = (
        select(table.session, table.column_name, table.old_value)
        .where(
            table.symbol == symbol,
            table.session.between(first, last),
            table.revised_at > known_at,
        )
        .order_by(table.revision.desc())
    )
    values = rows.values.copy()
    place = {day: row for row, day in enumerate(rows.days.tolist())}
    for session, column, old_value in connection.execute(later):
        if session in place:
            values[place[session], BAR_VALUES.index(column)] = old_value
    return _Rows(rows.days, values)


def _day(value: object) -> object:
    return value.astype(date) if isinstance(value, np.datetime64) else value


def _by_name(values: Values) -> Mapping[str, Values]:
    return dict(zip(BAR_VALUES, values.T, strict=True))


def _frame(symbol: str, rows: _Rows) -> pd.DataFrame:
    keys = {"symbol": symbol, "session": rows.days.astype("datetime64[us]")}
    return pd.DataFrame(keys | dict(_by_name(rows.values)))
