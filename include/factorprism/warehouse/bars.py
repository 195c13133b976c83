"""Holds the daily bars in force, every value that a revision replaced, and what they were when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd
from psycopg2.extras import execute_values
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Connection,
    Date,
    ForeignKey,
    Integer,
    Table,
    Text,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from factorprism.core.arrays import DayArray
from factorprism.market.bars import (
    BAR_VALUES,
    HeldBars,
    MergeResult,
    RevisedValue,
    Revision,
    empty_bars,
    make_bars,
)
from factorprism.warehouse.db.base import (
    DOUBLE,
    PRICE,
    SCHEMA,
    SYMBOL,
    column,
    metadata,
    moment,
)
from factorprism.warehouse.db.bulk import merge_rows, read_rows
from factorprism.warehouse.db.connection import Database
from factorprism.warehouse.db.locks import lock_transaction
from factorprism.warehouse.db.moments import from_database, to_database
from factorprism.warehouse.db.wire import DATE, FLOAT8, Wire

PULL = f"{SCHEMA}.pulls.pull_id"  # by its name: the file on pulls reads the tables of this one

bars = Table(
    "bars",
    metadata,
    column("symbol", Text(), SYMBOL, primary_key=True),
    column("session", Date(), "Trading day of the exchange.", primary_key=True),
    column("open", DOUBLE, f"First price of the session, {PRICE}."),
    column("high", DOUBLE, f"Highest price of the session, {PRICE}."),
    column("low", DOUBLE, f"Lowest price of the session, {PRICE}."),
    column("close", DOUBLE, f"Last price of the session, {PRICE}."),
    column("volume_shares", DOUBLE, "Volume, shares; NaN where the source gives none."),
    column("amount_cny", DOUBLE, "Turnover, CNY (abroad: its currency); NaN where not given."),
    column("pre_close", DOUBLE, f"Previous close by the vendor, {PRICE}; NaN: not given."),
    column("pct_chg", DOUBLE, "Change from the previous close, per cent; NaN: not given."),
    column("pull_id", BigInteger(), "Pull that gave the values now held.", ForeignKey(PULL)),
    moment("recorded_at", "When the session was first recorded; a revision leaves it."),
    comment="The daily bars in force: accepted by the gate, with the latest revision.",
)

bar_revisions = Table(
    "bar_revisions",
    metadata,
    column("symbol", Text(), SYMBOL, primary_key=True),
    column("session", Date(), "Session whose bar was revised.", primary_key=True),
    column("column_name", Text(), "Column of bars that was revised.", primary_key=True),
    column(
        "revision",
        Integer(),
        "1 for the first revision of this value, 2 for the next.",
        primary_key=True,
        autoincrement=False,
    ),
    column("old_value", DOUBLE, "Value before, in the unit of the column."),
    column("new_value", DOUBLE, "Value after, in the unit of the column."),
    column("pull_id", BigInteger(), "Pull that brought the new value.", ForeignKey(PULL)),
    moment("revised_at", "When the value was replaced."),
    CheckConstraint("revision >= 1", "revision_counts_from_one"),
    comment="Every value of a bar that a later pull replaced, with the value before.",
)

bar_extents = Table(
    "bar_extents",
    metadata,
    column("symbol", Text(), SYMBOL, primary_key=True),
    column("first_session", Date(), "First session held in bars."),
    column("last_session", Date(), "Last session held in bars."),
    moment("changed_at", "When a bar of the symbol was last added or revised."),
    CheckConstraint("first_session <= last_session", "range_is_ordered"),
    comment="One row a symbol: which sessions are held, and when they last changed.",
)


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
    f"CASE WHEN {name} = 'NaN' THEN {1 << index} ELSE 0 END"
    for index, name in enumerate(BAR_VALUES)
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
    """Over the tables ``bars``, ``bar_revisions`` and ``bar_extents``."""

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

    def list_symbols(self) -> list[str]:
        """Return the symbols that a bar is held of, in their order."""
        statement = select(bar_extents.c.symbol).order_by(bar_extents.c.symbol)
        with self._database.begin() as connection:
            return list(connection.scalars(statement))

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
    index = np.searchsorted(held.days, rows.days)
    index[index == len(held.days)] = 0
    is_new = np.ones(len(rows.days), bool)
    if len(held.days):
        is_new = held.days[index] != rows.days
    known = np.flatnonzero(~is_new)
    old, new = held.values[index[known]], rows.values[known]
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
    index = {day: row for row, day in enumerate(rows.days.tolist())}
    for session, name, old_value in connection.execute(later):
        if session in index:
            values[index[session], BAR_VALUES.index(name)] = old_value
    return _Rows(rows.days, values)


def _day(value: object) -> object:
    return value.astype(date) if isinstance(value, np.datetime64) else value


def _by_name(values: Values) -> Mapping[str, Values]:
    return dict(zip(BAR_VALUES, values.T, strict=True))


def _frame(symbol: str, rows: _Rows) -> pd.DataFrame:
    keys = {"symbol": symbol, "session": rows.days.astype("datetime64[us]")}
    return pd.DataFrame(keys | dict(_by_name(rows.values)))


_SAVE_REVISIONS = """
INSERT INTO prism.bar_revisions
    (symbol, session, column_name, revision, old_value, new_value, pull_id, revised_at)
