"""What the integration tests share: a migrated warehouse and registry for each test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from _history import simulate_line, write_alert, write_line

from factorprism.core.roles import OWNER, WRITER
from factorprism.targets.volatility import VOLATILITY
from factorprism.warehouse import PostgresWarehouse
from ledger_clock import stop_clock
from sql import Execute, connect


@pytest.fixture
def migrated_url(postgres: Any, migrated_template: str) -> Iterator[str]:
    """The URL of a fresh migrated database as runs write to it, dropped after the test."""
    url = postgres.new_database(migrated_template)
    yield postgres.as_role(url, WRITER)
    postgres.drop_database(url)


@pytest.fixture
def owner_url(postgres: Any, migrated_url: str) -> str:
    """The URL of the same database for its owner, who may alter what no run may."""
    return str(postgres.as_role(migrated_url, OWNER))


@pytest.fixture(scope="session")
def mlflow_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with MLflow's tables, made once: its migrations take seconds."""
    # MLflow takes seconds to import, too.
    from factorprism.registry import MlflowRegistry

    folder = tmp_path_factory.mktemp("mlflow")
    file = folder / "mlflow.db"
    registry = MlflowRegistry(f"sqlite:///{file}", folder.as_uri(), folder / "bundles")
    assert registry.get_alias("hs300-direction-14", "champion") is None
    return file


@pytest.fixture
def tracking_url(mlflow_template: Path, tmp_path: Path) -> str:
    """The URL of a registry's database of the test's own, without models."""
    file = tmp_path / "mlflow.db"
    shutil.copy(mlflow_template, file)
    return f"sqlite:///{file}"


@pytest.fixture
def warehouse(migrated_url: str) -> Iterator[PostgresWarehouse]:
    """A migrated, empty warehouse."""
    opened = PostgresWarehouse(migrated_url)
    yield opened
    opened.close()


@pytest.fixture
def run_sql(owner_url: str) -> Iterator[Execute]:
    """Run one statement in a transaction of its own, the way the owner with psql would."""
    with connect(owner_url) as run:
        yield run


@pytest.fixture
def set_clock(owner_url: str) -> Callable[[datetime], None]:
    """Set the ledger's clock to a moment (naive, UTC), which only the tables' owner can."""

    def set_to(moment: datetime) -> None:
        stop_clock(owner_url, moment)

    return set_to


@pytest.fixture(scope="session")
def ledger_template(postgres: Any, migrated_template: str) -> Iterator[tuple[str, Any]]:
    """The name of a database with two years of two drawn signals, to copy, and the first's line.

    The second is the volatility of the same index.
    """
    url = postgres.new_database(migrated_template)
    opened = PostgresWarehouse(url)
    line = simulate_line("hs300", "000300.SH", date(2025, 12, 31), 600, seed=14)
    write_line(opened, line)
    write_line(
        opened,
        simulate_line("hs300", "000300.SH", date(2025, 12, 31), 600, seed=15, target=VOLATILITY),
    )
    write_alert(opened, line)
    opened.close()
    yield url.rsplit("/", 1)[1], line
    postgres.drop_database(url)


@pytest.fixture
def ledger(postgres: Any, ledger_template: tuple[str, Any]) -> Iterator[tuple[Any, Any]]:
    """A warehouse with a drawn line of forecasts, and the line."""
    name, line = ledger_template
    url = postgres.new_database(name)
    opened = PostgresWarehouse(url)
    yield opened, line
    opened.close()
    postgres.drop_database(url)
