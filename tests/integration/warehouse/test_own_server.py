"""A PostgreSQL of one's own: without roles, with a superuser, or by the page's statements."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime
from pathlib import Path

import psycopg2
import pytest

from factorprism.core.errors import WarehouseError
from factorprism.core.roles import OWNER, READER, ROLES, WRITER, Login
from factorprism.services import EmbeddedPostgres
from factorprism.services._cluster import find_cluster
from factorprism.warehouse import PostgresWarehouse
from sql import execute

NOON = datetime(2026, 11, 20, 12)
OWNED = """
SELECT DISTINCT rolname FROM pg_roles WHERE oid IN (
    SELECT relowner FROM pg_class WHERE relnamespace = 'prism'::regnamespace AND relkind <> 'i'
    UNION SELECT proowner FROM pg_proc WHERE pronamespace = 'prism'::regnamespace
    UNION SELECT nspowner FROM pg_namespace WHERE nspname = 'prism')
"""


class Server:
    """A server with a superuser that one may log in as, and none of the house's logins."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self.server = server
        self.place = server.url().split("@")[1].split("/")[0]

    def url(self, login: str, database: str = "postgres") -> str:
        return f"postgresql://{login}:pw@{self.place}/{database}"

    def clear(self) -> None:
        """Drop every database and role but the superuser's own."""
        root = self.url("postgres")
        found = "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'"
        for (name,) in execute(root, found):
            execute(root, f"DROP DATABASE {name} WITH (FORCE)")
        ours = "SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' AND rolname <> 'postgres'"
        for (name,) in execute(root, ours):
            execute(root, f"DROP ROLE {name}")


