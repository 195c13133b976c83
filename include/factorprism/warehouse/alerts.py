"""Knows which alerts are open and what was sent for each, so that a cause is reported once."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    Connection,
    Date,
    Index,
    Integer,
    Row,
    Table,
    Text,
    and_,
    case,
    cast,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from factorprism.core.alerts import Alert, TrackedAlert
from factorprism.warehouse.db.base import (
    column,
    metadata,
    moment,
)
from factorprism.warehouse.db.connection import Database
from factorprism.warehouse.db.locks import lock_transaction
from factorprism.warehouse.db.moments import from_database

alerts = Table(
    "alerts",
    metadata,
    column("alert_key", Text(), "What the alert is about.", primary_key=True),
    column(
        "occurrence",
        Integer(),
        "1 for the first time that the key was raised, 2 after it was resolved once.",
        primary_key=True,
        autoincrement=False,
    ),
    column("severity", Text(), "critical, warning or info."),
    column("sentence", Text(), "The message."),
    column("session", Date(), "Session that it is about; null: none.", nullable=True),
    column("details", JSONB(), "Facts behind the message."),
    column("raises", Integer(), "Times that it was raised while open."),
    moment("raised_at", "When it was opened."),
    moment(
        "raised_again_at", "When it was last raised while open; null: once only.", nullable=True
    ),
    moment("resolved_at", "When its cause was gone; null: open.", nullable=True),
    moment("notified_at", "When a message of it was delivered; null: not yet.", nullable=True),
    moment(
        "recovery_notified_at", "When its recovery was delivered; null: not yet.", nullable=True
    ),
    CheckConstraint("raises >= 1", "raises_counts_from_one"),
    Index("uq_alerts_open", "alert_key", unique=True, postgresql_where=text("resolved_at IS NULL")),
    comment="Messages worth a person's attention; one open alert a key.",
)


# Older ones are no news: an address that is configured today hears nothing of last month.
FRESH = timedelta(days=7)


# Beside the facts that were given, `details` keeps these of the delivery.
RECOVERY, NOTIFIED_TO, TRIES = "recovery", "notified_to", "tries"


class AlertRepository:
    """Over the table ``alerts``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def raise_alert(self, alert: Alert) -> bool:
        """Open `alert`; False when its key is open already, which is then only counted."""
        again = (
            update(alerts)
            .where(_is_open(alert.key))
            .values(
                raises=alerts.c.raises + 1,
                raised_again_at=func.clock_timestamp(),
                # greatest() passes over null: it is open for as long as its latest session.
                session=func.greatest(alerts.c.session, alert.session),
            )
        )
        with self._database.begin() as connection:
            lock_transaction(connection, f"alert {alert.key}")
            if connection.execute(again).rowcount:
                return False
            _insert(connection, alert)
        return True

    def record_event(self, alert: Alert) -> bool:
        """Keep `alert` as something that is over; False when its key is known already."""
        known = select(alerts.c.occurrence).where(alerts.c.alert_key == alert.key)
        with self._database.begin() as connection:
            lock_transaction(connection, f"alert {alert.key}")
            if connection.execute(known).first():
                return False
            _insert(connection, alert, resolved_at=func.clock_timestamp())
        return True

    def resolve_alert(self, key: str, sentence: str = "", through: date | None = None) -> bool:
        """Close the open alert of `key`; False when none is open, or only for a later session."""
        statement = (
            update(alerts)
            .where(_is_open(key))
            .values(
                resolved_at=func.clock_timestamp(),
                # Whoever has received the beginning receives the end.
                notified_at=case(
                    (alerts.c.details.has_key(NOTIFIED_TO), func.clock_timestamp()),
                    else_=alerts.c.notified_at,
                ),
                details=_details_with({RECOVERY: sentence} if sentence else {}),
            )
        )
        if through is not None:
            statement = statement.where(
                or_(alerts.c.session.is_(None), alerts.c.session <= through)
            )
        with self._database.begin() as connection:
            return connection.execute(statement).rowcount == 1

    def list_open_alerts(self) -> list[Alert]:
        """Return the open alerts, oldest first."""
        return [entry.alert for entry in self._load(alerts.c.resolved_at.is_(None))]

    def list_pending(self) -> list[TrackedAlert]:
        """Return what of the last week is pending, its beginning or its end, oldest first."""
        since = func.clock_timestamp() - FRESH
        begun = and_(alerts.c.notified_at.is_(None), alerts.c.raised_at > since)
        ended = and_(alerts.c.recovery_notified_at.is_(None), alerts.c.resolved_at > since)
        return self._load(or_(and_(alerts.c.resolved_at.is_(None), begun), ended))

    def find_alert(self, key: str) -> TrackedAlert | None:
        """Return the last occurrence of `key`."""
        found = self._load(alerts.c.alert_key == key)
        return max(found, key=lambda entry: entry.occurrence, default=None)

    def has_left(self, word: str) -> bool:
        """Tell whether a message of a key that begins with `word` has left within a week."""
        since = func.clock_timestamp() - FRESH
        return bool(
            self._load(and_(alerts.c.alert_key.like(f"{word} %"), alerts.c.notified_at > since))
        )

    def mark_notified(self, entry: TrackedAlert) -> None:
        """Write down that the message of `entry` was delivered; one of its end is of both."""
        now = func.clock_timestamp()
        values: dict[str, Any] = {"notified_at": func.coalesce(alerts.c.notified_at, now)}
        if entry.resolved_at is not None:
            values["recovery_notified_at"] = now
        self._update(entry, {**values, "details": _details_with({})})

    def mark_failed(self, entry: TrackedAlert, notified_to: Collection[str]) -> None:
        """Write down who has taken the message of `entry` so far, and one more try in vain."""
        held: dict[str, Any] = {TRIES: entry.tries + 1}
        if notified_to:
            held[NOTIFIED_TO] = sorted(notified_to)
        # One that has ended since has another message, which nobody has taken yet.
        ended = alerts.c.resolved_at.is_not(None)
        same = ended if entry.resolved_at is not None else ~ended
        self._update(entry, {"details": _details_with(held)}, same)

    def _update(
        self, entry: TrackedAlert, values: dict[str, Any], *conditions: ColumnElement[bool]
    ) -> None:
        statement = update(alerts).where(
            alerts.c.alert_key == entry.alert.key,
            alerts.c.occurrence == entry.occurrence,
            *conditions,
        )
        with self._database.begin() as connection:
            connection.execute(statement.values(values))

    def _load(self, condition: ColumnElement[bool]) -> list[TrackedAlert]:
        order = (alerts.c.raised_at, alerts.c.alert_key)
        with self._database.begin() as connection:
            rows = connection.execute(select(alerts).where(condition).order_by(*order)).all()
        return [_track(row) for row in rows]

    def list_alerts(self, session: date) -> list[TrackedAlert]:
        """Return every alert about `session`, open or resolved, oldest first."""
        return self._load(alerts.c.session == session)


