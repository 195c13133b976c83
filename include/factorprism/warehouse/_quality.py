"""Keeps the quality gate's verdicts, those of a repeated run once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, delete, func, select

from factorprism.core.readings import GateSummary
from factorprism.core.schemas import QualityResult
from factorprism.warehouse._connection import Database
from factorprism.warehouse._locks import lock_transaction
from factorprism.warehouse._moments import from_database
from factorprism.warehouse.tables import quality_results


class QualityRepository:
    """`QualityStore` over the table ``quality_results``."""

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
                failed("critical").label("n_critical"),
                failed("warning").label("n_warnings"),
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
