"""The append-only ledger of forecasts in words, their values by target, and what came of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import date, datetime
from typing import Any

import pandas as pd
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Computed,
    Connection,
    Date,
    FetchedValue,
    ForeignKeyConstraint,
    Index,
    Integer,
    Interval,
    Row,
    Table,
    Text,
    UniqueConstraint,
    and_,
    exists,
    false,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert

from factorprism.core.ledger import (
    Forecast,
    ForecastLine,
    ForecastState,
    Head,
    IssuedForecast,
    LedgerReport,
    Outcome,
    Record,
    Values,
)
from factorprism.warehouse.chain import hash_values
from factorprism.warehouse.db.base import (
    DOUBLE,
    HORIZON,
    MODEL,
    SIGNAL,
    SYMBOL,
    TARGET_NAME,
    UNIVERSE,
    column,
    find_value_table,
    finite,
    metadata,
    moment,
    positive,
    ratio,
    sha256,
    value_names,
)
from factorprism.warehouse.db.bulk import read_rows
from factorprism.warehouse.db.connection import Database
from factorprism.warehouse.db.moments import from_database, to_database
from factorprism.warehouse.db.wire import DATE, FLOAT8
from factorprism.warehouse.verification import SIGNAL_NAMES, read_heads, verify_chains

_HASHES = " AND ".join(
    f"{name} ~ '^[0-9a-f]{{64}}$'"
    for name in ("data_hash", "factor_hash", "image_hash", "values_hash")
)

LEDGER = {"ledger": True}  # append-only for everybody

WORD_KEY = ("signal", "session", "model_id", "word")

forecasts: Table = Table(
    "forecasts",
    metadata,
    column("signal", Text(), SIGNAL, primary_key=True),
    column("session", Date(), "Session after whose close the forecast is made.", primary_key=True),
    column("model_id", Text(), MODEL + " 'none' without a champion.", primary_key=True),
    column(
        "word",
        Integer(),
        "1 for the first word on this key, 2 for the next; the database counts.",
        primary_key=True,
        autoincrement=False,
        server_default=FetchedValue(),
    ),
    column("position", BigInteger(), "Place in the signal's chain, from 1; the database counts."),
    column("state", Text(), "issued: a forecast; withheld: none, for a reason."),
    column("target", Text(), TARGET_NAME),
    column("universe", Text(), UNIVERSE),
    column("horizon", Integer(), HORIZON),
    column("horizon_end", Date(), "Session whose close decides what comes of it."),
    column("symbol", Text(), "Instrument that the signal is about; empty: it is about many."),
    column("reason", Text(), "Why it was withheld; empty where issued."),
    column("data_hash", Text(), "SHA-256 of the bars behind the image, hex; empty: withheld."),
    column("factor_hash", Text(), "SHA-256 of the factors in the window, hex; empty: withheld."),
    column("image_hash", Text(), "SHA-256 of the image that was read, hex; empty: withheld."),
    column(
        "horizon_end_expected",
        Boolean(),
        "Whether horizon_end is only expected, since the calendar is not known so far.",
        server_default=false(),
    ),
    moment("due_at", "When it was due; null: not known.", nullable=True),
    moment("created_at", "When the row was written, by the clock of the database."),
    column(
        "late_by",
        Interval(),
        "How long after due_at it was written, never below 0; null: not known.",
        Computed("GREATEST(created_at, due_at) - due_at", persisted=True),
        nullable=True,
    ),
    column("values_hash", Text(), "SHA-256 of the values, hex; empty: withheld."),
    column("previous_hash", Text(), "row_hash of the row before in the chain; empty: the first."),
    column("row_hash", Text(), "SHA-256 of the row with previous_hash, hex."),
    UniqueConstraint("signal", "position"),
    CheckConstraint("word >= 1", "word_counts_from_one"),
    CheckConstraint("position >= 1", "position_counts_from_one"),
    CheckConstraint("state IN ('issued', 'withheld')", "state_is_known"),
    CheckConstraint("horizon >= 1", "horizon_is_positive"),
    CheckConstraint("horizon_end > session", "horizon_end_is_later"),
    CheckConstraint(
        "state <> 'withheld' OR (values_hash = '' AND reason <> '')",
        "withheld_has_reason_and_no_values",
    ),
    CheckConstraint(f"state <> 'issued' OR ({_HASHES})", "issued_has_values_and_hashes"),
    sha256("row_hash"),
    # What the pages ask each second: whether there is anything new, and how old the newest is.
    Index(None, "created_at"),
    Index(None, "session"),
    Index("ix_forecasts_issued", "signal", "session", postgresql_where=text("state = 'issued'")),
    comment="Append-only ledger of forecasts in words, a chain of hashes for each signal; an "
    "issued word is the last for its key.",
    info=LEDGER,
)


def value_table(target: str, comment: str, *more: Any) -> Table:
    """Return the table of the values that `target` issues: their columns, then its rules."""
    return Table(
        f"{target}_forecasts",
        metadata,
        column("signal", Text(), SIGNAL, primary_key=True),
        column("session", Date(), "Session of the forecast.", primary_key=True),
        column("model_id", Text(), MODEL, primary_key=True),
        column(
            "word",
            Integer(),
            "Word of the forecast that they belong to.",
            primary_key=True,
            autoincrement=False,
        ),
        column("symbol", Text(), SYMBOL, primary_key=True),
        *more,
        ForeignKeyConstraint(
            WORD_KEY, [forecasts.c[name] for name in WORD_KEY], f"fk_{target}_forecast"
        ),
        comment=comment,
        info=LEDGER,
    )


direction_forecasts: Table = value_table(
    "direction",
    "Append-only: the probability of a rise that each issued forecast gave, one row a symbol.",
    column(
        "p_up",
        DOUBLE,
        "Calibrated probability that close[horizon_end] > close[session], 0 to 1.",
    ),
    column("p_up_raw", DOUBLE, "The network's own probability, 0 to 1."),
    column("base_rate", DOUBLE, "Share of up labels in the training data, 0 to 1."),
    ratio("p_up"),
    ratio("p_up_raw"),
    ratio("base_rate"),
)

volatility_forecasts: Table = value_table(
    "volatility",
    "Append-only: the volatility that each issued forecast gave, one row a symbol.",
    column("mean", DOUBLE, "Mean of the log of the sum of squared log returns to horizon_end."),
    column("log_variance", DOUBLE, "Log of the variance of that log about its mean."),
    column("sigma", DOUBLE, "Volatility over the horizon, a fraction."),
    column("rolling_60", DOUBLE, "Base forecast of sigma from the last 60 sessions, a fraction."),
    column("ewma_94", DOUBLE, "Base forecast of sigma by EWMA with decay 0.94, a fraction."),
    *(positive(name) for name in ("sigma", "rolling_60", "ewma_94")),
    *(finite(name) for name in ("mean", "log_variance")),
)

outcomes: Table = Table(
    "outcomes",
    metadata,
    column("signal", Text(), SIGNAL, primary_key=True),
    column("session", Date(), "Session of the forecast.", primary_key=True),
    column("model_id", Text(), MODEL, primary_key=True),
    column("symbol", Text(), SYMBOL, primary_key=True),
    column(
        "value",
        DOUBLE,
        "The label as the target defines it; direction: 1 for a rise, else 0; volatility: the log "
        "of the sum of squared log returns.",
    ),
    column("forward_return", DOUBLE, "close[horizon_end] / close[session] - 1, a fraction."),
    column("horizon_end", Date(), "Session whose close decided, `horizon` sessions after it."),
    moment("settled_at", "When the outcome was written.", server_default=func.clock_timestamp()),
    finite("value"),
    CheckConstraint("forward_return > -1 AND forward_return < 'Infinity'", "return_is_finite"),
    CheckConstraint("horizon_end > session", "horizon_end_is_later"),
    Index(None, "settled_at"),
    comment="Append-only: what came of each issued forecast, once its horizon has passed.",
    info=LEDGER,
)


# What the database gives: what a writer says of these is not looked at.
_GIVEN = ("created_at", "word", "position", "previous_hash", "row_hash")
_ISSUED = forecasts.c.state == ForecastState.ISSUED.value
_OUTCOME_COLUMNS = {
    "signal": "str",
    "session": "datetime64[us]",
    "horizon_end": "datetime64[us]",
    "model_id": "str",
    "symbol": "str",
    "forward_return": "float64",
    "value": "float64",
}

# All but the counts by a few reads of an index for each signal, and those by indexes alone.
_LINES = f"""
WITH RECURSIVE {SIGNAL_NAMES}
SELECT names.signal, newest.target, newest.universe, newest.horizon, newest.symbol,
    held.first, held.last, issued.n, sessions.n - issued.n
