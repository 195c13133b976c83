"""What the embedded Airflow is handed by the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from factorprism.cli.embedded import embedded_airflow
from factorprism.core.config import load_config
from factorprism.core.files import PRIVATE, write_atomic


def test_tasks_find_the_files_of_a_relative_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"port": "5555", "password": "secret"}.items():
        write_atomic(tmp_path / "home" / "postgres" / name, value)
    write_atomic(
        tmp_path / "home" / "airflow" / "ports.json", '{"api": 1, "worker": 2, "trigger": 3}'
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACTORPRISM_HOME", "home")
    monkeypatch.setenv("FACTORPRISM_SOURCE", "files")
    monkeypatch.setenv("FACTORPRISM_FILES", "bars")
    handed_on = embedded_airflow(load_config({"FACTORPRISM_HOME": "home"})).environment()
    assert handed_on["FACTORPRISM_HOME"] == str(tmp_path / "home")
    config = load_config(
        {
            "FACTORPRISM_HOME": "home",
            "FACTORPRISM_SOURCE": "files",
            "FACTORPRISM_FILES": "bars",
        }
    )
    monkeypatch.chdir("/")
    seen = load_config(embedded_airflow(config).environment())
    assert seen.files == tmp_path / "bars"
    assert seen.home == tmp_path / "home"


def test_tasks_and_pages_get_their_logins_and_never_the_owners(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"port": "5555", "password": "secret"}.items():
        write_atomic(tmp_path / "postgres" / name, value, mode=PRIVATE)
    urls = {
        f"FACTORPRISM_WAREHOUSE_{name}URL": f"postgresql://{login}@127.0.0.1:1/prism"
        for name, login in {"": "writer", "OWNER_": "owner", "READER_": "reader"}.items()
    }
    for name, value in urls.items():
        monkeypatch.setenv(name, value)
    environ = embedded_airflow(load_config({"FACTORPRISM_HOME": str(tmp_path), **urls})).environ
    assert environ["FACTORPRISM_WAREHOUSE_URL"] == urls["FACTORPRISM_WAREHOUSE_URL"]
    assert environ["FACTORPRISM_WAREHOUSE_READER_URL"] == urls["FACTORPRISM_WAREHOUSE_READER_URL"]
    assert not [value for value in environ.values() if "owner@" in value]
