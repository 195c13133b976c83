"""The embedded Airflow for real: started, asked for runs, killed, started again, stopped."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from factorprism.core.errors import ServiceError
from factorprism.services import EmbeddedAirflow, EmbeddedPostgres, MlflowUi, services_status
from factorprism.services._airflow_api import AirflowApi, ApiError

DAG = '''
"""Two steps; the second fails until its file is there."""
import os
from datetime import UTC, datetime
from pathlib import Path
from airflow.sdk import Param, dag, task

@dag(schedule=None, start_date=datetime(2020, 1, 1, tzinfo=UTC), params={"word": Param("none")})
def two_steps():
    @task(pool="small")
    def first(params):
        here = Path(os.environ["FACTORPRISM_HOME"])
        with (here / "first").open("a") as file:
            file.write(params["word"] + "\\n")

    @task
    def second():
        assert (Path(os.environ["FACTORPRISM_HOME"]) / "allowed").exists()

    first() >> second()

two_steps()
'''

BROKEN = "from airflow.sdk import DAG\n\nraise RuntimeError('no such luck')\n"


@pytest.fixture(scope="module")
def airflow() -> Iterator[EmbeddedAirflow]:
    home = Path(tempfile.mkdtemp(prefix="factorprism-airflow-"))
    home.chmod(0o711)
    repository = home / "repository"
    (repository / "dags").mkdir(parents=True)
    (repository / "plugins").mkdir()
    (repository / "dags" / "two_steps.py").write_text(DAG)
    (repository / "dags" / "broken.py").write_text(BROKEN)
    (repository / "dags" / "pools.json").write_text('{"small": {"slots": 1, "description": ""}}')
    server = EmbeddedPostgres(home)
    server.start()
    environ = os.environ | {
        "FACTORPRISM_WAREHOUSE_URL": server.url(),
        "HTTP_PROXY": "http://0.0.0.1",
    }
    airflow = EmbeddedAirflow(home, server.url("airflow"), environ, repository)
    try:
        airflow.start()
        yield airflow
    finally:
        airflow.stop()
        server.stop()
        shutil.rmtree(server.data_folder.parent, ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)


def processes(airflow: EmbeddedAirflow) -> list[psutil.Process]:
    return airflow._group.members()


def test_all_components_are_healthy_and_a_second_start_changes_nothing(
    airflow: EmbeddedAirflow,
) -> None:
    assert set(airflow.status().values()) == {"healthy"}
    before = {process.pid for process in processes(airflow)}
    airflow.start()
    assert before <= {process.pid for process in processes(airflow)}


def test_it_listens_on_loopback_alone(airflow: EmbeddedAirflow) -> None:
    listening = {
        connection.laddr.ip
        for process in processes(airflow)
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


def test_secrets_are_readable_by_the_owner_alone(airflow: EmbeddedAirflow) -> None:
    private = [*(airflow.folder / "secrets").iterdir(), airflow.folder / "passwords.json"]
    assert len(private) == 4
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}
    assert len((airflow.folder / "secrets" / "jwt").read_text().strip()) >= 64


def test_strangers_get_no_token_and_viewers_may_only_look(airflow: EmbeddedAirflow) -> None:
    with pytest.raises(ApiError) as caught:
        AirflowApi(airflow.address).log_in("admin", "wrong")
    assert caught.value.status == 401
    viewer = AirflowApi(airflow.address).log_in("viewer", airflow.passwords()["viewer"])
    airflow.runs().await_dag("two_steps")
    assert viewer.call("GET", "/api/v2/dags/two_steps")["dag_id"] == "two_steps"
    with pytest.raises(ApiError) as caught:
        viewer.call("POST", "/api/v2/dags/two_steps/dagRuns", {"logical_date": None})
    assert caught.value.status == 403


def test_a_run_that_failed_goes_on_where_it_failed_and_a_done_one_stays(
    airflow: EmbeddedAirflow,
) -> None:
    runs, told = airflow.runs(), []
    (airflow.home / "allowed").unlink(missing_ok=True)

    def run() -> str:
        told.clear()
        return runs.run_dag(
            "two_steps",
            "session__2025-12-31",
            {"word": "prism"},
            on_task=lambda task, state, seconds: told.append((task, state, seconds >= 0)),
            timeout_seconds=90,
        )

    assert runs.run_state("two_steps", "session__2025-12-31") is None
    assert run() == "failed"
    assert told == [("first", "success", True), ("second", "failed", True)]
    (airflow.home / "allowed").touch()
    assert run() == "success"
    assert ("second", "success", True) in told
    assert run() == "success"
    assert told == []
    assert (airflow.home / "first").read_text() == "prism\n"


def test_what_is_remembered_of_old_runs_is_cleaned_and_dags_stay(airflow: EmbeddedAirflow) -> None:
    runs = airflow.runs()
    (airflow.home / "allowed").touch()
    name = "session__2024-12-31"
    assert runs.run_dag("two_steps", name, {"word": "old"}, timeout_seconds=90) == "success"
    now = datetime.now(UTC)
    airflow.clean_metadata(now - timedelta(days=1))
    assert runs.run_state("two_steps", name) == "success"
    airflow.clean_metadata(now + timedelta(days=1))
    assert runs.run_state("two_steps", name) is None
    runs.await_dag("two_steps")


def test_a_dag_that_cannot_be_read_is_named_with_its_error(airflow: EmbeddedAirflow) -> None:
    with pytest.raises(ServiceError, match=r"broken\.py.*no such luck"):
        airflow.runs().run_dag("broken", "any", {})


def test_the_status_names_every_service_and_no_password(airflow: EmbeddedAirflow) -> None:
    server = EmbeddedPostgres(airflow.home)
    rows = services_status(server, airflow, MlflowUi(airflow.home, server.url("mlflow")))
    assert [row["service"] for row in rows if row["state"] == "healthy"] == [
        "postgres",
        "airflow api-server",
        "airflow scheduler",
        "airflow dag-processor",
        "airflow triggerer",
    ]
    password = (airflow.home / "postgres" / "password").read_text().strip()
    assert password not in json.dumps(rows)


def dag_processors(airflow: EmbeddedAirflow) -> list[psutil.Process]:
    """Return the DAG processor, then what it has just forked and still goes by its name."""
    found = []
    for process in processes(airflow):
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.cmdline()[-2:] == ["airflow", "dag-processor"]:
                found.append(process)
    return sorted(found, key=lambda process: process.create_time())


def test_a_killed_component_comes_back(airflow: EmbeddedAirflow) -> None:
    victim, *_ = dag_processors(airflow)
    victim.kill()
    killed = time.time()
    while not any(process.create_time() > killed for process in dag_processors(airflow)):
        assert time.time() < killed + 60
        time.sleep(0.2)


def test_orphans_of_a_killed_session_are_ended_before_a_new_start(
    airflow: EmbeddedAirflow,
) -> None:
    before = processes(airflow)
    for process in before:
        if process.name() == "sh":
            process.kill()
    assert airflow.is_running()
    airflow.stop()
    assert not airflow.is_running()
    assert not [p for p in before if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    assert set(airflow.status().values()) == {"down"}
    with pytest.raises(ServiceError, match="does not answer"):
        airflow.runs()