FROM names
CROSS JOIN LATERAL (
    SELECT target, universe, horizon, symbol FROM prism.forecasts AS f
    WHERE f.signal = names.signal ORDER BY position DESC LIMIT 1
) AS newest
CROSS JOIN LATERAL (
    SELECT min(session) AS first, max(session) AS last FROM prism.forecasts AS f
    WHERE f.signal = names.signal
) AS held
CROSS JOIN LATERAL (
    SELECT count(*) AS n FROM (
        SELECT FROM prism.forecasts AS f WHERE f.signal = names.signal GROUP BY session
    ) AS f
) AS sessions
CROSS JOIN LATERAL (
    SELECT count(*) AS n FROM (
        SELECT FROM prism.forecasts AS f
        WHERE f.signal = names.signal AND state = 'issued' GROUP BY session
    ) AS f
) AS issued
ORDER BY newest.symbol, newest.universe, newest.horizon, names.signal
"""  # noqa: S608

# The last word of each session: issued before withheld, of several models the last one's.
_RECORD = """
SELECT DISTINCT ON (f.session) f.session, COALESCE(o.horizon_end, f.horizon_end),
    COALESCE(o.value, 'NaN'), COALESCE(o.forward_return, 'NaN'),
    COALESCE(EXTRACT(EPOCH FROM f.late_by)::float8, 'NaN'), {values}
