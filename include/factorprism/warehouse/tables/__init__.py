"""The warehouse's tables: every column says what it means and in which unit."""

from factorprism.warehouse.tables._bars import bar_extents, bar_revisions, bars, pulls
from factorprism.warehouse.tables._base import SCHEMA, metadata
from factorprism.warehouse.tables._calendar import trading_days
from factorprism.warehouse.tables._contest import contests, explanations, fold_forecasts
from factorprism.warehouse.tables._factors import (
    FACTOR_VIEW,
    FACTOR_VIEW_COLUMNS,
    FACTOR_VIEW_COMMENT,
    factor_catalogues,
    factor_watermarks,
    factors,
)
from factorprism.warehouse.tables._findings import accepted_findings, findings, set_aside
from factorprism.warehouse.tables._ledger import alerts, forecasts, outcomes, quality_results
from factorprism.warehouse.tables._models import (
    evaluations,
    image_sets,
    models,
    promotions,
    trainings,
)

__all__ = [
    "FACTOR_VIEW",
    "FACTOR_VIEW_COLUMNS",
    "FACTOR_VIEW_COMMENT",
    "SCHEMA",
    "accepted_findings",
    "alerts",
    "bar_extents",
    "bar_revisions",
    "bars",
    "contests",
    "evaluations",
    "explanations",
    "factor_catalogues",
    "factor_watermarks",
    "factors",
    "findings",
    "fold_forecasts",
    "forecasts",
    "image_sets",
    "metadata",
    "models",
    "outcomes",
    "promotions",
    "pulls",
    "quality_results",
    "set_aside",
    "trading_days",
    "trainings",
]
