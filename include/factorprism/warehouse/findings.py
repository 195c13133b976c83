"""Keeps the gate's findings, what a person has accepted of them, and the rows set aside."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    Table,
    Text,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, distinct_on, insert

from factorprism.core.errors import WarehouseError
from factorprism.market.findings import Acceptance, Finding, FixedFinding, SetAside
from factorprism.warehouse.db.base import SYMBOL, column, metadata, moment
from factorprism.warehouse.db.connection import Database
from factorprism.warehouse.db.moments import from_database
from factorprism.warehouse.pulls import pulls

findings = Table(
    "findings",
    metadata,
    column(
        "finding_id",
        Text(),
        "Name of the finding, from symbol, expectation and failing rows; the same fault has one.",
        primary_key=True,
    ),
    column("symbol", Text(), SYMBOL),
    column("suite", Text(), "Suite of the expectation that failed."),
    column("expectation", Text(), "What was expected."),
    column("column_name", Text(), "Column that was checked; empty: the whole frame."),
    column("failing_rows", JSONB(), "The failing sessions, each with the value found."),
    column("sessions", JSONB(), "Sessions that it was held against; none: the pull as a whole."),
    column("sentence", Text(), "The finding in plain language."),
    moment("found_at", "When it was first found.", server_default=func.clock_timestamp()),
    column(
        "pull_id",
        BigInteger(),
        "Pull in which it was last found; null: found before that was recorded.",
        ForeignKey(pulls.c.pull_id),
        nullable=True,
    ),
    comment="The gate's critical findings on bars, each by a name that a person can speak of.",
)

accepted_findings = Table(
    "accepted_findings",
    metadata,
    column(
        "finding_id",
        Text(),
        "What was accepted.",
        ForeignKey(findings.c.finding_id),
        primary_key=True,
    ),
    column("accepted_by", Text(), "Who accepted it."),
    column("reason", Text(), "Why, in the words of whoever did."),
    moment("accepted_at", "When it was accepted.", server_default=func.clock_timestamp()),
    CheckConstraint("accepted_by <> '' AND reason <> ''", "has_person_and_reason"),
    comment="Append-only: findings that a person has declared to be no fault.",
    info={"ledger": True},
)

set_aside = Table(
    "set_aside",
    metadata,
    column("symbol", Text(), SYMBOL, primary_key=True),
    column("session", Date(), "Session without a bar from this pull.", primary_key=True),
    column(
        "pull_id",
        BigInteger(),
        "Pull whose row it was, or that lacks it.",
        ForeignKey(pulls.c.pull_id),
        primary_key=True,
        autoincrement=False,
    ),
    column("finding_id", Text(), "The first finding that speaks against it."),
    column("sentence", Text(), "The reason in plain language."),
    moment("set_aside_at", "When it was set aside.", server_default=func.clock_timestamp()),
    moment("cleared_at", "When a later pull gave a sound bar; null: it stands.", nullable=True),
    column(
        "cleared_by",
        BigInteger(),
        "That pull; null: it stands, or a person has said that there was no such session.",
        ForeignKey(pulls.c.pull_id),
        nullable=True,
    ),
    Index(None, "pull_id"),
    comment="Rows that the gate kept out of bars while the rest of their pull went in.",
    info={"rows_replaced": True},
)


# Each finding that nobody has accepted, with what became of the pull in which it was last found. An
# accepted finding covers those that name no row but its own: the same fault, before it had grown.
_UNACCEPTED = """
WITH covered AS (
    SELECT finding.finding_id
    FROM prism.accepted_findings JOIN prism.findings AS accepted USING (finding_id)
    JOIN prism.findings AS finding USING (symbol, suite, expectation, column_name)
    WHERE symbol = ANY (%(symbols)s) AND (finding.finding_id = accepted.finding_id
        OR (finding.failing_rows <> '{}' AND accepted.failing_rows @> finding.failing_rows))
), aside AS (
    SELECT DISTINCT ON (symbol, session) symbol, session, pull_id, finding_id
    FROM prism.set_aside WHERE symbol = ANY (%(symbols)s) AND cleared_at IS NULL
    ORDER BY symbol, session, set_aside_at DESC, pull_id DESC
), found AS (
    SELECT finding.*, pull.state, pull.marked_at, pull.last_session
    FROM prism.findings AS finding LEFT JOIN prism.pulls AS pull USING (pull_id)
    WHERE finding.symbol = ANY (%(symbols)s)
    AND finding_id NOT IN (SELECT finding_id FROM covered)
)
"""


# The rows that a finding speaks against, and the pulls that were checked after a refused one.
_ITS_ROWS = """
row.symbol = found.symbol AND row.pull_id = found.pull_id
AND (row.finding_id = found.finding_id OR found.sessions ? row.session::text)
"""


_LATER = """
FROM prism.pulls AS later WHERE later.symbol = found.symbol
AND later.marked_at > found.marked_at
AND found.last_session BETWEEN later.first_session AND later.last_session
"""


_OPEN = f"""{_UNACCEPTED}
SELECT * FROM found
WHERE pull_id IS NULL
OR (state = 'quarantined' AND NOT EXISTS (SELECT {_LATER}))
OR finding_id IN (SELECT found.finding_id FROM found JOIN aside AS row ON {_ITS_ROWS})
ORDER BY found_at DESC, finding_id LIMIT %(limit)s
"""  # noqa: S608


_FIXED = f"""{_UNACCEPTED}, fixed AS (
    SELECT found.*,
        CASE WHEN n_rows > 0 THEN given_by WHEN state = 'accepted' THEN pull_id
            ELSE next_id END AS fixed_by,
        CASE WHEN n_rows > 0 THEN given_at WHEN state = 'accepted' THEN marked_at
            ELSE next_at END AS fixed_at
    FROM found
    CROSS JOIN LATERAL (
        SELECT count(*) AS n_rows,
            (array_agg(cleared_by ORDER BY cleared_at DESC, session DESC))[1] AS given_by,
            CASE WHEN bool_and(cleared_at IS NOT NULL) THEN max(cleared_at) END AS given_at
        FROM prism.set_aside AS row WHERE {_ITS_ROWS}
    ) AS its_rows
    LEFT JOIN LATERAL (
        SELECT later.pull_id AS next_id, later.marked_at AS next_at {_LATER}
        AND found.state = 'quarantined' AND later.state = 'accepted'
        ORDER BY later.marked_at, later.pull_id LIMIT 1
    ) AS next_pull ON true
)
SELECT * FROM fixed WHERE fixed_at IS NOT NULL
ORDER BY fixed_at DESC, finding_id LIMIT %(limit)s
"""  # noqa: S608


class FindingRepository:
    """Over the tables ``findings``, ``accepted_findings`` and ``set_aside``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save_findings(self, pull_id: int, found: Sequence[Finding]) -> None:
        """Keep `found` of `pull_id`; of a finding that is held already, that it was found there."""
        rows = {
            item.finding_id: {
                "finding_id": item.finding_id,
                "symbol": item.symbol,
                "suite": item.suite,
                "expectation": item.expectation,
                "column_name": item.column,
                "failing_rows": dict(item.rows),
                "sessions": [day.isoformat() for day in item.sessions],
                "sentence": item.sentence,
                "pull_id": pull_id,
            }
            for item in found
        }
        if rows:
            with self._database.begin() as connection:
                new = insert(findings)
                again = new.on_conflict_do_update(
                    index_elements=["finding_id"], set_={"pull_id": new.excluded.pull_id}
                )
                connection.execute(again, [rows[finding_id] for finding_id in sorted(rows)])

    def load_finding(self, finding_id: str) -> Finding | None:
        """Return the finding of this name, or None."""
        statement = select(findings).where(findings.c.finding_id == finding_id)
        with self._database.begin() as connection:
            row = connection.execute(statement).one_or_none()
        return _to_finding(row) if row else None

    def list_findings(self, symbols: Sequence[str], limit: int) -> list[Finding]:
        """Return the newest `limit` findings of `symbols` that are open.

        Open is what nobody has accepted and what still keeps something out: rows that stand aside,
        or the pull that was checked last. A fault that has grown is open by its newest name alone.
        """
        asked = {"symbols": list(symbols), "limit": limit}
        with self._database.begin() as connection:
            return [_to_finding(row) for row in connection.exec_driver_sql(_OPEN, asked)]

    def list_fixed(self, symbols: Sequence[str], limit: int) -> list[FixedFinding]:
        """Return the newest `limit` findings of `symbols` that a later pull has proved fixed.

        Nobody has accepted them, and each row that they spoke against was given soundly since, or
        the refused pull was followed by one that went in.
        """
        asked = {"symbols": list(symbols), "limit": limit}
        with self._database.begin() as connection:
            return [
                FixedFinding(_to_finding(row), row.fixed_by, from_database(row.fixed_at))
                for row in connection.exec_driver_sql(_FIXED, asked)
            ]

    def accept_finding(self, finding_id: str, by: str, reason: str) -> bool:
        """Accept for good what is held as `finding_id`; False when somebody has done so already.

        Raises `WarehouseError` for a finding that is not held.
        """
        if self.load_finding(finding_id) is None:
            raise WarehouseError(
                f"no finding {finding_id[:40]!r} is known",
                remedy="List them: factorprism quality.",
            )
        new = insert(accepted_findings).values(finding_id=finding_id, accepted_by=by, reason=reason)
        with self._database.begin() as connection:
            return connection.execute(new.on_conflict_do_nothing()).rowcount == 1

    def list_accepted(self, symbols: Sequence[str]) -> list[Acceptance]:
        """Return what was accepted of `symbols`, the newest first."""
        accepted = accepted_findings.c
        statement = (
            select(findings, accepted.accepted_by, accepted.reason, accepted.accepted_at)
            .join(accepted_findings, accepted.finding_id == findings.c.finding_id)
            .where(findings.c.symbol.in_(symbols))
            .order_by(accepted.accepted_at.desc(), accepted.finding_id)
        )
        with self._database.begin() as connection:
            return [
                Acceptance(
                    _to_finding(row), row.accepted_by, row.reason, from_database(row.accepted_at)
                )
                for row in connection.execute(statement)
            ]

    def save_set_aside(self, pull_id: int, rows: Sequence[SetAside]) -> None:
        """Keep `rows` as what `pull_id` has not given; what it had before is replaced."""
        values = [
            {
                "symbol": row.symbol,
                "session": row.session,
                "pull_id": pull_id,
                "finding_id": row.finding_id,
                "sentence": row.sentence,
            }
            for row in rows
        ]
        with self._database.begin() as connection:
            connection.execute(delete(set_aside).where(set_aside.c.pull_id == pull_id))
            if values:
                connection.execute(set_aside.insert(), values)

    def load_set_aside(self, pull_id: int) -> list[SetAside]:
        """Return what `pull_id` has not given, by session."""
        statement = (
            select(set_aside).where(set_aside.c.pull_id == pull_id).order_by(set_aside.c.session)
        )
        with self._database.begin() as connection:
            return [_to_set_aside(row) for row in connection.execute(statement)]

    def list_set_aside(self, symbols: Sequence[str]) -> list[SetAside]:
        """Return what stands of `symbols`, one row a session (its newest), the latest first."""
        table = set_aside.c
        statement = (
            select(set_aside)
            .ext(distinct_on(table.symbol, table.session))
            .where(table.symbol.in_(symbols), table.cleared_at.is_(None))
            .order_by(table.symbol, table.session, table.set_aside_at.desc(), table.pull_id.desc())
        )
        with self._database.begin() as connection:
            rows = [_to_set_aside(row) for row in connection.execute(statement)]
        return sorted(rows, key=lambda row: (-row.session.toordinal(), row.symbol))

    def clear_set_aside(
        self, symbol: str, sessions: Sequence[date], pull_id: int | None = None
    ) -> None:
        """Note that nothing of `sessions` stands aside since `pull_id`, or a person's word."""
        table = set_aside.c
        statement = (
            update(set_aside)
            .where(table.symbol == symbol, table.session.in_(sessions), table.cleared_at.is_(None))
            .values(cleared_at=func.clock_timestamp(), cleared_by=pull_id)
        )
        with self._database.begin() as connection:
            connection.execute(statement)


def _to_finding(row: Any) -> Finding:
    return Finding(
        finding_id=row.finding_id,
        symbol=row.symbol,
        suite=row.suite,
        expectation=row.expectation,
        column=row.column_name,
        rows=row.failing_rows,
        sessions=tuple(date.fromisoformat(day) for day in row.sessions),
        sentence=row.sentence,
    )


def _to_set_aside(row: Any) -> SetAside:
    return SetAside(
        symbol=row.symbol,
        session=row.session,
        pull_id=row.pull_id,
        finding_id=row.finding_id,
        sentence=row.sentence,
        set_aside_at=from_database(row.set_aside_at),
    )
