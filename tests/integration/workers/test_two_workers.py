"""Two workers that share nothing but PostgreSQL and a store: one is lost, the rows are the same."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from default_signal import DAILY, WEEKLY
from factorprism.services._airflow_api import ApiError
from factorprism.services.dag_runs import FINISHED_RUN, DagRuns
from factorprism.warehouse.db.fingerprint import combine_fingerprints
from worlds import read_fingerprints

TRAINED_AS_OF, SESSION = "2019-12-31", "2020-01-02"
PATIENCE_SECONDS = 600.0


def await_that(condition: Callable[[], Any], what: str) -> Any:
    """Return the first true answer of `condition`; an Airflow too busy to answer is asked again."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            answer = condition()
        except ApiError as exc:
            if exc.status:
                raise
            answer = None
        if answer:
            return answer
        assert time.monotonic() < deadline, f"{what}: not in {PATIENCE_SECONDS:.0f} s"
        time.sleep(0.5)


def tasks_of(runs: DagRuns, dag_id: str, run_id: str) -> list[dict[str, Any]]:
    path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=100"
    answer: list[dict[str, Any]] = runs.api.call("GET", path)["task_instances"]
    return answer


def begin(runs: DagRuns, dag_id: str, session: str, **conf: Any) -> None:
    def triggered() -> bool:
        runs.await_dag(dag_id)
        runs.unpause(dag_id)
        if runs.run_state(dag_id, session) is None:
            runs.trigger_run(dag_id, session, {"session": session, **conf})
        return True

    await_that(triggered, f"{dag_id} begins")


def end(runs: DagRuns, dag_id: str, run_id: str) -> str:
    def ended() -> str | None:
        state = runs.run_state(dag_id, run_id)
        return state if state in FINISHED_RUN else None

    state: str = await_that(ended, f"{dag_id} ends")
    return state


def test_a_worker_lost_in_the_middle_of_a_task_changes_no_row(
    house: Any, store: Any, alone: dict[str, str]
) -> None:
    workers = [house.start_worker(name) for name in ("one", "two")]
    runs = await_that(house.airflow.runs, "the interface lets us in")
    slots = {"name": "gpu", "slots": 2, "include_deferred": False}
    await_that(lambda: runs.api.call("PATCH", "/api/v2/pools/gpu", slots), "two slots")
    begin(runs, WEEKLY, TRAINED_AS_OF, contest="quick")

    def in_the_middle() -> tuple[Any, int] | None:
        assert runs.run_state(WEEKLY, TRAINED_AS_OF) not in FINISHED_RUN
        for task in tasks_of(runs, WEEKLY, TRAINED_AS_OF):
            if task["task_id"] == "evaluate_folds" and task["state"] == "running":
                for worker in workers:
                    if worker.runs(task["pid"]):
                        return worker, task["map_index"]
        return None

    victim, map_index = await_that(in_the_middle, "a fold is evaluated")
    victim.kill()
    house.start_worker("three")
    assert end(runs, WEEKLY, TRAINED_AS_OF) == "success"
    tries = {
        task["map_index"]: task["try_number"]
        for task in tasks_of(runs, WEEKLY, TRAINED_AS_OF)
        if task["task_id"] == "evaluate_folds"
    }
    assert len(tries) == 7
    assert tries[map_index] > 1, "the lost task was not tried again"

    begin(runs, DAILY, SESSION)
    assert end(runs, DAILY, SESSION) == "success"

    apart = read_fingerprints(house.warehouse_url)
    assert {name for name in apart if apart[name] != alone[name]} == set()
    print(f"{len(apart)} tables, tries {tries}, both {combine_fingerprints(apart)}")
    assert {key.split("/")[1] for key in store.names()} == {"image-sets", "mlflow"}
    assert not [worker for worker in house.workers if list(worker.home.glob("**/artefacts"))]


def test_nothing_listens_but_on_loopback(house: Any) -> None:
    processes = house.airflow._group.members()
    processes += [process for worker in house.workers for process in worker.members()]
    listening = set()
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # a worker's child may end meanwhile
            listening |= {
                connection.laddr.ip
                for connection in process.net_connections(kind="inet")
                if connection.status == psutil.CONN_LISTEN
            }
    assert listening == {"127.0.0.1"}


@pytest.fixture(scope="module")
def ask(repository_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., bool]:
    """Ask the compose file's health check of a service, where Airflow could not be imported."""
    compose = yaml.safe_load((repository_root / "docker-compose.yml").read_text())
    program = repository_root / "deploy" / "image" / "alive.py"
    barred = tmp_path_factory.mktemp("barred")
    (barred / "airflow.py").write_text("raise ImportError('Airflow takes seconds to start')")

    def is_healthy(service: str, environ: Mapping[str, str]) -> bool:
        kind, name, part = compose["services"][service]["healthcheck"]["test"]
        assert (kind, name) == ("CMD", "alive")
        done = subprocess.run(
            [sys.executable, program, part],
            env={**environ, "PYTHONPATH": str(barred)},
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
        )
        assert done.stdout.startswith(f"{part}: "), done.stderr
        return done.returncode == 0

    return is_healthy


def test_a_workers_health_check_tells_the_living_from_the_lost(
    house: Any, ask: Callable[..., bool]
) -> None:
    left = [worker for worker in house.workers if worker.members()]
    living = left[0] if left else house.start_worker("four")
    environ = {**living.environ, "HOSTNAME": living.name}
    await_that(lambda: ask("worker", environ), "a living worker answers")
    living.kill()
    assert not ask("worker", environ)


def test_the_parts_health_checks_tell_the_living_from_the_lost(
    house: Any, ask: Callable[..., bool]
) -> None:
    parts = ("api-server", "scheduler", "dag-processor", "triggerer")
    environ = house.airflow.environment()
    for part in parts:
        await_that(lambda part=part: ask(part, environ), f"{part} lives")
    house.airflow.stop()
    assert not [part for part in parts if ask(part, environ)]
