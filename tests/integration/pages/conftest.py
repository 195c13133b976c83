"""The pages inside Airflow's own app, on real databases, in one process for all tests here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from factorprism.core.roles import READER

NOWHERE = "postgresql://nobody@127.0.0.1:9/none"

SETTINGS = {
    "CORE__UNIT_TEST_MODE": "True",
    "CORE__LOAD_EXAMPLES": "False",
    "CORE__AUTH_MANAGER": (
        "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
    ),
    "API__BASE_URL": "http://testserver",
    "API__SECRET_KEY": "a key of the tests alone",
    "API_AUTH__JWT_SECRET": "a secret of the tests alone, with more than sixty-four bytes in it",
}


@dataclass(frozen=True)
class Answer:
    """One answer of the app; the names of headers in lower case."""

    status: int
    headers: dict[str, str]
    text: str


@dataclass(frozen=True)
class Pages:
    """Asks the app; a login stands beside its role, as ``olaf:op``, or is named after it.

    Roles are ``viewer``, ``user``, ``op`` and ``admin``; an empty login is nobody's.
    """

    process: subprocess.Popen[str]
    log: Path
    as_role: Callable[[str, str], str]

    def call(self, name: str, *arguments: Any) -> Any:
        assert self.process.stdin is not None
        print(json.dumps([name, *arguments]), file=self.process.stdin, flush=True)
        return self.read()

    def read(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.log.read_text()[-3000:]
        return json.loads(line)

    def show(self, warehouse_url: str, home: Path, **settings: str) -> None:
        """Have the pages read the warehouse of `warehouse_url`, which they know as its reader."""
        reader_url = self.as_role(warehouse_url, READER)
        urls = {"WAREHOUSE_URL": NOWHERE, "WAREHOUSE_READER_URL": reader_url}
        names = {"HOME": str(home), **urls, **settings}
        self.call("show", {f"FACTORPRISM_{name}": value for name, value in names.items()})

    def get(self, path: str, who: str = "viewer", **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Answer(**self.call("request", "GET", path, who, {"headers": named}))

    def post(
        self, path: str, who: str, form: dict[str, str] | None = None, **headers: str
    ) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        options = {"headers": named, "data": form or {}}
        return Answer(**self.call("request", "POST", path, who, options))


@pytest.fixture(scope="session")
def ledger_url(postgres: Any, ledger_template: tuple[str, Any]) -> Iterator[str]:
    """A warehouse with two years of forecasts."""
    url = postgres.new_database(ledger_template[0])
    yield url
    postgres.drop_database(url)


@pytest.fixture(scope="session")
def app(
    postgres: Any, repository_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pages]:
    """The app, in a process that reads from its input what to show."""
    home = tmp_path_factory.mktemp("pages")
    metadata = postgres.new_database()
    environ = {name: value for name, value in os.environ.items() if "AIRFLOW" not in name}
    environ |= {f"AIRFLOW__{name}": value for name, value in SETTINGS.items()}
    environ |= {
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(repository_root / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(repository_root / "plugins"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": metadata.replace("://", "+psycopg2://", 1),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": metadata.replace("://", "+asyncpg://", 1),
    }
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "asker.py")],
            env=environ,
            cwd=home,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    opened = Pages(process, home / "log", postgres.as_role)
    try:
        assert opened.read() == "ready"
        yield opened
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.wait(60)
        process.stdout.close()
        postgres.drop_database(metadata)


@pytest.fixture
def pages(app: Pages, ledger_url: str, tmp_path: Path) -> Pages:
    """The pages of two years of forecasts."""
    app.show(ledger_url, tmp_path)
    return app
