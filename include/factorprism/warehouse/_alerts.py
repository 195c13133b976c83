"""Knows which alerts are open, so that one cause is told once until it is gone."""

from __future__ import annotations

from sqlalchemy import func, select, update

from factorprism.core.schemas import Alert
from factorprism.warehouse._connection import Database
from factorprism.warehouse._locks import lock_transaction
from factorprism.warehouse.tables import alerts


class AlertRepository:
    """`AlertStore` over the table ``alerts``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def raise_alert(self, alert: Alert) -> bool:
        """Open `alert`; False when its key is open already, which is then only counted."""
        again = (
            update(alerts)
            .where(alerts.c.alert_key == alert.key, alerts.c.resolved_at.is_(None))
            .values(raises=alerts.c.raises + 1, raised_again_at=func.clock_timestamp())
        )
        before = select(func.count()).where(alerts.c.alert_key == alert.key).scalar_subquery()
        with self._database.begin() as connection:
            lock_transaction(connection, f"alert {alert.key}")
            if connection.execute(again).rowcount:
                return False
            connection.execute(
                alerts.insert().values(
                    alert_key=alert.key,
                    occurrence=before + 1,
                    severity=alert.severity,
                    sentence=alert.sentence,
                    session=alert.session,
                    details=alert.details,
                    raises=1,
                    raised_at=func.clock_timestamp(),
                )
            )
        return True

    def resolve_alert(self, key: str) -> bool:
        """Close the open alert of `key`; False when none is open."""
        statement = (
            update(alerts)
            .where(alerts.c.alert_key == key, alerts.c.resolved_at.is_(None))
            .values(resolved_at=func.clock_timestamp())
        )
        with self._database.begin() as connection:
            return connection.execute(statement).rowcount == 1

    def list_open_alerts(self) -> list[Alert]:
        """Return the open alerts, oldest first."""
        statement = (
            select(alerts)
            .where(alerts.c.resolved_at.is_(None))
            .order_by(alerts.c.raised_at, alerts.c.alert_key)
        )
        with self._database.begin() as connection:
            rows = connection.execute(statement).all()
        return [
            Alert(row.alert_key, row.severity, row.sentence, row.session, row.details)
            for row in rows
        ]