FROM prism.forecasts AS f
LEFT JOIN prism.{table} AS v
    ON (v.signal, v.session, v.model_id, v.word) = (f.signal, f.session, f.model_id, f.word)
    AND v.symbol = f.symbol
LEFT JOIN prism.outcomes AS o
    ON (o.signal, o.session, o.model_id, o.symbol) = (v.signal, v.session, v.model_id, v.symbol)
WHERE f.signal = %(signal)s
ORDER BY f.session, f.state, f.created_at DESC
"""


class ForecastRepository:
    """The tables ``forecasts``, ``outcomes`` and the table of values of each target."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, forecast: Forecast) -> bool:
        """Append one word; False when the ledger already has the last word for its key.

        A key is (signal, session, model). The database decides, so that writers may race: after a
        withheld word may come an issued one or one withheld for another reason, nothing follows an
        issued word, and no row is ever changed. It also numbers the word, sets its moment and
        links it to the signal's last row.

        Raises ``ValueError`` for values that the target does not have, and `WarehouseError` for a
        row that the ledger does not allow, such as one issued without its hashes.
        """
        row = _to_row(forecast)
        values = _to_value_rows(forecast)
        with self._database.begin() as connection:
            new = insert(forecasts).values(row).returning(forecasts.c.word)
            word = connection.scalar(new)
            if word is not None and values:
                table = find_value_table(forecast.target)
                connection.execute(insert(table), [one | {"word": word} for one in values])
        return word is not None

    def load_forecasts(
        self, signal: str | None = None, first: date | None = None, last: date | None = None
    ) -> list[Forecast]:
        """Return words ordered by session, signal, model and number."""
        with self._database.begin() as connection:
            statement = select(forecasts).where(*_choose(signal, first, last))
            table = forecasts.c
            order = (table.session, table.signal, table.model_id, table.word)
            rows = connection.execute(statement.order_by(*order)).all()
            values = _load_values(connection, rows, signal, first, last)
        return [_to_forecast(row, values) for row in rows]

    def load_unsettled(self, signal: str, through: date) -> list[Forecast]:
        """Return issued words without an outcome whose horizon may have ended by `through`.

        When it ends is for the calendar to say: the rows' own end may only be expected. Each
        session takes a day at least.
        """
        table = forecasts.c
        settled = exists().where(
            *(outcomes.c[name] == table[name] for name in ("signal", "session", "model_id"))
        )
        statement = (
            select(forecasts)
            .where(
                table.signal == signal,
                _ISSUED,
                table.session + table.horizon <= through,
                table.session < through,
                ~settled,
            )
            .order_by(table.session, table.model_id)
        )
        with self._database.begin() as connection:
            rows = connection.execute(statement).all()
            if not rows:
                return []
            span = (rows[0].session, rows[-1].session)
            values = _load_values(connection, rows, signal, *span)
        return [_to_forecast(row, values) for row in rows]

    def save_outcomes(self, settled: Sequence[Outcome]) -> int:
        """Keep what came of forecasts and return how many are new; one that is held stays."""
        inserted = 0
        with self._database.begin() as connection:
            for outcome in sorted(settled, key=_outcome_key):
                new = insert(outcomes).values(asdict(outcome)).on_conflict_do_nothing()
                inserted += connection.execute(new).rowcount
        return inserted

    def load_outcomes(self, signal: str, target: str) -> pd.DataFrame:
        """Return issued forecasts joined to their outcomes, by session, model and symbol.

        Columns: the outcome's key, the ``horizon_end`` that came, ``forward_return`` (a fraction),
        ``value`` (the label), then the values of `target` by their names.
        """
        table = find_value_table(target)
        kinds = _OUTCOME_COLUMNS | dict.fromkeys(value_names(table), "float64")
        key = ("signal", "session", "model_id", "symbol")
        columns = [outcomes.c[name] for name in _OUTCOME_COLUMNS]
        columns += [table.c[name] for name in value_names(table)]
        statement = (
            select(*columns)
            .join_from(outcomes, table, and_(*(table.c[name] == outcomes.c[name] for name in key)))
            .where(outcomes.c.signal == signal)
            .order_by(*(outcomes.c[name] for name in key[1:]))
        )
        with self._database.begin() as connection:
            rows = connection.execute(statement).all()
        return pd.DataFrame(
            {
                name: pd.Series([getattr(row, name) for row in rows], dtype=kind)
                for name, kind in kinds.items()
            }
        )

    def list_lines(self) -> list[ForecastLine]:
        """Return what the ledger holds of each signal, as its last row names it.

        By symbol, universe, horizon and signal. Only the two counts read all sessions, by an index.
        """
        with self._database.begin() as connection:
            return [ForecastLine(*row) for row in connection.exec_driver_sql(_LINES)]

    def load_record(self, signal: str, target: str) -> Record:
        """Return the signal's last word for each session, beside what came of it."""
        table = find_value_table(target)
        names = value_names(table)
        values = ", ".join(f"COALESCE(v.{name}, 'NaN')" for name in names)
        query = _RECORD.format(values=values, table=table.name)
        wires = [DATE, DATE, *[FLOAT8] * (3 + len(names))]
        with self._database.begin() as connection:
            columns = read_rows(connection, query, {"signal": signal}, wires)
        sessions, horizon_end, outcome, forward_return, late_seconds, *held = columns
        by_name = dict(zip(names, held, strict=True))
        return Record(sessions, horizon_end, by_name, outcome, forward_return, late_seconds)

    def list_sessions(self, signal: str | None = None) -> list[date]:
        """Return the sessions that the ledger has a row of, ascending."""
        statement = select(forecasts.c.session).distinct().order_by(forecasts.c.session)
        if signal is not None:
            statement = statement.where(forecasts.c.signal == signal)
        with self._database.begin() as connection:
            return list(connection.scalars(statement))

    def find_newest_issued(self, signal: str) -> date | None:
        """Return the last session with an issued forecast of `signal`, or None."""
        table = forecasts.c
        statement = select(func.max(table.session)).where(table.signal == signal, _ISSUED)
        with self._database.begin() as connection:
            newest: date | None = connection.scalar(statement)
            return newest

    def list_issued(
        self, signal: str, first: date, last: date, before: datetime
    ) -> list[IssuedForecast]:
        """Return the forecasts of sessions in [`first`, `last`] issued before `before` (UTC)."""
        table = forecasts.c
        statement = (
            select(table.signal, table.session, table.model_id, table.created_at)
            .where(
                table.signal == signal,
                _ISSUED,
                table.session.between(first, last),
                table.created_at < to_database(before),
            )
            .order_by(table.session, table.model_id)
        )
        with self._database.begin() as connection:
            rows = connection.execute(statement).all()
        return [
            IssuedForecast(
                signal=row.signal,
                session=row.session,
                model_id=row.model_id,
                created_at=from_database(row.created_at),
            )
            for row in rows
        ]

    def load_outcome(self, forecast: Forecast) -> tuple[Outcome, datetime] | None:
        """Return what came of the symbol of `forecast` and when it was settled (naive UTC)."""
        key = ("signal", "session", "model_id", "symbol")
        same = [outcomes.c[name] == getattr(forecast, name) for name in key]
        statement = select(outcomes).where(*same)
        with self._database.begin() as connection:
            row = connection.execute(statement).one_or_none()
        if row is None:
            return None
        outcome = Outcome(*(row._mapping[item.name] for item in fields(Outcome)))
        return outcome, from_database(row.settled_at)

    def list_heads(self) -> list[Head]:
        """Return the last row of each signal's chain, by signal."""
        with self._database.begin() as connection:
            return read_heads(connection)

    def verify(
        self,
        signal: str | None = None,
        *,
        expected: Sequence[Head] = (),
        newest: int | None = None,
    ) -> LedgerReport:
        """Walk the chains of all signals, or of one, and return the first row that does not fit.

        `expected` are heads that somebody has kept elsewhere: only they tell a ledger that was
        written anew, or whose last rows were removed. With `newest` only so many of the last rows
        of each signal are checked, and neither words nor outcomes across the whole.
        """
        return verify_chains(self._database, signal, expected, newest)


