"""A real PostgreSQL under a keeper: killed, it is back first, and what lives on it follows."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from factorprism.services import EmbeddedPostgres
from factorprism.services._group import ProcessGroup, lives
from factorprism.services._plan import Plan
from loopback_ports import takes
from sql import execute
from waiting import eventually

# Says which address it was given, and whether the server there takes connections.
CLIENT = """
import os, time, psycopg2
psycopg2.connect(os.environ["SERVER"]).close()
print(os.environ["SERVER"], flush=True)
time.sleep(600)
"""


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="factorprism-kept-"))
    folder.chmod(0o711)
    yield folder
    server = EmbeddedPostgres(folder)
    server.stop()
    shutil.rmtree(server.data_folder.parent, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def group(home: Path) -> Iterator[ProcessGroup]:
    """A client of the home's server under a keeper that keeps both."""
    server = EmbeddedPostgres(home)
    server.start()
    group = ProcessGroup(home / "processes.json", ("KEPT_TEST_HOME", str(home)))
    plan = Plan("The test's", {"client": [sys.executable, "-c", CLIENT]}, str(home), str(home))
    group.launch(plan, os.environ | {"SERVER": server.url()})
    try:
        eventually(lambda: addresses(home) == [server.url()])
        yield group
    finally:
        group.stop(10.0)


def addresses(home: Path) -> list[str]:
    log = home / "client.log"
    return log.read_text().split() if log.exists() else []


def postmaster(home: Path) -> psutil.Process:
    pid = EmbeddedPostgres(home).pid()
    assert pid is not None
    return psutil.Process(pid)


def test_a_killed_server_is_back_and_what_lived_on_it_is_started_anew(
    home: Path, group: ProcessGroup
) -> None:
    url = EmbeddedPostgres(home).url()
    client = psutil.Process(group.kept()["client"].pid)
    postmaster(home).kill()
    eventually(lambda: addresses(home) == [url, url])
    assert not lives(client)
    assert group.kept()["client"].ends == 0  # it was not to blame
    assert execute(url, "SELECT 1") == [(1,)]


def test_where_its_port_was_taken_meanwhile_all_learn_the_new_address(
    home: Path, group: ProcessGroup
) -> None:
    url = EmbeddedPostgres(home).url()
    port = int(url.rsplit(":", 1)[1].split("/")[0])
    client = psutil.Process(group.kept()["client"].pid)
    (keeper,) = set(group.members()) - {client}
    keeper.suspend()
    postmaster(home).kill()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        eventually(lambda: takes(other, port))  # the dead server's children let go of it
        other.listen()
        keeper.resume()
        eventually(lambda: len(addresses(home)) == 2)
    new = EmbeddedPostgres(home).url()
    assert new != url
    assert addresses(home) == [url, new]
    moved = new.rsplit(":", 1)[1].split("/")[0]
    eventually(
        lambda: f"has moved to port {moved}, since port {port}" in (home / "keeper.log").read_text()
    )


def test_a_server_stopped_with_its_keeper_stays_down(home: Path, group: ProcessGroup) -> None:
    group.stop(10.0)
    EmbeddedPostgres(home).stop()
    time.sleep(2.5)
    assert not EmbeddedPostgres(home).is_running()
    assert group.members() == []


def test_a_server_that_refuses_for_a_while_is_waited_for(home: Path, group: ProcessGroup) -> None:
    url, password = EmbeddedPostgres(home).url(), home / "postgres" / "password"
    right = password.read_text()
    password.write_text("wrong\n")
    postmaster(home).kill()
    log = home / "keeper.log"
    eventually(lambda: "PostgreSQL has started and refuses: " in log.read_text())
    password.write_text(right)
    eventually(lambda: addresses(home) == [url, url])
