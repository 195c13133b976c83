"""The embedded services as processes: start, stop and status; used by the command line alone."""

from __future__ import annotations

from factorprism.services.airflow import EmbeddedAirflow
from factorprism.services.dag_runs import DagRuns
from factorprism.services.postgres import EmbeddedPostgres

__all__ = ["DagRuns", "EmbeddedAirflow", "EmbeddedPostgres"]
