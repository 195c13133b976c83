"""What is asked of the future; one file for each target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from factorprism.core.errors import ConfigurationError
from factorprism.targets.direction import DIRECTION
from factorprism.targets.target import (
    FORWARD_RETURN,
    LABEL,
    Baseline,
    Column,
    Columns,
    Figures,
    Folds,
    Known,
    LabelScale,
    Numbers,
    Outputs,
    Rows,
    Target,
    TargetWords,
    Weights,
    compute_forward_returns,
)
from factorprism.targets.volatility import VOLATILITY

__all__ = [
    "DIRECTION",
    "FORWARD_RETURN",
    "LABEL",
    "TARGETS",
    "Baseline",
    "Column",
    "Columns",
    "Figures",
    "Folds",
    "Known",
    "LabelScale",
    "Numbers",
    "Outputs",
    "Rows",
    "Target",
    "TargetWords",
    "Weights",
    "compute_forward_returns",
    "find_target",
    "target_of",
]

TARGETS: dict[str, Target] = {target.name: target for target in (DIRECTION, VOLATILITY)}


def find_target(name: str) -> Target:
    """Return the target called `name`; raises `ConfigurationError` naming those that there are."""
    if name not in TARGETS:
        raise ConfigurationError(
            f"no target is called {name!r}", remedy=f"Known: {', '.join(TARGETS)}."
        )
    return TARGETS[name]


def target_of(spec: Mapping[str, Any]) -> Target:
    """Return the target of the model with this spec; one that names none forecasts a direction."""
    return find_target(str(spec.get("target", DIRECTION.name)))
