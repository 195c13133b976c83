"""What a leading underscore means: a module or a name that is its own package's alone.

``_module.py`` is opened by the modules of its package and of the packages below; ``_name`` by its
module alone. That holds for the package, the plugins and the DAGs. Tests and benchmarks may open
what they try. In the benchmarks an underscore marks a module that is no benchmark itself; what
tests share needs no mark, since a test's file is named ``test_...``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
ROOT = "factorprism"
SOURCES = REPOSITORY / "include"


def opened_by(tree: ast.Module) -> Iterator[list[str]]:
    """Yield the dotted path of each module and name that `tree` imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.split(".")
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield [*node.module.split("."), alias.name]


def find_trespasses(package: list[str], tree: ast.Module) -> list[str]:
    """Return what a module of `package` imports though it is private to another one."""
    found = []
    for path in opened_by(tree):
        private = [place for place, word in enumerate(path) if is_private(word)]
        if path[0] == ROOT and private and package[: private[0]] != path[: private[0]]:
            found.append(".".join(path))
    return found


def is_private(word: str) -> bool:
    return word.startswith("_") and not word.startswith("__")


@pytest.mark.parametrize("folder", ["include/factorprism", "plugins", "dags"])
def test_nobody_opens_what_is_private_to_another_package(folder: str) -> None:
    trespasses = {}
    for path in sorted((REPOSITORY / folder).rglob("*.py")):
        package = list(path.relative_to(SOURCES).parts[:-1]) if folder.startswith("in") else []
        if found := find_trespasses(package, ast.parse(path.read_text("utf-8"))):
            trespasses[path.relative_to(REPOSITORY).as_posix()] = found
    assert trespasses == {}


@pytest.mark.parametrize(
    ("package", "line", "trespasses"),
    [
        ("factorprism.views", "from factorprism.quality._evaluation import evaluate", True),
        ("factorprism.views", "import factorprism.quality._evaluation", True),
        ("factorprism.views", "from factorprism.quality import _evaluation", True),
        ("factorprism.views", "from factorprism.quality.gate import _fail", True),
        ("factorprism.quality", "from factorprism.quality._evaluation import evaluate", False),
        ("factorprism.sources.files", "from factorprism.sources._convert import scale", False),
        ("factorprism.sources", "from factorprism.sources.files._dates import parse", True),
        ("factorprism.views", "from factorprism import __version__", False),
        ("", "from factorprism.pipelines._run import Run", True),
    ],
)
def test_what_is_a_trespass(package: str, line: str, trespasses: bool) -> None:
    assert bool(find_trespasses(package.split("."), ast.parse(line))) is trespasses


def test_what_is_no_benchmark_has_an_underscore_and_no_file_of_the_tests_has() -> None:
    benchmarks = [path.name for path in (REPOSITORY / "benchmarks").rglob("*.py")]
    assert [name for name in benchmarks if not name.startswith(("bench_", "_"))] == []
    assert [path.name for path in (REPOSITORY / "tests").rglob("_[!_]*.py")] == []


def test_no_test_stands_in_a_file_that_pytest_does_not_collect() -> None:
    lost = {}
    for path in (REPOSITORY / "tests").rglob("*.py"):
        if not path.name.startswith("test_"):
            tree = ast.parse(path.read_text("utf-8"))
            names = [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
            lost[path.name] = [name for name in names if name.startswith("test_")]
    assert {name: found for name, found in lost.items() if found} == {}
