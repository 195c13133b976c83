"""Tells whether anything has changed that a page may show, in one round trip."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, func, select

from factorprism.warehouse.db.connection import Database
from factorprism.warehouse.tables import (
    accepted_findings,
    alerts,
    bar_extents,
    contests,
    evaluations,
    explanations,
    factor_watermarks,
    forecasts,
    image_sets,
    models,
    outcomes,
    promotions,
    pulls,
    quality_results,
    set_aside,
    trading_days,
)

# The moments that move whenever a page may show something else; quality_results has an index.
_MOMENTS: tuple[tuple[FromClause, tuple[str, ...]], ...] = (
    (bar_extents, ("changed_at",)),
    (pulls, ("fetched_at", "marked_at")),
    (factor_watermarks, ("computed_at",)),
    (quality_results, ("recorded_at",)),
    (accepted_findings, ("accepted_at",)),
    (set_aside, ("set_aside_at", "cleared_at")),
    (forecasts, ("created_at",)),
    (outcomes, ("settled_at",)),
    (explanations, ("explained_at",)),
    (models, ("saved_at",)),
    (image_sets, ("saved_at",)),
    (evaluations, ("evaluated_at",)),
    (promotions, ("decided_at",)),
    (contests, ("tabulated_at",)),
    (trading_days, ("fetched_at",)),
    (
        alerts,
        ("raised_at", "raised_again_at", "resolved_at", "notified_at", "recovery_notified_at"),
    ),
)


def read_version(database: Database) -> str:
    """Return a text that changes whenever a table changes that a page may show."""
    with database.begin() as connection:
        moments = connection.execute(_version_statement()).one()
    return " ".join(str(moment) for moment in moments)


@lru_cache(maxsize=1)
def _version_statement() -> Select[Any]:
    return select(*(_latest(table, names) for table, names in _MOMENTS))


def _latest(table: FromClause, names: tuple[str, ...]) -> ColumnElement[Any]:
    moments = [select(func.max(table.c[name])).scalar_subquery() for name in names]
    return func.greatest(*moments)
