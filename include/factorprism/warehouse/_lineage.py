"""Follows a forecast through the tables: the pulls behind its bars, its outcome, its alerts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select

from factorprism.core.schemas import Alert, AlertRecord, Forecast, Outcome, PullState, PullUse
from factorprism.warehouse._connection import Database
from factorprism.warehouse._moments import from_database
from factorprism.warehouse.tables import alerts, bars, forecasts, outcomes, pulls

# All of a pull but its payload, which may hold years of bars.
_PULL = [column for column in pulls.c if column.name != "payload"]


class LineageRepository:
    """`LineageStore` over ``bars``, ``pulls``, ``forecasts``, ``outcomes`` and ``alerts``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list_sessions(self, universe: str, horizon: int) -> list[date]:
        """Return the sessions that the ledger has a row of, ascending."""
        table = forecasts.c
        statement = (
            select(table.session)
            .where(table.universe == universe, table.horizon == horizon)
            .distinct()
            .order_by(table.session)
        )
        with self._database.begin() as connection:
            return list(connection.scalars(statement))

    def list_origins(self, symbols: Sequence[str], first: date, last: date) -> list[PullUse]:
        """Return the pulls that gave the bars in force of [`first`, `last`], by their ids.

        Counts and used sessions are those within the range.
        """
        used = (
            select(
                bars.c.pull_id,
                func.count().label("n_used"),
                func.min(bars.c.session).label("first_used"),
                func.max(bars.c.session).label("last_used"),
            )
            .where(bars.c.symbol.in_(symbols), bars.c.session.between(first, last))
            .group_by(bars.c.pull_id)
            .subquery()
        )
        statement = (
            select(*_PULL, used.c.n_used, used.c.first_used, used.c.last_used)
            .join(used, used.c.pull_id == pulls.c.pull_id)
            .order_by(pulls.c.pull_id)
        )
        with self._database.begin() as connection:
            rows = connection.execute(statement).all()
        return [_to_use(row, row.n_used, row.first_used, row.last_used) for row in rows]

    def list_refused(self, symbols: Sequence[str], first: date, last: date) -> list[PullUse]:
        """Return the quarantined pulls that asked for a session of [`first`, `last`], by id."""
        statement = (
            select(*_PULL)
            .where(
                pulls.c.symbol.in_(symbols),
                pulls.c.first_session <= last,
                pulls.c.last_session >= first,
                pulls.c.state == PullState.QUARANTINED.value,
            )
            .order_by(pulls.c.pull_id)
        )
        with self._database.begin() as connection:
            return [_to_use(row) for row in connection.execute(statement)]

    def load_outcome(self, forecast: Forecast) -> tuple[Outcome, datetime] | None:
        """Return what came of `forecast` and when it was settled (naive UTC), or None."""
        table = outcomes.c
        statement = select(outcomes).where(
            table.target == forecast.target,
            table.session == forecast.session,
            table.horizon == forecast.horizon,
            table.model_id == forecast.model_id,
        )
        with self._database.begin() as connection:
            row = connection.execute(statement).one_or_none()
        if row is None:
            return None
        key = (row.target, row.session, row.horizon, row.model_id)
        return Outcome(*key, row.forward_return, row.went_up), from_database(row.settled_at)

    def list_alerts(self, session: date) -> list[AlertRecord]:
        """Return every alert about `session`, open or resolved, oldest first."""
        statement = (
            select(alerts)
            .where(alerts.c.session == session)
            .order_by(alerts.c.raised_at, alerts.c.alert_key)
        )
        with self._database.begin() as connection:
            return [_to_alert(row) for row in connection.execute(statement)]


def _to_use(
    row: Any, n_used: int = 0, first_used: date | None = None, last_used: date | None = None
) -> PullUse:
    return PullUse(
        pull_id=row.pull_id,
        source=row.source,
        symbol=row.symbol,
        first=row.first_session,
        last=row.last_session,
        content_hash=row.content_hash,
        n_bars=row.n_bars,
        state=PullState(row.state),
        reason=row.reason,
        fetched_at=from_database(row.fetched_at),
        n_used=n_used,
        first_used=first_used,
        last_used=last_used,
    )


def _to_alert(row: Any) -> AlertRecord:
    return AlertRecord(
        Alert(row.alert_key, row.severity, row.sentence, row.session, row.details),
        row.occurrence,
        row.raises,
        from_database(row.raised_at),
        from_database(row.resolved_at) if row.resolved_at else None,
    )
