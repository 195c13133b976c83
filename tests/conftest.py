"""What all tests share: a quiet environment, one embedded PostgreSQL, a database for each test."""

from __future__ import annotations

import os

# Before any test module imports a library that reads them.
os.environ.update(
    {
        "GX_ANALYTICS_ENABLED": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "1",
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "CUDA_VISIBLE_DEVICES": "",
        "MPLBACKEND": "Agg",
        # A process for each core: threads of several would only wait for one another.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_NUM_INTEROP_THREADS": "1",
    }
)
for _name in [name for name in os.environ if name.startswith("FACTORPRISM_")]:
    del os.environ[_name]
os.environ["FACTORPRISM_THREADS"] = "1"
os.environ.pop("TUSHARE_TOKEN", None)
# The servers of the tests are on loopback, where no proxy leads.
for _name in ("NO_PROXY", "no_proxy"):
    os.environ[_name] = ",".join(filter(None, [os.environ.get(_name), "127.0.0.1", "localhost"]))

import gc  # noqa: E402
import secrets  # noqa: E402
import shutil  # noqa: E402
import signal  # noqa: E402
import tempfile  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from contextlib import closing  # noqa: E402
from dataclasses import dataclass  # noqa: E402
from datetime import date  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import TYPE_CHECKING, Any  # noqa: E402

import psycopg2  # noqa: E402
import pytest  # noqa: E402
from psycopg2 import sql  # noqa: E402
from xdist.scheduler import LoadScopeScheduling  # noqa: E402

from factorprism.core.roles import OWNER, READER, WRITER  # noqa: E402
from factorprism.models._processor import count_cores  # noqa: E402
from factorprism.services import EmbeddedPostgres  # noqa: E402
from protocol.receivers import Mailbox, Webhook  # noqa: E402

if TYPE_CHECKING:
    from worlds import Recipe, World


# The files that take a minute and more, longest first; no process is to begin with one of them
# when the others have nothing more to do.
LONGEST = (
    "tests/integration/workers/test_two_workers.py",
    "tests/browser/test_pages_in_a_browser.py",
    "tests/integration/evening/test_evening_in_the_scheduler.py",
    "tests/integration/cli/test_first_run.py",
    "tests/integration/services/test_embedded_airflow.py",
    "tests/dags/test_dag_runs.py",
    "tests/integration/pipelines/test_daily_runs.py",
    "tests/integration/pipelines/test_contest_runs.py",
    "tests/integration/pipelines/test_champion.py",
)
MEMORY_BYTES = 4 * 1024**3
# The tests of these folders start servers or build and train networks.
SLOW_FOLDERS = ("integration", "dags", "browser", "unit/models", "unit/learning")
# What is long to make for tests elsewhere; a single one that is long, or a file, is marked.
SLOW_FIXTURES = {"quick_settings", "make_size", "evaluated", "alone", "panels_alone"}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return one process a core, and one more where tests wait for servers."""
    return count_cores() + ("not slow" not in config.option.markexpr)


class FileScheduling(LoadScopeScheduling):
    """Gives whole files to the processes, in the order of `pytest_collection_modifyitems`.

    What tests of several files share and is long to set up lies on the disk.
    """

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FileScheduling:
    return FileScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow, and put the longest first, then the slow, then the rest."""
    for item in items:
        if _is_slow(item):
            item.add_marker(pytest.mark.slow)
    slow = {_file_of(item) for item in items if item.get_closest_marker("slow")}
    places = {file: place for place, file in enumerate([*LONGEST, *sorted(slow - {*LONGEST})])}
    items.sort(key=lambda item: places.get(_file_of(item), len(places)))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let the search for garbage pass over all that was imported by now, and come less often.

    It takes a tenth of the processor's time otherwise.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _is_slow(item: pytest.Item) -> bool:
    in_slow_folder = _file_of(item).startswith(tuple(f"tests/{name}/" for name in SLOW_FOLDERS))
    return in_slow_folder or not SLOW_FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))


def _file_of(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


@dataclass(frozen=True)
class TestServer:
    """The session's server; `server` for its life, `new_database` for a place to write."""

    __test__ = False

    server: EmbeddedPostgres

    def new_database(self, template: str | None = None) -> str:
        """Create an empty database, or a copy of the database named `template`.

        Returns the URL of its owner, to whom nothing is refused.
        """
        name = f"test_{secrets.token_hex(6)}"
        self._execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template or "template0")
            )
        )
        return self.server.url(name, OWNER)

    def as_role(self, url: str, role: str) -> str:
        """Return the URL of the same database for another login."""
        return self.server.url(url.rsplit("/", 1)[1], role)

    def drop_database(self, url: str) -> None:
        """Remove the database of `url`, whoever is still connected."""
        name = url.rsplit("/", 1)[1]
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        try:
            self._execute(drop)
        except psycopg2.errors.InsufficientPrivilege:  # another role is still connected
            found = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            ends = sql.SQL(found + " WHERE usename = current_user AND datname = {}")
            for role in (WRITER, READER):
                self._execute(ends.format(sql.Literal(name)), role)
            self._execute(drop)

    def _execute(self, statement: sql.Composed, role: str = OWNER) -> None:
        with closing(psycopg2.connect(self.server.url("postgres", role))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)


