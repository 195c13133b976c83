"""The order of steps and their pools, as the code has them."""

from __future__ import annotations

from collections.abc import Mapping

from factorprism.core import plan

STEPS: Mapping[str, tuple[str, ...]] = {
    name: tuple(step.name for step in steps) for name, steps in plan.PLAN.items()
}
# Of the daily pipeline, apart from its order.
BESIDE = tuple(step.name for step in plan.BESIDE["daily"])


def list_pooled(pool: str) -> set[str]:
    """Return the steps that run in `pool`."""
    return {step.name for steps in plan.PLAN.values() for step in steps if step.pool == pool}
