"""All tables and views of the warehouse: every column says what it means and in which unit."""

from factorprism.warehouse.alerts import alerts
from factorprism.warehouse.bars import bar_extents, bar_revisions, bars
from factorprism.warehouse.calendar import trading_days
from factorprism.warehouse.contests import contests, fold_forecasts
from factorprism.warehouse.db.base import SCHEMA, find_value_table, metadata, value_names
from factorprism.warehouse.explanations import explanations
from factorprism.warehouse.factors import factor_catalogues, factor_watermarks, factors
from factorprism.warehouse.findings import accepted_findings, findings, set_aside
from factorprism.warehouse.forecasts import (
    direction_forecasts,
    forecasts,
    outcomes,
    volatility_forecasts,
)
from factorprism.warehouse.models import evaluations, image_sets, models, promotions, trainings
from factorprism.warehouse.pulls import pulls
from factorprism.warehouse.quality import quality_results
from factorprism.warehouse.views import VIEWS, View

__all__ = [
    "SCHEMA",
    "VIEWS",
    "View",
    "accepted_findings",
    "alerts",
    "bar_extents",
    "bar_revisions",
    "bars",
    "contests",
    "direction_forecasts",
    "evaluations",
    "explanations",
    "factor_catalogues",
    "factor_watermarks",
    "factors",
    "find_value_table",
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
    "value_names",
    "volatility_forecasts",
]