def list_values(target: str) -> tuple[str, ...]:
    """Return the names of the values that a forecast of `target` issues, in their order."""
    return value_names(find_value_table(target))


def _to_row(forecast: Forecast) -> dict[str, Any]:
    row = {item.name: getattr(forecast, item.name) for item in fields(Forecast)}
    for name in (*_GIVEN, "values"):
        del row[name]
    due_at = None if forecast.due_at is None else to_database(forecast.due_at)
    return row | {
        "state": forecast.state.value,
        "due_at": due_at,
        "values_hash": hash_values(forecast.values),
    }


def _to_value_rows(forecast: Forecast) -> list[dict[str, Any]]:
    """Return the rows of the values without their word; raises ``ValueError`` for other names."""
    if not forecast.values:
        return []
    names = value_names(find_value_table(forecast.target))
    key = {name: getattr(forecast, name) for name in WORD_KEY[:-1]}
    rows = []
    for symbol, named in sorted(forecast.values.items()):
        if set(named) != set(names):
            raise ValueError(
                f"values: {symbol} has {', '.join(sorted(named)) or 'none'}, a forecast of "
                f"{forecast.target} has {', '.join(names)}"
            )
        numbers = {name: float(value) + 0.0 for name, value in named.items()}
        rows.append({**key, "symbol": symbol, **numbers})
    return rows


