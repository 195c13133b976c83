"""A constant stands once: two of one name and one value are one that was written twice."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import factorprism
from factorprism.core.severity import SEVERITIES

PACKAGE = Path(factorprism.__file__).parent
REPOSITORY = PACKAGE.parents[1]


def parse_package(folder: Path) -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(folder.rglob("*.py")):
        yield path.relative_to(REPOSITORY).as_posix(), ast.parse(path.read_text("utf-8"))


def constants_of(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield name and value of each constant of a module that is written out there."""
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            targets, value = [node.target], node.value
        elif isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        else:
            continue
        for target in targets:
            if isinstance(target, ast.Name) and target.id.isupper() and is_written_out(value):
                yield target.id, ast.unparse(value)


def is_written_out(value: ast.expr) -> bool:
    if not any(isinstance(node, ast.Constant) for node in ast.walk(value)):
        return False
    return not any(isinstance(node, ast.Name | ast.JoinedStr) for node in ast.walk(value))


@pytest.mark.parametrize("folder", [PACKAGE, REPOSITORY / "plugins"])
def test_no_constant_is_written_twice(folder: Path) -> None:
    places = defaultdict(set)
    for path, tree in parse_package(folder):
        if "/migrations/versions/" in path:
            continue  # a migration says for good what it said
        for name, value in constants_of(tree):
            places[name.lstrip("_"), value].add(path)
    assert {found: paths for found, paths in places.items() if len(paths) > 1} == {}


def test_how_much_something_matters_is_said_by_the_one_list() -> None:
    """A word of a severity stands alone as an argument, a default or a comparison nowhere else."""
    offenders = {}
    for path, tree in parse_package(PACKAGE):
        words = [
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and node.value in SEVERITIES
        ]
        if words and not path.endswith("core/severity.py"):
            offenders[path] = words
    # The name of a figure of a page, and a noun that is counted.
    assert set(offenders) <= {
        "include/factorprism/quality/_pages.py",
        "include/factorprism/pipelines/bars.py",
    }
