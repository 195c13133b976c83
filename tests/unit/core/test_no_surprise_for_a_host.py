"""What runs inside another program (Airflow's server, a notebook) leaves the interpreter alone."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
# What belongs to the whole process, or to the inner workings of one interpreter.
NOT_OURS = {
    "gc.freeze",
    "gc.disable",
    "gc.set_threshold",
    "np.random.seed",
    "random.seed",
    "sys.getrefcount",
    "sys.setrecursionlimit",
    "sys.setswitchinterval",
    "types.CodeType",
    "types.FunctionType",
}
FILES = sorted(
    path for part in ("include", "plugins", "dags") for path in (REPOSITORY / part).rglob("*.py")
)


def names_in(source: str) -> set[str]:
    """Return each ``a.b`` that `source` reads or imports."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            found.add(ast.unparse(node))
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize(
    "source",
    ["import gc\ngc.freeze()", "from sys import getrefcount", "from types import FunctionType"],
)
def test_the_search_finds_what_it_is_for(source: str) -> None:
    assert names_in(source) & NOT_OURS


def test_no_module_changes_or_inspects_the_interpreter() -> None:
    found = {
        path.relative_to(REPOSITORY).as_posix(): names
        for path in FILES
        if (names := names_in(path.read_text("utf-8")) & NOT_OURS)
    }
    assert not found