def _is_open(key: str) -> ColumnElement[bool]:
    return and_(alerts.c.alert_key == key, alerts.c.resolved_at.is_(None))


def _details_with(facts: dict[str, Any]) -> ColumnElement[Any]:
    """Return the details without what was noted of a delivery, and with `facts`."""
    kept: ColumnElement[Any] = alerts.c.details
    for name in (NOTIFIED_TO, TRIES):
        kept = kept.op("-", return_type=JSONB())(cast(name, Text()))
    return kept.op("||", return_type=JSONB())(cast(facts, JSONB))


def _insert(connection: Connection, alert: Alert, **moments: Any) -> None:
    before = select(func.count()).where(alerts.c.alert_key == alert.key).scalar_subquery()
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
            **moments,
        )
    )


def _track(row: Row[Any]) -> TrackedAlert:
    details = dict(row.details)
    recovery, notified_to = details.pop(RECOVERY, ""), details.pop(NOTIFIED_TO, [])
    tries = details.pop(TRIES, 0)
    return TrackedAlert(
        Alert(row.alert_key, row.severity, row.sentence, row.session, details),
        row.occurrence,
        from_database(row.raised_at),
        resolved_at=_known(row.resolved_at),
        notified_at=_known(row.notified_at),
        recovery_notified_at=_known(row.recovery_notified_at),
        recovery=recovery,
        notified_to=frozenset(notified_to),
        tries=tries,
        raises=row.raises,
    )


def _known(moment: datetime | None) -> datetime | None:
    return None if moment is None else from_database(moment)