SELECT new.symbol, new.session, new.column_name, 1 + (
        SELECT count(*) FROM prism.bar_revisions AS held
        WHERE held.symbol = new.symbol AND held.session = new.session
            AND held.column_name = new.column_name
    ), new.old_value, new.new_value, new.pull_id, new.revised_at
FROM (VALUES %s)
    AS new (symbol, session, column_name, old_value, new_value, pull_id, revised_at)
"""
_REVISION = "(%s, %s::date, %s, %s::float8, %s::float8, %s::bigint, %s::timestamptz)"


def begin_change(connection: Connection, symbol: str) -> datetime:
    """Return the moment of a change: later than every earlier change of `symbol`.

    The caller holds the symbol's lock. A wall clock that was set back is overruled, because the
    order of these moments says what was known before what.
    """
    now: datetime = connection.scalars(select(func.clock_timestamp())).one()
    held = connection.scalar(select(bar_extents.c.changed_at).where(bar_extents.c.symbol == symbol))
    return now if held is None else max(now, held + timedelta(microseconds=1))


def save_revisions(
    connection: Connection, revisions: Sequence[Revision], revised_at: datetime
) -> None:
    """Write one row a revision, numbered after those of the same value."""
    rows = [
        (
            revision.symbol,
            revision.session,
            revision.column,
            revision.old_value,
            revision.new_value,
            revision.pull_id,
            revised_at,
        )
        for revision in revisions
    ]
    if rows:
        cursor = connection.connection.cursor()
        execute_values(cursor, _SAVE_REVISIONS, rows, _REVISION, page_size=1000)


def mark_changed(
    connection: Connection, symbol: str, first: date, last: date, changed_at: datetime
) -> None:
    """Widen the symbol's extent to [`first`, `last`] and call its factors stale from `first`."""
    new = insert(bar_extents).values(
        symbol=symbol, first_session=first, last_session=last, changed_at=changed_at
    )
    connection.execute(
        new.on_conflict_do_update(
            index_elements=[bar_extents.c.symbol],
            set_={
                "first_session": func.least(bar_extents.c.first_session, first),
                "last_session": func.greatest(bar_extents.c.last_session, last),
                "changed_at": changed_at,
            },
        )
    )
    # Of the room's file on factors, which reads the tables of this one.
    watermarks = metadata.tables[f"{SCHEMA}.factor_watermarks"]
    connection.execute(
        update(watermarks)
        .where(watermarks.c.symbol == symbol)
        # least() passes over null, which stands for "none is stale".
        .values(dirty_from=func.least(watermarks.c.dirty_from, first))
    )
