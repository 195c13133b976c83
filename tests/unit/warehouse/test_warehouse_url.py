"""The warehouse's URL: what is accepted, and that no message shows a password."""

from __future__ import annotations

import socket

import pytest

from factorprism.core.errors import ConfigurationError, WarehouseError
from factorprism.warehouse import PostgresWarehouse
from factorprism.warehouse.db.connection import parse_url


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_uses_the_one_driver(scheme):
    url = parse_url(f"{scheme}://user:pw@host:5433/prism?sslmode=require")
    assert (url.drivername, url.host, url.port) == ("postgresql+psycopg2", "host", 5433)


def test_socket_folder_is_kept():
    assert parse_url("postgresql://user@/prism?host=/run/pg").query == {"host": "/run/pg"}


@pytest.mark.parametrize("url", ["sqlite:///secret", "mysql://u:secret@h/d", "secret", ""])
def test_other_urls_are_refused_without_being_shown(url):
    with pytest.raises(ConfigurationError, match="URL") as refused:
        PostgresWarehouse(url)
    assert "secret" not in str(refused.value)
    assert "postgresql://" in refused.value.remedy


def test_server_that_is_not_there_is_named_with_a_remedy():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        warehouse = PostgresWarehouse(f"postgresql://prism:secret@127.0.0.1:{port}/prism")
        with pytest.raises(WarehouseError, match=f"127.0.0.1:{port}/prism cannot be reached") as no:
            warehouse.migrate()
    assert "secret" not in str(no.value)
    assert "FACTORPRISM_WAREHOUSE_URL" in no.value.remedy


def test_socket_folder_reaches_the_driver(tmp_path):
    warehouse = PostgresWarehouse(f"postgresql://prism@/prism?host={tmp_path}")
    with pytest.raises(WarehouseError, match=str(tmp_path)):
        warehouse.migrate()
