"""The embedded services as processes: start, stop and status; used by the command line alone."""

from __future__ import annotations

from factorprism.services.airflow import EmbeddedAirflow
from factorprism.services.airflow_health import (
    EXECUTION_API_URL,
    airflow_address,
    require_airflow,
)
from factorprism.services.dag_runs import DagRuns
from factorprism.services.mlflow_ui import MlflowUi
from factorprism.services.postgres import EmbeddedPostgres
from factorprism.services.status import ServiceStatus, services_status

__all__ = [
    "EXECUTION_API_URL",
    "DagRuns",
    "EmbeddedAirflow",
    "EmbeddedPostgres",
    "MlflowUi",
    "ServiceStatus",
    "airflow_address",
    "require_airflow",
    "services_status",
]
