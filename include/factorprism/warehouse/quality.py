"""Keeps the quality gate's verdicts, those of a repeated run once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Date,
    Index,
    Integer,
    Table,
    Text,
    and_,
    delete,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB

from factorprism.core.severity import CRITICAL, WARNING
from factorprism.market.findings import GateSummary, QualityResult
from factorprism.warehouse.db.base import (
    SYMBOL,
    column,
    metadata,
    moment,
)
from factorprism.warehouse.db.connection import Database
from factorprism.warehouse.db.locks import lock_transaction
from factorprism.warehouse.db.moments import from_database

quality_results = Table(
    "quality_results",
    metadata,
    column("run_key", Text(), "Which gate of which run.", primary_key=True),
    column(
        "position", Integer(), "Order in the run, from 0.", primary_key=True, autoincrement=False
    ),
    column("suite", Text(), "Suite: bars or factors."),
    column("expectation", Text(), "What was expected."),
    column("symbol", Text(), SYMBOL),
    column("column_name", Text(), "Column that was checked; empty: the whole frame."),
    column("severity", Text(), "critical stops the run, warning is recorded."),
    column("success", Boolean(), "Whether the expectation holds."),
    column("first_session", Date(), "First day checked."),
    column("last_session", Date(), "Last day checked."),
    column("sentence", Text(), "The finding in plain language."),
    column("details", JSONB(), "Counts and examples behind the finding."),
    moment("recorded_at", "When the verdict was written.", server_default=func.clock_timestamp()),
    CheckConstraint("severity IN ('critical', 'warning')", "severity_is_known"),
    # The pages ask for the newest each second, and there is no larger table with a moment.
    Index(None, "recorded_at"),
    comment="The quality gate's verdicts; a repeated run replaces its own.",
    info={"rows_replaced": True},
)


class QualityRepository:
    """Over the table ``quality_results``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save_results(self, results: Sequence[QualityResult], run_key: str) -> None:
        """Keep `results` under `run_key` in their order; the same key again replaces them."""
        rows = [
            {
                "run_key": run_key,
                "position": position,
                "suite": result.suite,
                "expectation": result.expectation,
                "symbol": result.symbol,
                "column_name": result.column,
                "severity": result.severity,
                "success": bool(result.success),
                "first_session": result.first,
                "last_session": result.last,
                "sentence": result.sentence,
                "details": result.details,
            }
            for position, result in enumerate(results)
        ]
        with self._database.begin() as connection:
            lock_transaction(connection, f"quality {run_key}")
            connection.execute(delete(quality_results).where(quality_results.c.run_key == run_key))
            if rows:
                connection.execute(quality_results.insert(), rows)

    def load_results(self, run_key: str) -> list[QualityResult]:
        """Return the verdicts of `run_key` in their order; none for a key that is not held."""
        statement = (
            select(quality_results)
            .where(quality_results.c.run_key == run_key)
            .order_by(quality_results.c.position)
        )
        with self._database.begin() as connection:
            rows = connection.execute(statement).all()
        return [
            QualityResult(
                suite=row.suite,
                expectation=row.expectation,
                symbol=row.symbol,
                column=row.column_name,
                severity=row.severity,
                success=row.success,
                first=row.first_session,
                last=row.last_session,
                sentence=row.sentence,
                details=row.details,
            )
            for row in rows
        ]

    def summarise_gates(self, run_keys: Sequence[str]) -> list[GateSummary]:
        """Return the summaries of those of `run_keys` that are held, the newest first."""
        table = quality_results.c

        def failed(severity: str) -> Any:
            return func.count().filter(and_(~table.success, table.severity == severity))

        recorded_at = func.max(table.recorded_at)
        statement = (
            select(
                table.run_key,
                func.min(table.suite).label("suite"),
                func.count().label("n_results"),
                failed(CRITICAL).label("n_critical"),
                failed(WARNING).label("n_warnings"),
                recorded_at.label("recorded_at"),
            )
            .where(table.run_key.in_(run_keys))
            .group_by(table.run_key)
            .order_by(recorded_at.desc(), table.run_key)
        )
        with self._database.begin() as connection:
            rows = connection.execute(statement).all()
        return [
            GateSummary(
                run_key=row.run_key,
                suite=row.suite,
                n_results=row.n_results,
                n_critical=row.n_critical,
                n_warnings=row.n_warnings,
                recorded_at=from_database(row.recorded_at),
            )
            for row in rows
        ]
