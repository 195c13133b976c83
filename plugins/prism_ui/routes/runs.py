"""The tabs on a DAG and on a DAG run: they lead to the page of the run's session."""

from __future__ import annotations

import os
from datetime import date
from typing import Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import requires_access_dag
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from fastapi import APIRouter, Depends, Request
from sqlalchemy import select
from starlette.responses import RedirectResponse, Response

from factorprism.core.errors import FactorPrismError
from factorprism.views import NotHeld
from prism_ui.pages import link
from prism_ui.security import ReaderDep
from session_runs import session_of

router = APIRouter()
# Which page tells most about a run of which DAG.
PAGE_OF_DAG = {
    "daily": "today",
    "weekly": "models",
    "model_decision": "models",
    "history_backfill": "data",
    "housekeeping_weekly": "today",
}


@router.get("/dags/{dag_id}", dependencies=[Depends(requires_access_dag("GET"))])
async def open_dag(dag_id: str, request: Request, reader: ReaderDep) -> Response:
    """Lead to the page of the DAG `dag_id`."""
    return _lead(request, link(_page_of(dag_id), {}, signal=_signal_of(dag_id)))


@router.get(
    "/dags/{dag_id}/runs/{run_id:path}",
    dependencies=[Depends(requires_access_dag("GET", DagAccessEntity.RUN))],
)
def open_run(dag_id: str, run_id: str, request: Request, reader: ReaderDep) -> Response:
    """Lead to the page of the session and signal that the run is for."""
    page = _page_of(dag_id)
    with create_session() as database:
        run = _find_run(database, dag_id, run_id)
        # The DAGs that serve every signal are given one by name, or mean the default one.
        signal = _signal_of(dag_id) or (run.conf or {}).get("signal") or None
        session = _session_of(run, signal)
    return _lead(request, link(page, {}, session=session, signal=signal))


def _page_of(dag_id: str) -> str:
    kind = dag_id.partition("-")[0]
    if kind not in PAGE_OF_DAG:
        raise NotHeld(
            f"{dag_id[:80]} is no DAG of factorprism", remedy="Open one that has the tag prism."
        )
    return PAGE_OF_DAG[kind]


def _signal_of(dag_id: str) -> str | None:
    """Return the signal whose DAG it is: its name stands behind what the DAG does."""
    return dag_id.partition("-")[2] or None


def _find_run(database: Any, dag_id: str, run_id: str) -> DagRun:
    run: DagRun | None = database.scalar(
        select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
    )
    if run is None:
        raise NotHeld(f"{dag_id} has no run {run_id[:80]!r}", remedy="Open the run from its DAG.")
    return run


def _session_of(run: DagRun, signal: str | None) -> date | None:
    """Return the session of `run`, None where it is for none (a backfill, a day to come)."""
    if run.dag_id == "history_backfill":
        return None
    try:
        facts = {"dag_run": run, "params": run.conf or {}, "signal": signal}
        return session_of(facts, os.environ)
    except FactorPrismError:
        return None


def _lead(request: Request, address: str) -> Response:
    return RedirectResponse(f"{request.scope.get('root_path', '')}/{address}", 307)
