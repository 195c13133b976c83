"""A home from when one login owned everything: brought over at the next start, nothing lost."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime
from pathlib import Path

import pytest

from factorprism.core.roles import OWNER, READER
from factorprism.services import EmbeddedPostgres
from factorprism.services._cluster import SETTINGS, find_cluster
from factorprism.services.postgres import NEW_LOGINS
from factorprism.warehouse import PostgresWarehouse
from sql import execute

PASSWORD = "0" * 48
NOON = datetime(2026, 11, 20, 12)
DATABASES = ("prism", "airflow", "mlflow")


def make_cluster(home: Path) -> None:
    """Make the cluster as the version with one login did."""
    cluster = find_cluster(home)
    cluster.data.mkdir(mode=0o700)
    if cluster.account.switch:
        shutil.chown(cluster.data, cluster.account.uid, cluster.account.gid)
    command = [cluster.program("initdb"), "-D", cluster.data, "-U", "postgres", "-E", "UTF8"]
    command += ["--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    command += ["--auth-local=peer", "--auth-host=scram-sha-256", "--no-instructions"]
    for name, value in SETTINGS.items():
        command += ["-c", f"{name}={value}"]
    cluster.account.run(command)
    statements = [f"CREATE ROLE prism LOGIN CREATEDB PASSWORD '{PASSWORD}'"]
    statements += [f"CREATE DATABASE {name} OWNER prism" for name in DATABASES]
    cluster._single_user(cluster.data, statements)
    (home / "postgres" / "password").write_text(f"{PASSWORD}\n")


@pytest.fixture
def older() -> Iterator[EmbeddedPostgres]:
    """The server of such a home, running, with rows in the warehouse and beside it."""
    home = Path(tempfile.mkdtemp(prefix="factorprism-older-"))
    home.chmod(0o711)
    server = EmbeddedPostgres(home)
    try:
        make_cluster(home)
        server._launch(find_cluster(home), print)
        urls = {name: server.url(name, "prism") for name in (*DATABASES, "postgres")}
        with closing(PostgresWarehouse(urls["prism"])) as warehouse:
            warehouse.migrate()
            warehouse.calendar.save_days("XSHG", "x", {date(2027, 1, 4): True}, NOON)
        for name in ("airflow", "mlflow"):
            execute(urls[name], "CREATE TABLE kept AS SELECT 7 AS x")
        execute(urls["postgres"], "CREATE DATABASE restored TEMPLATE prism")
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.data_folder.parent, ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)


@pytest.mark.parametrize("runs", [True, False])
def test_it_gets_its_roles_at_the_next_start_and_keeps_every_row(
    older: EmbeddedPostgres, runs: bool
) -> None:
    with closing(PostgresWarehouse(older.url("prism", "prism"))) as warehouse:
        before = warehouse.fingerprints()
    if not runs:
        older.stop()
    reported: list[str] = []
    older.start(reported.append)
    assert (NEW_LOGINS in reported) == runs
    with closing(PostgresWarehouse(older.url("prism", OWNER))) as warehouse:
        warehouse.migrate()
        assert warehouse.read_login().owns_schema
    with closing(PostgresWarehouse(older.url())) as warehouse:
        assert warehouse.fingerprints() == before
        assert not warehouse.read_login().owns_schema
        warehouse.calendar.save_days("XSHG", "x", {date(2027, 1, 5): True}, NOON)
    days = "SELECT count(*) FROM prism.trading_days"
    assert execute(older.url("prism", READER), days) == [(2,)]
    for name in ("airflow", "mlflow"):
        assert execute(older.url(name), "UPDATE kept SET x = 8 RETURNING x") == [(8,)]
    # A database of the person's own is still its maker's.
    assert execute(older.url("restored"), "DELETE FROM prism.trading_days RETURNING day")
    execute(older.url("postgres"), "DROP DATABASE restored")


def test_a_start_that_was_cut_off_half_way_is_made_good_by_the_next(
    older: EmbeddedPostgres,
) -> None:
    older.start()
    (older.home / "postgres" / "password-reader").unlink()
    (older.home / "postgres" / "password-owner").unlink()
    older.start()
    with closing(PostgresWarehouse(older.url("prism", OWNER))) as warehouse:
        warehouse.migrate()
    assert execute(older.url("prism", READER), "SELECT day FROM prism.trading_days")
    pid = older.pid()
    older.start()
    assert older.pid() == pid
