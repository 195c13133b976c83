"""The rule on TLS: which URLs are settled, and what a refusal says, never a password."""

from __future__ import annotations

from pathlib import Path

import pytest

from factorprism.core.config import Config, load_config
from factorprism.core.errors import ConfigurationError
from factorprism.core.tls import require_tls
from factorprism.warehouse import PostgresWarehouse

REMOTE = "postgresql://prism:open-sesame@db.example.com:5432/prism"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "sqlite:////tmp/mlflow.db",
        "http://mlflow.example.com:5000",
        "postgresql:///prism",
        "postgresql://prism@/prism?host=/run/postgresql",
        "postgresql://prism@%2Frun%2Fpostgresql/prism",
        "postgresql://prism:pw@localhost:5432/prism",
        "postgresql+psycopg2://prism@LOCALHOST/prism",
        "postgresql://prism@127.0.0.1:5432/prism",
        "postgres://prism@127.8.8.8/prism",
        "postgresql://prism@[::1]:5432/prism",
        "postgresql://prism@/prism?host=localhost&hostaddr=::1",
        *(f"{REMOTE}?sslmode={mode}" for mode in ("require", "verify-ca", "verify-full")),
        f"{REMOTE}?connect_timeout=3&sslmode=disable",
    ],
)
def test_it_is_local_or_settled(url: str) -> None:
    require_tls(url, "the URL")


@pytest.mark.parametrize(
    "url",
    [
        REMOTE,
        f"{REMOTE}?sslmode=",
        f"{REMOTE}?sslmode=prefer",
        f"{REMOTE}?sslmode=allow",
        f"{REMOTE}?sslmode=disable&sslmode=prefer",
        f"{REMOTE}?ssl=require",  # asyncpg's word, which libpq does not know
        "postgresql+psycopg2://prism@postgres/prism",  # a service of Compose or Kubernetes
        "postgresql://prism@10.0.0.7/prism",
        "postgresql://prism@[fe80::1]:5432/prism",
        "postgresql://prism@/prism?host=db.example.com",
        "postgresql://prism@/prism?host=localhost:5432&host=db.example.com:5432",
        "postgresql://prism@localhost/prism?hostaddr=10.0.0.7",
        "postgresql://prism@localhost,db.example.com/prism",
        "postgresql://prism@localhost.example.com/prism",
    ],
)
def test_what_might_go_in_the_clear_to_another_machine_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="the URL leads to another machine") as refused:
        require_tls(url, "the URL")
    assert "?sslmode=require" in refused.value.remedy
    assert "sslmode=disable" in refused.value.remedy
    assert "sesame" not in str(refused.value)


@pytest.mark.parametrize(
    "name", ["WAREHOUSE_URL", "WAREHOUSE_OWNER_URL", "WAREHOUSE_READER_URL", "TRACKING_URL"]
)
def test_every_setting_that_may_name_a_database_is_held_to_it(name: str) -> None:
    local = {"FACTORPRISM_WAREHOUSE_URL": "postgresql://prism@localhost/prism"}
    with pytest.raises(ConfigurationError, match=f"^FACTORPRISM_{name} leads to .* db.example.com"):
        load_config(local | {f"FACTORPRISM_{name}": REMOTE})
    load_config(local | {f"FACTORPRISM_{name}": f"{REMOTE}?sslmode=verify-full"})


def test_so_is_a_url_that_no_setting_names() -> None:
    with pytest.raises(ConfigurationError, match="the warehouse's URL leads to another machine"):
        PostgresWarehouse(REMOTE)


@pytest.mark.parametrize("name", ["warehouse_owner_url", "warehouse_reader_url"])
def test_a_role_of_another_warehouse_than_the_embedded_one_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"FACTORPRISM_{name.upper()} is set, and"):
        Config(home=Path("/"), **{name: "postgresql://prism@localhost/prism"})


def test_one_url_stands_for_all_three_roles() -> None:
    url = "postgresql://prism@localhost/prism"
    config = load_config({"FACTORPRISM_WAREHOUSE_URL": url})
    assert (config.owner_url, config.reader_url) == (url, url)
    own = config.with_changes(warehouse_owner_url=f"{url}?a=1", warehouse_reader_url=f"{url}?a=2")
    assert (own.owner_url, own.reader_url) == (f"{url}?a=1", f"{url}?a=2")
