"""The append-only ledger of forecasts, and what came of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Row, and_, exists, func, select
from sqlalchemy.dialects.postgresql import insert

from factorprism.core.readings import ForecastLine, IssuedForecast, Record
from factorprism.core.schemas import Forecast, ForecastState, Outcome
from factorprism.warehouse._bulk import read_rows
from factorprism.warehouse._connection import Database
from factorprism.warehouse._moments import from_database, to_database
from factorprism.warehouse._wire import DATE, FLOAT8
from factorprism.warehouse.tables import forecasts, outcomes

_OUTCOME_COLUMNS = {
    "target": "str",
    "session": "datetime64[us]",
    "horizon": "int64",
    "horizon_end": "datetime64[us]",
    "model_id": "str",
    "universe": "str",
    "p_up": "float64",
    "p_up_raw": "float64",
    "base_rate": "float64",
    "forward_return": "float64",
    "went_up": "bool",
}
_KEY = ("target", "session", "horizon", "model_id")
_SAME_FORECAST = and_(*(outcomes.c[name] == forecasts.c[name] for name in _KEY))

# The last word of each session: issued before withheld, of several models the last one's.
_RECORD = """
SELECT DISTINCT ON (session) session, COALESCE(outcomes.horizon_end, forecasts.horizon_end),
    COALESCE(p_up, 'NaN'), COALESCE(base_rate, 'NaN'), COALESCE(forward_return, 'NaN'),
    CASE WHEN went_up THEN 1.0::float8 WHEN NOT went_up THEN 0.0 ELSE 'NaN' END,
    COALESCE(EXTRACT(EPOCH FROM late_by)::float8, 'NaN')
