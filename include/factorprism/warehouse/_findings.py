"""Keeps the gate's findings, what a person has accepted of them, and the rows set aside."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import distinct_on, insert

from factorprism.core.errors import WarehouseError
from factorprism.core.schemas import Acceptance, Finding, SetAside
from factorprism.warehouse._connection import Database
from factorprism.warehouse._moments import from_database
from factorprism.warehouse.tables import accepted_findings, findings, set_aside


class FindingRepository:
    """`FindingStore` over the tables ``findings``, ``accepted_findings`` and ``set_aside``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save_findings(self, found: Sequence[Finding]) -> None:
        """Keep `found`; a finding that is held already stays as it is."""
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
            }
            for item in found
        }
        if rows:
            with self._database.begin() as connection:
                new = insert(findings).on_conflict_do_nothing()
                connection.execute(new, [rows[finding_id] for finding_id in sorted(rows)])

    def load_finding(self, finding_id: str) -> Finding | None:
        """Return the finding of this name, or None."""
        statement = select(findings).where(findings.c.finding_id == finding_id)
        with self._database.begin() as connection:
            row = connection.execute(statement).one_or_none()
        return _to_finding(row) if row else None

    def list_findings(self, symbols: Sequence[str], limit: int) -> list[Finding]:
        """Return the newest `limit` findings of `symbols` that nobody has accepted."""
        accepted = select(accepted_findings.c.finding_id)
        statement = (
            select(findings)
            .where(findings.c.symbol.in_(symbols), findings.c.finding_id.not_in(accepted))
            .order_by(findings.c.found_at.desc(), findings.c.finding_id)
            .limit(limit)
        )
        with self._database.begin() as connection:
            return [_to_finding(row) for row in connection.execute(statement)]

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
            .order_by(table.symbol, table.session, table.pull_id.desc())
        )
        with self._database.begin() as connection:
            rows = [_to_set_aside(row) for row in connection.execute(statement)]
        return sorted(rows, key=lambda row: (-row.session.toordinal(), row.symbol))

    def clear_set_aside(self, symbol: str, sessions: Sequence[date]) -> None:
        """Note that sound bars of `sessions` are held now."""
        table = set_aside.c
        statement = (
            update(set_aside)
            .where(table.symbol == symbol, table.session.in_(sessions), table.cleared_at.is_(None))
            .values(cleared_at=func.clock_timestamp())
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
