"""The suites of factors: what must hold of a panel, and why; `docs/quality.md` shows them all."""

from __future__ import annotations

import math

import numpy as np

from factorprism.core.severity import CRITICAL
from factorprism.quality._rules import BETWEEN, Rule

# float32 keeps some seven digits, so a bound that is reached may be passed by this much of it.
RANGE_TOLERANCE = 1e-5
FLOAT32_MAX = float(np.finfo(np.float32).max)


def panel_rules() -> list[Rule]:
    """Return the rules on the panel's form."""
    return [
        Rule(
            "rows_present",
            BETWEEN,
            CRITICAL,
            "the panel has sessions",
            "the panel has no sessions",
            "An empty panel gives no image.",
            options={"column": "row_count", "min_value": 1},
        ),
        Rule(
            "factors_present",
            BETWEEN,
            CRITICAL,
            "every factor of the catalogue is in the panel",
            "factors of the catalogue are missing from the panel",
            "A model reads its factors by position.",
            options={"column": "absent_columns", "max_value": 0},
            reported="columns",
        ),
        Rule(
            "session_unique",
            BETWEEN,
            CRITICAL,
            "each session has one row",
            "sessions have more than one row",
            "A repeated row shifts every window behind it.",
            column="session",
            options={"column": "rows", "max_value": 1},
        ),
    ]


def column_rules(
    factor: str,
    bounds: tuple[float, float],
    missing_ratio_max: float | None,
    *,
    may_be_constant: bool,
) -> list[Rule]:
    """Return the rules on one factor; without `missing_ratio_max` all its cells are warm-up."""
    rules = [_finite_rule(factor)]
    lower, upper = (bound if math.isfinite(bound) else None for bound in bounds)
    if lower is not None or upper is not None:
        rules.append(_range_rule(factor, lower, upper))
    if missing_ratio_max is not None:
        rules.append(_missing_rule(factor, missing_ratio_max))
    if not may_be_constant:
        rules.append(_varying_rule(factor))
    return rules


def cell_rules(missing_ratio_max: float) -> list[Rule]:
    """Return the rule on all checked cells."""
    return [
        Rule(
            "panel_missing_ratio",
            BETWEEN,
            CRITICAL,
            f"at most {missing_ratio_max:.2%} of the cells after the warm-up are missing",
            f"more than {missing_ratio_max:.2%} of the cells after the warm-up are missing",
            "A forecast on a picture full of holes is a guess.",
            options={"column": "missing_ratio", "max_value": missing_ratio_max},
        )
    ]


def _finite_rule(factor: str) -> Rule:
    return Rule(
        "factor_finite",
        BETWEEN,
        CRITICAL,
        f"{factor} has no infinite value",
        f"{factor} is infinite",
        "An infinity is a division by zero, and makes the scaler and the network useless.",
        column=factor,
        options={"column": factor, "min_value": -FLOAT32_MAX, "max_value": FLOAT32_MAX},
    )


def _range_rule(factor: str, lower: float | None, upper: float | None) -> Rule:
    widened = {
        name: bound + sign * RANGE_TOLERANCE * max(1.0, abs(bound))
        for name, bound, sign in (("min_value", lower, -1.0), ("max_value", upper, 1.0))
        if bound is not None
    }
    bounds = (
        f"{-math.inf if lower is None else lower:g} to {math.inf if upper is None else upper:g}"
    )
    return Rule(
        "factor_in_range",
        BETWEEN,
        CRITICAL,
        f"{factor} lies within its documented range {bounds}",
        f"{factor} lies outside its documented range {bounds}",
        "A value that the formula cannot give comes of wrong inputs or a changed library.",
        column=factor,
        options={"column": factor, **widened},
    )


def _missing_rule(factor: str, missing_ratio_max: float) -> Rule:
    return Rule(
        "factor_missing_ratio",
        BETWEEN,
        CRITICAL,
        f"at most {missing_ratio_max:.2%} of {factor} after its warm-up is missing",
        f"more than {missing_ratio_max:.2%} of {factor} after its warm-up is missing",
        "One dead factor hides among sixteen in the panel's ratio.",
        column=factor,
        options={"column": f"{factor} missing_ratio", "max_value": missing_ratio_max},
    )


def _varying_rule(factor: str) -> Rule:
    return Rule(
        "factor_varies",
        BETWEEN,
        CRITICAL,
        f"{factor} is not constant",
        f"{factor} is constant",
        "A factor that never moves was computed from stuck bars or not at all.",
        column=factor,
        options={"column": f"{factor} distinct", "min_value": 2},
    )
