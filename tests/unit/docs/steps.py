"""The order of steps and their pools, as the code has them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from factorprism.pipelines import STEPS as KNOWN
from factorprism.pipelines.runner import BESIDE as KNOWN_BESIDE

ROOT = Path(__file__).resolve().parents[3]
STEPS: Mapping[str, tuple[str, ...]] = KNOWN
# Of the daily pipeline, apart from its order.
BESIDE = tuple(KNOWN_BESIDE)


def list_pooled(pool: str) -> set[str]:
    """Return the steps that run in `pool`."""
    return set(_list_tasks(pool))


def _list_tasks(pool: str) -> Iterator[str]:
    for file in (ROOT / "dags").glob("*.py"):
        nodes = ast.walk(ast.parse(file.read_text("utf-8")))
        for call in (node for node in nodes if isinstance(node, ast.Call)):
            named = {one.arg: one.value for one in call.keywords if one.arg}
            spread = {ast.unparse(one.value) for one in call.keywords if one.arg is None}
            if "task_id" in named and pool.upper() in spread:
                yield ast.literal_eval(named["task_id"])
