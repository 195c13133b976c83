"""What the integration tests share: a migrated warehouse for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any

import psycopg2
import pytest
from _history import simulate_line, write_alert, write_line

from _clock import stop_clock
from factorprism.core.roles import OWNER, WRITER
from factorprism.targets.volatility import VOLATILITY
from factorprism.warehouse import PostgresWarehouse


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


@pytest.fixture
def warehouse(migrated_url: str) -> Iterator[PostgresWarehouse]:
    """A migrated, empty warehouse."""
    opened = PostgresWarehouse(migrated_url)
    yield opened
    opened.close()


@pytest.fixture
def run_sql(owner_url: str) -> Iterator[Callable[..., list[Any]]]:
    """Run one statement in a transaction of its own, the way the owner with psql would."""
    connection = psycopg2.connect(owner_url)
    connection.autocommit = True

    def run(statement: str, *parameters: object) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else []

    yield run
    connection.close()


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
