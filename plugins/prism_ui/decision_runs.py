"""Asks a worker for a decision by a run of ``model_decision``, and reads its answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow.api.common.trigger_dag import trigger_dag
from airflow.exceptions import DagNotFound, DagRunAlreadyExists
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from airflow.utils.types import DagRunTriggeredByType
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from factorprism.core.errors import ServiceError
from factorprism.views import NotHeld

DAG_ID, TASK_ID = "model_decision", "decide"
ENDED = ("success", "failed")


@dataclass(frozen=True)
class DecisionRun:
    """One decision asked for: its form (`asked`), and what came of it.

    `state` is ``waiting``, ``taken``, ``refused`` or ``failed``; `sentence` and `remedy` say what
    came of it, empty while it waits.
    """

    run_id: str
    state: str
    asked: Mapping[str, Any]
    by: str
    sentence: str = ""
    remedy: str = ""


def start_decision(run_id: str, asked: Mapping[str, Any], by: str) -> None:
    """Start the run `run_id` in the name of `by`; one that was started already stays alone.

    Raises `ServiceError` where the DAG is missing or paused, since nothing would happen.
    """
    with create_session() as session:
        dag = session.get(DagModel, DAG_ID)
        usable = dag is not None and not dag.is_stale and not dag.is_paused
    if not usable:
        raise ServiceError(
            f"the DAG {DAG_ID} is missing or paused, so that no worker can decide",
            remedy=f"Unpause {DAG_ID} in Airflow, or decide in a shell: factorprism models.",
        )
    try:
        trigger_dag(
            DAG_ID,
            run_id=run_id,
            conf=dict(asked),
            triggered_by=DagRunTriggeredByType.UI,
            triggering_user_name=by,
        )
    except DagNotFound as exc:
        raise ServiceError(f"Airflow has not read {DAG_ID} yet", remedy="Wait a minute.") from exc
    except DagRunAlreadyExists:
        return
    except IntegrityError:
        # The same form arrived twice at once, and the other was quicker.
        with create_session() as session:
            if _find_run(session, run_id) is None:
                raise


def read_decision(run_id: str) -> DecisionRun:
    """Return what came of the run `run_id`; raises `NotHeld` for one that was never started."""
    with create_session() as session:
        run = _find_run(session, run_id)
        if run is None:
            raise NotHeld(
                f"no decision {run_id[:80]!r} was asked for", remedy="Open the page Models."
            )
        asked, by, state = run.conf or {}, run.triggering_user_name or "", str(run.state)
        answer = _read_xcom(session, run_id, "return_value")
        reason = _read_xcom(session, run_id, "reason")
    if state not in ENDED:
        return DecisionRun(run_id, "waiting", asked, by)
    if state == "success" and isinstance(answer, dict):
        state = "taken" if answer.get("decided") else "refused"
        words = (str(answer.get(name, "")) for name in ("sentence", "remedy"))
        return DecisionRun(run_id, state, asked, by, *words)
    return DecisionRun(run_id, "failed", asked, by, str(reason or ""))


def _find_run(session: Any, run_id: str) -> DagRun | None:
    found: DagRun | None = session.scalar(
        select(DagRun).where(DagRun.dag_id == DAG_ID, DagRun.run_id == run_id)
    )
    return found


def _read_xcom(session: Any, run_id: str, key: str) -> Any:
    row = session.scalar(
        select(XComModel).where(
            XComModel.dag_id == DAG_ID,
            XComModel.run_id == run_id,
            XComModel.task_id == TASK_ID,
            XComModel.key == key,
        )
    )
    if row is None:
        return None
    return json.loads(row.value) if isinstance(row.value, str) else row.value
