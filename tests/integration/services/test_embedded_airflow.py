"""The embedded Airflow for real: started, asked for runs, killed, started again, stopped."""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from factorprism.core.errors import ServiceError
from factorprism.core.roles import OWNER
from factorprism.services import EmbeddedAirflow, EmbeddedPostgres, MlflowUi, services_status
from factorprism.services._airflow_api import AirflowApi, ApiError
from factorprism.services._group import lives
from factorprism.services.airflow import COMPONENTS
from factorprism.warehouse import PostgresWarehouse
from waiting import eventually

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

PATIENT = '''
"""One step that waits until its file is there, and writes down each of its tries."""
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from airflow.sdk import dag, task

@dag(schedule=None, start_date=datetime(2020, 1, 1, tzinfo=UTC))
def patient():
    @task(retries=3, retry_delay=timedelta(seconds=1))
    def wait(run_id, ti):
        here = Path(os.environ["FACTORPRISM_HOME"])
        with (here / f"tries {run_id}").open("a") as file:
            file.write(f"{ti.try_number} {os.getpid()}\\n")
        while not (here / f"free {run_id}").exists():
            time.sleep(0.1)

    wait()

patient()
'''

pytestmark = pytest.mark.slow
BROKEN = "from airflow.sdk import DAG\n\nraise RuntimeError('no such luck')\n"


@pytest.fixture(scope="module")
def airflow() -> Iterator[EmbeddedAirflow]:
    home = Path(tempfile.mkdtemp(prefix="factorprism-airflow-"))
    home.chmod(0o711)
    repository = home / "repository"
    (repository / "dags").mkdir(parents=True)
    (repository / "plugins").mkdir()
    (repository / "dags" / "two_steps.py").write_text(DAG)
    (repository / "dags" / "patient.py").write_text(PATIENT)
    (repository / "dags" / "broken.py").write_text(BROKEN)
    (repository / "dags" / "pools.json").write_text('{"small": {"slots": 1, "description": ""}}')
    server = EmbeddedPostgres(home)
    server.start()
    with closing(PostgresWarehouse(server.url("prism", OWNER))) as warehouse:
        warehouse.migrate()
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


def test_strangers_get_no_token_and_viewers_may_only_read(airflow: EmbeddedAirflow) -> None:
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
    runs, reported = airflow.runs(), []
    (airflow.home / "allowed").unlink(missing_ok=True)

    def run() -> str:
        reported.clear()
        return runs.run_dag(
            "two_steps",
            "session__2025-12-31",
            {"word": "prism"},
            on_task=lambda task, state, seconds: reported.append((task, state, seconds >= 0)),
            timeout_seconds=90,
        )

    assert runs.run_state("two_steps", "session__2025-12-31") is None
    assert run() == "failed"
    assert reported == [("first", "success", True), ("second", "failed", True)]
    (airflow.home / "allowed").touch()
    assert run() == "success"
    assert ("second", "success", True) in reported
    assert run() == "success"
    assert reported == []
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


def is_back(airflow: EmbeddedAirflow) -> bool:
    return set(airflow.status().values()) == {"healthy"}


def tries(airflow: EmbeddedAirflow, run_id: str) -> list[str]:
    path = airflow.home / f"tries {run_id}"
    return path.read_text().splitlines() if path.exists() else []


def begin_patient_run(airflow: EmbeddedAirflow, run_id: str) -> None:
    runs = airflow.runs()
    runs.await_dag("patient")
    runs.unpause("patient")
    runs.trigger_run("patient", run_id, {})
    eventually(lambda: len(tries(airflow, run_id)) == 1)


def end_patient_run(airflow: EmbeddedAirflow, run_id: str) -> None:
    (airflow.home / f"free {run_id}").touch()
    assert airflow.runs().wait_for_run("patient", run_id, timeout_seconds=120) == "success"


@pytest.mark.parametrize("name", [name for name in COMPONENTS if name != "scheduler"])
def test_a_killed_component_is_back_by_itself(airflow: EmbeddedAirflow, name: str) -> None:
    victim = psutil.Process(airflow._group.kept()[name].pid)
    victim.kill()
    eventually(lambda: airflow._group.kept()[name].pid != victim.pid)
    print(f"{name}: back after {eventually(lambda: is_back(airflow)):.0f} s")


def test_the_task_of_a_killed_scheduler_is_tried_again_and_never_twice_at_once(
    airflow: EmbeddedAirflow,
) -> None:
    begin_patient_run(airflow, "scheduler")
    _, task = tries(airflow, "scheduler")[0].split()
    victim = psutil.Process(airflow._group.kept()["scheduler"].pid)
    victim.kill()
    print(f"tried again after {eventually(lambda: len(tries(airflow, 'scheduler')) == 2):.0f} s")
    assert airflow._group.kept()["scheduler"].pid != victim.pid
    assert not psutil.pid_exists(int(task)) or not lives(psutil.Process(int(task)))
    end_patient_run(airflow, "scheduler")
    eventually(lambda: is_back(airflow))


def test_a_killed_server_is_back_the_task_goes_on_and_one_alert_tells(
    airflow: EmbeddedAirflow,
) -> None:
    server = EmbeddedPostgres(airflow.home)
    begin_patient_run(airflow, "server")
    before = set(alert_rows(server))
    pid = server.pid()
    assert pid is not None
    psutil.Process(pid).kill()
    took = eventually(lambda: server.pid() not in (None, pid))
    print(f"PostgreSQL back after {took:.0f} s")
    print(f"all back after {took + eventually(lambda: is_back(airflow)):.0f} s")
    end_patient_run(airflow, "server")
    eventually(lambda: len(alert_rows(server)) == 1)
    ((key, sentence),) = alert_rows(server)
    assert key == f"services {socket.gethostname()}"
    assert "PostgreSQL has ended" in sentence or before
    assert is_back(airflow)


def alert_rows(server: EmbeddedPostgres) -> list[tuple[str, str]]:
    with closing(PostgresWarehouse(server.url())) as warehouse:
        return [(alert.key, alert.sentence) for alert in warehouse.alerts.list_open_alerts()]


def test_orphans_of_a_killed_session_are_ended_before_a_new_start(
    airflow: EmbeddedAirflow,
) -> None:
    before = processes(airflow)
    for process in before:
        if "factorprism.services._keeper" in process.cmdline():
            process.kill()
            process.wait(60)
    assert not airflow._group.is_kept()
    assert airflow.is_running()
    airflow.stop()
    assert not airflow.is_running()
    assert not [p for p in before if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    assert set(airflow.status().values()) == {"down"}
    with pytest.raises(ServiceError, match="does not answer"):
        airflow.runs()
