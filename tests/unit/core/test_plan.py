"""The plan: every step has its body, in the order that the runner takes, under its own name."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

import factorprism
from factorprism.core.plan import BESIDE, DEVICE, PLAN, Step, find_step, list_before
from factorprism.pipelines.runner import PIPELINES, load_step

PACKAGE = Path(factorprism.__file__).parent
STEPS = [
    pytest.param(step, id=f"{pipeline}.{step.name}")
    for plan in (PLAN, BESIDE)
    for pipeline, steps in plan.items()
    for step in steps
]


@pytest.mark.parametrize("step", STEPS)
def test_a_step_is_a_function_of_its_module_that_takes_a_run_and_references(step: Step) -> None:
    body = load_step(step)
    assert body.__module__ == f"factorprism.pipelines.{step.module}"
    assert list(inspect.signature(body).parameters) == ["run", "context"]


@pytest.mark.parametrize("pipeline", PLAN)
def test_the_runner_takes_the_steps_in_the_planned_order(pipeline: str) -> None:
    names = [step.name for step in PLAN[pipeline]]
    assert [body.__name__ for body in PIPELINES[pipeline]] == names
    assert len(set(names)) == len(names)
    assert {find_step(pipeline, name).name for name in names} == set(names)


def test_a_step_that_is_not_planned_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"daily\.evaluate_folds does not exist"):
        find_step("daily", "evaluate_folds")
    with pytest.raises(ValueError, match=r"weekly\.watch does not exist"):
        find_step("weekly", "watch")


def test_a_device_is_waited_for_in_its_own_queue_and_nothing_else_is() -> None:
    for steps in PLAN.values():
        for step in steps:
            assert bool(step.queue) == (step.pool == DEVICE)


def test_the_row_is_written_after_everything_that_may_withhold_it() -> None:
    before = list_before("daily", "publish")
    assert before[0] == "refresh_calendar"
    assert before[-1] == "explain"
    assert list_before("daily", "refresh_calendar") == []


def test_no_module_of_the_package_writes_the_order_of_steps_again() -> None:
    """A tuple or list of three steps' names, or of their functions, in the planned order."""
    orders = [[step.name for step in steps] for steps in PLAN.values()]
    offenders = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Tuple | ast.List):
                continue
            said = [_word(item) for item in node.elts]
            for names in orders:
                named = [word for word in said if word in names]
                if len(named) >= 3 and named == sorted(named, key=names.index):
                    offenders.add(path.relative_to(PACKAGE).as_posix())
    assert offenders == set()


def _word(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")


@pytest.mark.parametrize("pipeline", ["daily", "weekly"])
def test_the_page_on_architecture_tells_the_planned_order(pipeline: str) -> None:
    page = (PACKAGE.parents[1] / "docs" / "architecture.md").read_text("utf-8")
    listed = [re.split(r"\s+->\s+", chain) for chain in re.findall(r"`([a-z_>\s-]+->[^`]*)`", page)]
    assert [step.name for step in PLAN[pipeline]] in listed
