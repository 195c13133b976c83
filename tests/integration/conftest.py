"""What the integration tests share: a migrated warehouse for each test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from factorprism.warehouse import PostgresWarehouse


@pytest.fixture(scope="session")
def migrated_template(postgres: Any) -> Iterator[str]:
    """The name of a migrated empty database to copy."""
    url = postgres.new_database()
    warehouse = PostgresWarehouse(url)
    warehouse.migrate()
    warehouse.close()
    yield url.rsplit("/", 1)[1]
    postgres.drop_database(url)


@pytest.fixture
def migrated_url(postgres: Any, migrated_template: str) -> Iterator[str]:
    """The URL of a fresh migrated database, dropped after the test."""
    url = postgres.new_database(migrated_template)
    yield url
    postgres.drop_database(url)


@pytest.fixture
def warehouse(migrated_url: str) -> Iterator[PostgresWarehouse]:
    """A migrated, empty warehouse."""
    opened = PostgresWarehouse(migrated_url)
    yield opened
    opened.close()