@pytest.fixture(scope="module")
def started() -> Iterator[Server]:
    home = Path(tempfile.mkdtemp(prefix="factorprism-own-"))
    home.chmod(0o711)
    server = EmbeddedPostgres(home)
    try:
        server.start()
        server.stop()
        cluster = find_cluster(home)
        cluster._single_user(cluster.data, ["ALTER ROLE postgres PASSWORD 'pw'"])
        server.start()
        yield Server(server)
    finally:
        server.stop()
        shutil.rmtree(server.data_folder.parent, ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def own(started: Server) -> Server:
    started.clear()
    return started


@pytest.fixture
def plain(own: Server) -> str:
    """The URL of a warehouse of one login, as anybody had it before there were roles."""
    execute(own.url("postgres"), "CREATE ROLE alone LOGIN PASSWORD 'pw'")
    execute(own.url("postgres"), "CREATE DATABASE house OWNER alone")
    url = own.url("alone", "house")
    with closing(PostgresWarehouse(url)) as warehouse:
        warehouse.migrate()
        warehouse.calendar.save_days("XSHG", "x", {date(2027, 1, 4): True}, NOON)
    return url


def list_roles(own: Server) -> set[str]:
    wanted = "SELECT rolname FROM pg_roles WHERE rolname LIKE 'prism%'"
    return {name for (name,) in execute(own.url("postgres"), wanted)}


def test_without_the_right_to_make_roles_nothing_is_made_and_the_remedy_is_said(
    own: Server, plain: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert list_roles(own) == set()
    (said,) = [record.getMessage() for record in caplog.get_records("setup")]
    assert said.startswith("prism_owner is not on this server; docs/deployment.md#roles says how")
    with closing(PostgresWarehouse(plain)) as warehouse:
        assert warehouse.is_current()
        assert warehouse.read_login() == Login("alone", is_superuser=False, owns_schema=True)
        caplog.clear()
        warehouse.migrate()
    assert not caplog.text  # said once a migration, not at each command


def test_a_superuser_makes_them_without_passwords_and_hands_the_warehouse_over(
    own: Server, plain: str
) -> None:
    with closing(PostgresWarehouse(plain)) as warehouse:
        before = warehouse.fingerprints()
    root = own.url("postgres", "house")
    for _ in range(2):
        with closing(PostgresWarehouse(root)) as warehouse:
            warehouse.migrate()
            assert warehouse.read_login().is_superuser
    assert list_roles(own) == set(ROLES)
    may_log_in = "SELECT rolname FROM pg_roles WHERE rolname LIKE 'prism%' AND rolcanlogin"
    assert execute(root, may_log_in) == []
    assert execute(root, OWNED) == [(OWNER,)]
    for role in ROLES:
        execute(root, f"ALTER ROLE {role} LOGIN PASSWORD 'pw'")
    with closing(PostgresWarehouse(own.url(WRITER, "house"))) as warehouse:
        assert warehouse.fingerprints() == before
        warehouse.calendar.save_days("XSHG", "x", {date(2027, 1, 5): True}, NOON)
    days = "SELECT count(*) FROM prism.trading_days"
    assert execute(own.url(READER, "house"), days) == [(2,)]
    with closing(PostgresWarehouse(own.url(OWNER, "house"))) as warehouse:
        warehouse.migrate()


def test_roles_that_are_made_later_get_their_rights_from_whoever_owns_the_schema(
    own: Server, plain: str
) -> None:
    for role in ROLES:
        execute(own.url("postgres"), f"CREATE ROLE {role} LOGIN PASSWORD 'pw'")
    with closing(PostgresWarehouse(own.url(WRITER, "house"))) as warehouse:
        assert not warehouse.is_current()
        with pytest.raises(WarehouseError, match="prism_writer may not change it"):
            warehouse.migrate()
    with closing(PostgresWarehouse(plain)) as warehouse:
        warehouse.migrate()
    with closing(PostgresWarehouse(own.url(WRITER, "house"))) as warehouse:
        warehouse.migrate()
        assert warehouse.is_current()
    assert execute(own.url(READER, "house"), "SELECT count(*) FROM prism.trading_days") == [(1,)]
    # Nothing is lacking but the owner, whom a superuser puts in its place.
    with closing(PostgresWarehouse(own.url("postgres", "house"))) as warehouse:
        warehouse.migrate()
    assert execute(own.url("postgres", "house"), OWNED) == [(OWNER,)]


def test_the_statements_of_the_page_make_a_warehouse_of_three_roles(
    own: Server, repository_root: Path
) -> None:
    page = (repository_root / "docs" / "deployment.md").read_text()
    (statements,) = re.findall(r"^```sql\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    psql = find_cluster(own.server.home).program("psql")
    subprocess.run(
        [psql, "--no-psqlrc", "--set=ON_ERROR_STOP=1", own.url("postgres")],
        input=re.sub("PASSWORD '[^']+'", "PASSWORD 'pw'", statements),
        check=True,
        capture_output=True,
        text=True,
    )
    with closing(PostgresWarehouse(own.url(OWNER, "prism"))) as warehouse:
        warehouse.migrate()
    with closing(PostgresWarehouse(own.url(WRITER, "prism"))) as warehouse:
        warehouse.migrate()
        warehouse.calendar.save_days("XSHG", "x", {date(2027, 1, 4): True}, NOON)
        assert warehouse.read_login() == Login(WRITER, is_superuser=False, owns_schema=False)
    assert execute(own.url(READER, "prism"), "SELECT count(*) FROM prism.trading_days") == [(1,)]
    for statement in ("CREATE TEMP TABLE t (x int)", "CREATE TABLE public.t (x int)"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            execute(own.url(READER, "prism"), statement)
    with pytest.raises(psycopg2.OperationalError, match="permission denied"):
        execute(own.url("mlflow", "prism"), "SELECT 1")
    execute(own.url("mlflow", "mlflow"), "CREATE TABLE runs (x int)")
    # A person of their own name reads by membership.
    execute(own.url("postgres"), "CREATE ROLE ana LOGIN PASSWORD 'pw'")
    execute(own.url("postgres"), "GRANT prism_reader TO ana")
    assert execute(own.url("ana", "prism"), "SELECT count(*) FROM prism.forecasts") == [(0,)]
