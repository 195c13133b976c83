"""Keeps the quality gate's verdicts, those of a repeated run once."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select

from factorprism.core.schemas import QualityResult
from factorprism.warehouse._connection import Database
from factorprism.warehouse._locks import lock_transaction
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
