"""The embedded services as processes: start, stop and status; used by the command line alone."""

from __future__ import annotations

from factorprism.services._ports import FREE_THE_PORT
from factorprism.services.airflow import EmbeddedAirflow
from factorprism.services.dag_runs import DagRuns
from factorprism.services.mlflow_ui import MlflowUi
from factorprism.services.postgres import EmbeddedPostgres
from factorprism.services.status import ServiceStatus, services_status

__all__ = [
    "FREE_THE_PORT",
    "DagRuns",
    "EmbeddedAirflow",
    "EmbeddedPostgres",
    "MlflowUi",
    "ServiceStatus",
    "services_status",
]