FROM prism.forecasts LEFT JOIN prism.outcomes USING (target, session, horizon, model_id)
WHERE target = %(target)s AND universe = %(universe)s AND horizon = %(horizon)s
ORDER BY session, state, created_at DESC
"""
_RECORD_WIRES = [DATE, DATE, *[FLOAT8] * 5]


class ForecastRepository:
    """`ForecastLedger` over the tables ``forecasts`` and ``outcomes``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, forecast: Forecast) -> bool:
        """Append one row; False when the ledger already has the last word for its key.

        The database decides, so that writers may race: after a withheld row may come an issued
        one or one withheld for another reason, nothing follows an issued row, and no row is ever
        changed. Raises
        `WarehouseError` for a row that the ledger does not allow, such as one issued without its
        hashes.
        """
        values = asdict(forecast) | {"state": forecast.state.value}
        for name in ("created_at", "due_at"):
            if values[name] is None:
                del values[name]
            else:
                values[name] = to_database(values[name])
        with self._database.begin() as connection:
            new = insert(forecasts).values(values).on_conflict_do_nothing()
            return connection.execute(new).rowcount == 1

    def load_forecasts(
        self, target: str | None = None, first: date | None = None, last: date | None = None
    ) -> list[Forecast]:
        """Return rows ordered by session, target, horizon, model and word."""
        table = forecasts.c
        statement = select(forecasts).order_by(
            *(table.session, table.target, table.horizon, table.model_id, table.word)
        )
        if target is not None:
            statement = statement.where(table.target == target)
        if first is not None:
            statement = statement.where(table.session >= first)
        if last is not None:
            statement = statement.where(table.session <= last)
        with self._database.begin() as connection:
            return [_to_forecast(row) for row in connection.execute(statement)]

    def load_unsettled(self, target: str, horizon: int, through: date) -> list[Forecast]:
        """Return issued rows without an outcome whose horizon may have ended by `through`.

        When it ends is for the calendar to say: the rows' own end may only be expected. Each
        session takes a day at least.
        """
        table = forecasts.c
        statement = (
            select(forecasts)
            .where(
                table.target == target,
                table.horizon == horizon,
                table.session <= through - timedelta(days=horizon),
                table.state == ForecastState.ISSUED.value,
                ~exists().where(_SAME_FORECAST),
            )
            .order_by(table.session, table.model_id)
        )
        with self._database.begin() as connection:
            return [_to_forecast(row) for row in connection.execute(statement)]

    def save_outcomes(self, outcomes: Sequence[Outcome]) -> int:
        """Keep what came of forecasts and return how many are new; one that is held stays."""
        return self._insert_outcomes(sorted(outcomes, key=_outcome_key))

    def _insert_outcomes(self, ordered: Sequence[Outcome]) -> int:
        inserted = 0
        with self._database.begin() as connection:
            for outcome in ordered:
                values = asdict(outcome) | {"went_up": bool(outcome.went_up)}
                new = insert(outcomes).values(values).on_conflict_do_nothing()
                inserted += connection.execute(new).rowcount
        return inserted

    def load_outcomes(self, target: str, horizon: int) -> pd.DataFrame:
        """Return issued forecasts joined to their outcomes, one row each, by session and model.

        Columns: the forecast's key, the ``horizon_end`` that came, ``universe``, ``p_up``,
        ``p_up_raw`` and ``base_rate``, then ``forward_return`` (a fraction) and ``went_up``.
        """
        tables = {**dict(forecasts.c), **dict(outcomes.c)}
        statement = (
            select(*(tables[name] for name in _OUTCOME_COLUMNS))
            .join_from(forecasts, outcomes, _SAME_FORECAST)
            .where(
                forecasts.c.target == target,
                forecasts.c.horizon == horizon,
                forecasts.c.state == ForecastState.ISSUED.value,
            )
            .order_by(forecasts.c.session, forecasts.c.model_id)
        )
        with self._database.begin() as connection:
            rows = connection.execute(statement).all()
        return pd.DataFrame(
            {
                name: pd.Series([getattr(row, name) for row in rows], dtype=kind)
                for name, kind in _OUTCOME_COLUMNS.items()
            }
        )

    def list_lines(self) -> list[ForecastLine]:
        """Return the ledger's lines by target, universe and horizon."""
        table = forecasts.c
        sessions = (
            select(
                table.target,
                table.universe,
                table.horizon,
                table.session,
                func.bool_or(table.state == ForecastState.ISSUED.value).label("is_issued"),
            )
            .group_by(table.target, table.universe, table.horizon, table.session)
            .subquery()
            .c
        )
        key = (sessions.target, sessions.universe, sessions.horizon)
        statement = (
            select(
                *key,
                func.min(sessions.session).label("first"),
                func.max(sessions.session).label("last"),
                func.count().filter(sessions.is_issued).label("issued"),
                func.count().filter(~sessions.is_issued).label("withheld"),
            )
            .group_by(*key)
            .order_by(*key)
        )
        with self._database.begin() as connection:
            return [ForecastLine(**row._mapping) for row in connection.execute(statement)]

    def load_record(self, target: str, universe: str, horizon: int) -> Record:
        """Return the line's last word for each session, beside what came of it."""
        line = {"target": target, "universe": universe, "horizon": horizon}
        with self._database.begin() as connection:
            return Record(*read_rows(connection, _RECORD, line, _RECORD_WIRES))

    def list_sessions(self, universe: str | None = None, horizon: int | None = None) -> list[date]:
        """Return the sessions that the ledger has a row of, ascending."""
        table = forecasts.c
        statement = select(table.session).distinct().order_by(table.session)
        if universe is not None:
            statement = statement.where(table.universe == universe)
        if horizon is not None:
            statement = statement.where(table.horizon == horizon)
        with self._database.begin() as connection:
            return list(connection.scalars(statement))

    def find_newest_issued(self, target: str, universe: str, horizon: int) -> date | None:
        """Return the last session with an issued forecast of the line, or None."""
        table = forecasts.c
        statement = select(func.max(table.session)).where(
            table.target == target,
            table.universe == universe,
            table.horizon == horizon,
            table.state == "issued",
        )
        with self._database.begin() as connection:
            newest: date | None = connection.scalar(statement)
            return newest

    def list_issued(
        self, universe: str, first: date, last: date, before: datetime
    ) -> list[IssuedForecast]:
        """Return the forecasts of sessions in [`first`, `last`] issued before `before` (UTC)."""
        table = forecasts.c
        statement = (
            select(table.target, table.session, table.horizon, table.model_id, table.created_at)
            .where(
                table.universe == universe,
                table.state == "issued",
                table.session.between(first, last),
                table.created_at < to_database(before),
            )
            .order_by(table.session, table.target, table.horizon, table.model_id)
        )
        with self._database.begin() as connection:
            rows = connection.execute(statement).all()
        return [
            IssuedForecast(
                target=row.target,
                session=row.session,
                horizon=row.horizon,
                model_id=row.model_id,
                created_at=from_database(row.created_at),
            )
            for row in rows
        ]

    def load_outcome(self, forecast: Forecast) -> tuple[Outcome, datetime] | None:
        """Return what came of `forecast` and when it was settled (naive UTC), or None."""
        same = [outcomes.c[name] == getattr(forecast, name) for name in _KEY]
        statement = select(outcomes).where(*same)
        with self._database.begin() as connection:
            row = connection.execute(statement).one_or_none()
        if row is None:
            return None
        outcome = Outcome(*(row._mapping[item.name] for item in fields(Outcome)))
        return outcome, from_database(row.settled_at)


def _to_forecast(row: Row[Any]) -> Forecast:
    values = {item.name: getattr(row, item.name) for item in fields(Forecast)}
    forecast = Forecast(**values | {"state": ForecastState(row.state)})
    due_at = None if row.due_at is None else from_database(row.due_at)
    return replace(forecast, created_at=from_database(row.created_at), due_at=due_at)


def _outcome_key(outcome: Outcome) -> tuple[str, date, int, str]:
    return outcome.target, outcome.session, outcome.horizon, outcome.model_id