def _choose(signal: str | None, first: date | None, last: date | None) -> Iterable[Any]:
    if signal is not None:
        yield forecasts.c.signal == signal
    if first is not None:
        yield forecasts.c.session >= first
    if last is not None:
        yield forecasts.c.session <= last


def _load_values(
    connection: Connection,
    rows: Sequence[Row[Any]],
    signal: str | None,
    first: date | None,
    last: date | None,
) -> Mapping[tuple[Any, ...], Values]:
    """Return the values of `rows`, all of that choice, by the key of their word."""
    held: dict[tuple[Any, ...], dict[str, Mapping[str, float]]] = {}
    issued = {row.target for row in rows if row.state == ForecastState.ISSUED.value}
    for target in sorted(issued):
        table = find_value_table(target)
        names = value_names(table)
        word = and_(*(table.c[name] == forecasts.c[name] for name in WORD_KEY))
        chosen = _choose(signal, first, last)
        statement = select(table).join(forecasts, word).where(*chosen)
        for row in connection.execute(statement.order_by(table.c.symbol)):
            key = tuple(getattr(row, name) for name in WORD_KEY)
            named = {name: getattr(row, name) for name in names}
            held.setdefault(key, {})[row.symbol] = named
    return held


def _to_forecast(row: Row[Any], values: Mapping[tuple[Any, ...], Values]) -> Forecast:
    held = {
        item.name: getattr(row, item.name) for item in fields(Forecast) if item.name != "values"
    }
    key = tuple(held[name] for name in WORD_KEY)
    return Forecast(
        **held
        | {
            "state": ForecastState(row.state),
            "values": values.get(key, {}),
            "due_at": None if row.due_at is None else from_database(row.due_at),
            "created_at": from_database(row.created_at),
        }
    )


def _outcome_key(outcome: Outcome) -> tuple[str, date, str, str]:
    return outcome.signal, outcome.session, outcome.model_id, outcome.symbol