def _forgo_durability(server: EmbeddedPostgres) -> None:
    """Spare the disk: these databases need not outlive the machine.

    Nor need they be vacuumed: a worker that does keeps its database from being dropped.
    """
    with (server.data_folder / "postgresql.auto.conf").open("a") as settings:
        settings.write("fsync = off\nfull_page_writes = off\nsynchronous_commit = off\n")
        settings.write("autovacuum = off\nmax_wal_size = 256MB\n")
    pid = server.pid()
    assert pid is not None
    os.kill(pid, signal.SIGHUP)


def _roomy_memory() -> Path | None:
    """Return a folder in memory with room for the databases, if there is one.

    A database is some 300 files: a disk's file system takes ten times as long to make them.
    """
    folder = Path("/dev/shm")
    roomy = os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > MEMORY_BYTES
    return folder if roomy else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[TestServer]:
    """One embedded server for the whole session, in a home of its own."""
    home = Path(tempfile.mkdtemp(prefix="factorprism-test-", dir=_roomy_memory()))
    home.chmod(0o711)  # root's server runs as nobody, who must be able to pass
    server = EmbeddedPostgres(home)
    try:
        server.start()
        _forgo_durability(server)
        yield TestServer(server)
    finally:
        server.stop()
        shutil.rmtree(server.data_folder.parent, ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def warehouse_url(postgres: TestServer) -> Iterator[str]:
    """The URL of a fresh empty database, dropped after the test."""
    url = postgres.new_database()
    yield url
    postgres.drop_database(url)


@pytest.fixture(scope="session")
def migrated_template(postgres: TestServer) -> Iterator[str]:
    """The name of a migrated empty database to copy."""
    from factorprism.warehouse import PostgresWarehouse

    url = postgres.new_database()
    with closing(PostgresWarehouse(url)) as warehouse:
        warehouse.migrate()
    yield url.rsplit("/", 1)[1]
    postgres.drop_database(url)


@pytest.fixture(scope="session")
def open_world(
    postgres: TestServer, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Recipe], World]:
    """Give a function that opens a world of `worlds`, built where it is not kept yet."""
    from worlds import Builder, shelf

    return Builder(postgres, migrated_template, shelf(), tmp_path_factory.mktemp("worlds")).open


@pytest.fixture(scope="session")
def airflow_metadata(postgres: TestServer) -> Callable[[Path], str]:
    """Give a function that gives the Airflow of a home its metadata, migrated already."""
    from airflows import Metadata
    from worlds import shelf

    return Metadata(postgres, shelf()).copy_for


@pytest.fixture(scope="session")
def repository_root() -> Path:
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def market_data(repository_root: Path) -> Path:
    """The folder of real index series beside the repository."""
    folder = (repository_root / "../shared/data").resolve()
    if not folder.is_dir():
        pytest.skip("the market data folder ../shared/data is not beside the repository")
    return folder


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    """A webhook on loopback that keeps what is posted to it."""
    with Webhook() as server:
        yield server


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """A mail server on loopback that keeps what it is sent."""
    with Mailbox() as server:
        yield server


@pytest.fixture
def end_library() -> Iterator[Callable[[date], None]]:
    """Give a function that lets the calendar library end earlier, as an older release does."""
    yield _end_library
    _end_library(None)


def _end_library(through: date | None) -> None:
    import pandas as pd
    from exchange_calendars import get_calendar, register_calendar_type
    from exchange_calendars.exchange_calendar_xnys import XNYSExchangeCalendar
    from exchange_calendars.exchange_calendar_xshg import XSHGExchangeCalendar

    from factorprism.core import calendar

    for known in (XSHGExchangeCalendar, XNYSExchangeCalendar):
        bound = {"bound_max": classmethod(lambda cls: pd.Timestamp(through))} if through else {}
        register_calendar_type(known.name, type(known.__name__, (known,), bound), force=True)
        get_calendar(known.name, start="2010-01-04")  # what it has built before is kept no longer
    calendar.library_calendar.cache_clear()
    calendar.forget_extensions()
