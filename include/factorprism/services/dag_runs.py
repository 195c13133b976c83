"""Runs of DAGs from outside: start one, watch its tasks, and take it up again where it failed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from factorprism.core.errors import ServiceError
from factorprism.services._airflow_api import AirflowApi, ApiError, dag_path
from factorprism.services._patience import Tell, tell_nobody, waiting_for

FINISHED_RUN = ("success", "failed")
UNDER_WAY = ("queued", "running", "deferred", "up_for_retry", "up_for_reschedule")
FINISHED_TASK = ("success", "failed", "skipped", "upstream_failed", "removed")
PARSED_SECONDS = 900.0  # on an idle machine ten
POLL_SECONDS = 1.0  # each poll costs Airflow three answers
RUN_WORD_SECONDS = 60.0
PAGE_TASKS = 100  # the most that Airflow gives at once, as it is configured

OnTask = Callable[[str, str, float], None]


@dataclass(frozen=True)
class DagRuns:
    """Runs through the REST interface of an Airflow that is up; `tell` hears what takes long."""

    api: AirflowApi
    tell: Tell = tell_nobody

    def run_dag(
        self,
        dag_id: str,
        run_id: str,
        conf: Mapping[str, Any],
        *,
        on_task: OnTask | None = None,
        timeout_seconds: float | None = None,
    ) -> str:
        """Bring the run `run_id` to its end and return "success" or "failed".

        A run that succeeded stays as it is, one that failed goes on where it failed, and one
        that is under way is waited for; so the call may be repeated after any interruption.
        """
        self.await_dag(dag_id)
        self.unpause(dag_id)
        state = self.run_state(dag_id, run_id)
        if state == "success":
            return state
        if state is None:
            self.trigger_run(dag_id, run_id, conf)
        elif state == "failed":
            self.clear_run(dag_id, run_id)
        return self.wait_for_run(dag_id, run_id, on_task=on_task, timeout_seconds=timeout_seconds)

    def await_dag(self, dag_id: str) -> None:
        """Wait until the DAG is parsed.

        Raises `ServiceError` with the file's own error when ``<dag_id>.py`` cannot be read.
        """
        with waiting_for(lambda: f"the DAG {dag_id} to be read", self.tell):
            self._await_parsed(dag_id)

    def _await_parsed(self, dag_id: str) -> None:
        deadline = time.monotonic() + PARSED_SECONDS
        while not self._is_parsed(dag_id):
            broken = self.api.call("GET", "/api/v2/importErrors")["import_errors"]
            own = [error for error in broken if PurePath(error["filename"]).stem == dag_id]
            if own:
                said = str(own[0]["stack_trace"]).strip().splitlines()
                raise ServiceError(
                    f"{own[0]['filename']} cannot be read: {said[-1] if said else 'no reason'}",
                    remedy="Fix the file; Airflow reads it again by itself.",
                )
            if time.monotonic() > deadline:
                names = ", ".join(str(error["filename"]) for error in broken)
                raise ServiceError(
                    f"Airflow has found no DAG {dag_id} in {PARSED_SECONDS:.0f} s",
                    remedy=f"Files that cannot be read: {names or 'none'}. "
                    "See dag-processor.log in the folder logs/airflow.",
                )
            time.sleep(POLL_SECONDS)

    def _is_parsed(self, dag_id: str) -> bool:
        try:
            return bool(self.api.call("GET", dag_path(dag_id)))
        except ApiError as exc:
            if exc.status == 404:
                return False
            raise

    def unpause(self, dag_id: str) -> None:
        """Switch the DAG on; the runs of a paused one stay queued."""
        self.api.call("PATCH", f"{dag_path(dag_id)}?update_mask=is_paused", {"is_paused": False})

    def trigger_run(
        self,
        dag_id: str,
        run_id: str,
        conf: Mapping[str, Any],
        *,
        logical_date: str | None = None,
    ) -> None:
        """Ask for a new run; `conf` fills the DAG's parameters, `logical_date` is ISO or None."""
        body = {"dag_run_id": run_id, "logical_date": logical_date, "conf": dict(conf)}
        try:
            self.api.call("POST", f"{dag_path(dag_id)}/dagRuns", body)
        except ApiError as exc:
            # Somebody else asked for the same run meanwhile.
            if exc.status != 409 or self.run_state(dag_id, run_id) is None:
                raise

    def run_state(self, dag_id: str, run_id: str) -> str | None:
        """Return queued, running, success or failed; None where there is no such run."""
        try:
            return str(self.api.call("GET", dag_path(dag_id, run_id))["state"])
        except ApiError as exc:
            if exc.status == 404:
                return None
            raise

    def clear_run(self, dag_id: str, run_id: str) -> None:
        """Let the run's failed tasks, and those that waited for them, run again."""
        body = {"dry_run": False, "only_failed": True}
        self.api.call("POST", dag_path(dag_id, run_id, "clear"), body)

    def wait_for_run(
        self,
        dag_id: str,
        run_id: str,
        *,
        on_task: OnTask | None = None,
        timeout_seconds: float | None = None,
    ) -> str:
        """Wait for the run's end and return its state; without a limit, since each task has one.

        `on_task` receives (task id, state, seconds) once for each task that ends.
        """
        under_way: list[str] = []
        with waiting_for(
            lambda: f"{dag_id}: {', '.join(under_way) or 'its first task'}",
            self.tell,
            RUN_WORD_SECONDS,
        ):
            return self._follow(dag_id, run_id, on_task, timeout_seconds, under_way)

    def _follow(
        self,
        dag_id: str,
        run_id: str,
        on_task: OnTask | None,
        timeout_seconds: float | None,
        under_way: list[str],
    ) -> str:
        reported: set[tuple[str, int, int]] = set()
        deadline = time.monotonic() + (timeout_seconds or math.inf)
        while True:
            state = self.run_state(dag_id, run_id)  # asked first, so that no task goes unreported
            tasks = self._list_tasks(dag_id, run_id)
            under_way[:] = [task["task_id"] for task in tasks if task["state"] in UNDER_WAY]
            _tell_ended(tasks, reported, on_task)
            if state in FINISHED_RUN:
                return str(state)
            if state is None:
                raise ServiceError(f"the run {run_id} of {dag_id} is gone")
            if time.monotonic() > deadline:
                raise ServiceError(
                    f"the run {run_id} of {dag_id} has not ended in {timeout_seconds:.0f} s",
                    remedy=f"Look at it in the UI: {self.api.address}/dags/{dag_id}",
                )
            time.sleep(POLL_SECONDS)

    def _list_tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return all tasks of the run; Airflow answers with a page of them at a time."""
        tasks: list[dict[str, Any]] = []
        while True:
            part = f"taskInstances?limit={PAGE_TASKS}&offset={len(tasks)}"
            page = self.api.call("GET", dag_path(dag_id, run_id, part))["task_instances"]
            tasks += page
            if len(page) < PAGE_TASKS:
                return tasks


def _tell_ended(
    tasks: Sequence[Mapping[str, Any]], reported: set[tuple[str, int, int]], on_task: OnTask | None
) -> None:
    ended = [task for task in tasks if task["state"] in FINISHED_TASK]
    for task in sorted(ended, key=lambda task: task["end_date"] or ""):
        key = (task["task_id"], task["map_index"], task["try_number"])
        if key not in reported and on_task is not None:
            on_task(task["task_id"], task["state"], float(task["duration"] or 0.0))
        reported.add(key)
