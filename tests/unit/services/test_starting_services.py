"""A service that is still coming up: it can be stopped, and its state is what it answers.

A keeper is real; what it keeps sleeps in the place of Airflow's and MLflow's own processes.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from factorprism.core.errors import ServiceError
from factorprism.services import EmbeddedAirflow, EmbeddedPostgres, MlflowUi, services_status
from factorprism.services._plan import Plan
from waiting import eventually

pytestmark = pytest.mark.slow  # starts services and waits for them

SLEEPER = [sys.executable, "-c", "import time; time.sleep(300)"]
ENDS = [sys.executable, "-c", ""]


@pytest.fixture
def airflow(tmp_path: Path) -> Iterator[EmbeddedAirflow]:
    airflow = EmbeddedAirflow(tmp_path, "postgresql://prism@127.0.0.1:1/airflow", os.environ)
    yield airflow
    airflow._group.stop(5.0)


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[MlflowUi]:
    pages = MlflowUi(tmp_path, "postgresql://prism@127.0.0.1:1/mlflow")
    yield pages
    pages._group.stop(5.0)


def keep(service: EmbeddedAirflow | MlflowUi, command: list[str]) -> None:
    """Put `command` in the place of the service's own processes."""
    service.folder.mkdir()
    names = ["api-server"] if isinstance(service, EmbeddedAirflow) else ["server"]
    logs = service.home / "logs"
    service._group.launch(Plan("The test's", dict.fromkeys(names, command), str(logs)), os.environ)
    eventually(lambda: set(service._group.kept()) == set(names))


class Health(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def answering(pages: MlflowUi) -> Iterator[None]:
    """Answer at the address of `pages`."""
    with HTTPServer(("127.0.0.1", 0), Health) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        (pages.folder / "port").write_text(str(server.server_port))
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def held_port(service: EmbeddedAirflow | MlflowUi) -> Iterator[str]:
    """Keep a component of `service` whose port this process listens on."""
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        service.folder.mkdir()
        name = "api-server" if isinstance(service, EmbeddedAirflow) else "server"
        if isinstance(service, EmbeddedAirflow):
            (service.folder / "ports.json").write_text(json.dumps({"api": port}))
        plan = Plan("T", {name: SLEEPER}, str(service.home / "logs"), ports={name: port})
        service._group.launch(plan, os.environ)
        eventually(lambda: bool(service.blocked()))
        yield f"port {port} is held by .* \\(process {os.getpid()}\\)"


def test_a_start_says_who_holds_the_port_of_the_ui_and_its_keeper_goes_on(
    airflow: EmbeddedAirflow, pages: MlflowUi
) -> None:
    with held_port(airflow) as held:
        with pytest.raises(ServiceError, match=f"Airflow's api-server cannot start: {held}"):
            airflow.start()
        with pytest.raises(ServiceError, match=held):
            airflow.runs()  # the stranger hears no password
        assert airflow._group.is_kept()
        rows = services_status(EmbeddedPostgres(airflow.home), airflow, pages)
        (row,) = (row for row in rows if row["service"] == "airflow api-server")
        assert row["state"] == "down"
        assert re.match(held, row["reason"])


def test_a_start_says_who_holds_the_port_of_the_pages(pages: MlflowUi) -> None:
    with (
        held_port(pages) as held,
        pytest.raises(ServiceError, match=f"MLflow's server cannot start: {held}"),
    ):
        pages.start()


def test_the_pages_get_neither_the_vendors_token_nor_a_login_of_the_warehouse(
    pages: MlflowUi, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FACTORPRISM_WAREHOUSE_OWNER_URL", "FACTORPRISM_ALERTS_URL", "TUSHARE_TOKEN"):
        monkeypatch.setenv(name, "open-sesame")
    environment = pages._environment()
    assert "open-sesame" not in environment.values()
    assert environment["PATH"] == os.environ["PATH"]
    assert environment["MLFLOW_BACKEND_STORE_URI"].startswith("postgresql+psycopg2://prism@")


def stopped_while_starting(service: EmbeddedAirflow | MlflowUi) -> Future[None]:
    """Start `service`, which does not come up, and stop it meanwhile; return what start has."""
    keep(service, SLEEPER)
    with ThreadPoolExecutor(2) as threads:
        start = threads.submit(service.start)
        time.sleep(1.0)
        stop = threads.submit(service.stop)
        try:
            stop.result(20)
        finally:
            service._group.stop(5.0)
        assert start.exception(20) is not None
    return start


def test_airflow_can_be_stopped_while_it_is_waited_for(airflow: EmbeddedAirflow) -> None:
    with pytest.raises(ServiceError, match="Airflow was stopped while it was starting"):
        stopped_while_starting(airflow).result()


def test_the_pages_can_be_stopped_while_they_are_waited_for(pages: MlflowUi) -> None:
    with pytest.raises(ServiceError, match="pages were stopped while they were starting"):
        stopped_while_starting(pages).result()


def state(pages: MlflowUi) -> str:
    airflow = EmbeddedAirflow(pages.home, "postgresql://prism@127.0.0.1:1/airflow", os.environ)
    rows = services_status(EmbeddedPostgres(pages.home), airflow, pages)
    return next(row["state"] for row in rows if row["service"] == "mlflow")


def test_pages_are_healthy_only_when_they_answer(pages: MlflowUi) -> None:
    assert state(pages) == "down"
    keep(pages, SLEEPER)
    assert state(pages) == "unhealthy"
    with answering(pages):
        assert state(pages) == "healthy"


def test_pages_that_end_again_and_again_are_not_healthy(pages: MlflowUi) -> None:
    keep(pages, ENDS)
    eventually(lambda: pages._group.kept()["server"].ends > 0)
    assert state(pages) != "healthy"


def test_only_the_ends_of_this_wait_count_against_the_pages(pages: MlflowUi) -> None:
    keep(pages, SLEEPER)
    eventually(lambda: pages._group.kept()["server"].pid > 0)
    roster = pages.folder / "kept.json"
    kept = json.loads(roster.read_text())
    kept["server"]["ends"] = 7  # in the weeks before
    roster.write_text(json.dumps(kept))
    with ThreadPoolExecutor(1) as threads:
        start = threads.submit(pages.start)
        time.sleep(1.0)
        with answering(pages):
            start.result(20)
