"""The assets that the DAGs write; a name and its URI belong together for good."""

from __future__ import annotations

from airflow.sdk import Asset

BARS = Asset(name="prism_bars", uri="prism://warehouse/bars", group="prism")
FACTORS = Asset(name="prism_factors", uri="prism://warehouse/factors", group="prism")
FORECASTS = Asset(name="prism_forecasts", uri="prism://warehouse/forecasts", group="prism")
MODELS = Asset(name="prism_models", uri="prism://registry/models", group="prism")

ASSETS = (BARS, FACTORS, FORECASTS, MODELS)
