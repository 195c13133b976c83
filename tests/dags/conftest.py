"""Airflow for the tests of this folder: its own home, our folders, nothing left behind.

Airflow reads its settings when it is first imported, which is while these tests are collected;
they hold for that moment and for the tests here, and not for any other test's processes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from worlds import shelf

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

ROOT = Path(__file__).resolve().parents[2]
HOME = tempfile.TemporaryDirectory(prefix="factorprism-airflow-")
SETTINGS = {
    "AIRFLOW_HOME": HOME.name,
    "AIRFLOW__CORE__UNIT_TEST_MODE": "True",
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{HOME.name}/airflow.db",
    "AIRFLOW__DAG_PROCESSOR__DAG_VERSION_INFLATION_CHECK_LEVEL": "error",
}

with pytest.MonkeyPatch.context() as patch:
    for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
        patch.delenv(name)
    for name, value in SETTINGS.items():
        patch.setenv(name, value)
    import airflow.settings  # noqa: F401


@pytest.fixture(autouse=True)
def _airflow_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def dag_bag() -> DagBag:
    """The DAGs of the repository, parsed once."""
    from airflow.dag_processing.dagbag import DagBag

    with pytest.MonkeyPatch.context() as patch:
        for name, value in SETTINGS.items():
            patch.setenv(name, value)
        return DagBag(ROOT / "dags")


@pytest.fixture(scope="session")
def run_python() -> Callable[..., str]:
    """Run a piece of Python in a process of its own, with Airflow's home in `folder`."""

    def run(code: str, folder: Path, environ: Mapping[str, str] | None = None) -> str:
        clean = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")}
        home = {
            "AIRFLOW_HOME": str(folder),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder}/airflow.db",
        }
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**clean, **SETTINGS, **home, **(environ or {})},
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
        return done.stdout

    return run


@pytest.fixture(scope="session")
def lay_metadata(run_python: Callable[..., str]) -> Callable[[Path], None]:
    """Give a function that puts Airflow's metadata, migrated already, into its home."""

    def build(draft: Path) -> None:
        run_python("from airflow.utils.db import initdb; initdb()", draft)

    kept = shelf().keep("airflow-sqlite", build)
    return lambda folder: shutil.copy(kept / "airflow.db", folder)


@pytest.fixture
def build_context() -> Iterator[Callable[..., dict[str, Any]]]:
    """Return a task's context as Airflow builds it, as far as our tasks read it."""

    def build(**run: Any) -> dict[str, Any]:
        params = run.pop("params", {})
        absent = {"data_interval_end": None, "logical_date": None, "run_after": None, "conf": {}}
        return {"dag_run": SimpleNamespace(**{**absent, **run}), "params": params}

    return build
