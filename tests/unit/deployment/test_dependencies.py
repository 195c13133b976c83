"""The dependencies: each is imported somewhere, or there is a reason why nothing has to."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).parents[3]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
DECLARED = sorted(canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"])
NOT_IMPORTED = {
    "asyncpg": "Airflow's asynchronous questions to its database, by the driver's name in the URL",
    "six": "tushare imports it and does not declare it",
}
# Several distributions share one top folder: the longest of these beginnings names the one.
SHARED = {
    "airflow": "apache-airflow",
    "airflow.providers.standard": "apache-airflow-providers-standard",
    "opentelemetry": "opentelemetry-sdk",
    "opentelemetry.exporter": "opentelemetry-exporter-otlp",
}


@pytest.fixture(scope="module")
def imported() -> set[str]:
    """The distributions of which package, plugins or DAG files import a module."""
    distributions = packages_distributions()
    found: set[str] = set()
    for module in imported_modules():
        shared = [name for name in SHARED if f"{module}.".startswith(f"{name}.")]
        if shared:
            found.add(SHARED[max(shared, key=len)])
        else:
            found |= {canonicalize_name(name) for name in distributions.get(top_of(module), [])}
    return found


def imported_modules() -> Iterator[str]:
    """Yield the modules that are imported or named in a string, some more than once."""
    for folder in ("include", "plugins", "dags"):
        for path in (REPOSITORY / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Import):
                    yield from (alias.name for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module:
                    yield node.module
                # Some are reached by a module's name alone: a table's folder, a server's programs.
                elif isinstance(node, ast.Constant) and str(node.value).isidentifier():
                    yield str(node.value)


def top_of(module: str) -> str:
    return module.partition(".")[0]


@pytest.mark.parametrize("name", DECLARED)
def test_each_is_imported_or_has_a_reason(name: str, imported: set[str]) -> None:
    assert (name in imported) is (name not in NOT_IMPORTED)
