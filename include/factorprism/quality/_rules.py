"""What an expectation is, before Great Expectations checks it: one rule, one sentence each way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from factorprism.core.severity import CRITICAL, WARNING

BETWEEN = "ExpectColumnValuesToBeBetween"
IN_SET = "ExpectColumnValuesToBeInSet"
NOT_NULL = "ExpectColumnValuesToNotBeNull"

# Isolated wrong values that a vendor sends: so many rows, or this ratio of them.
TOLERATED_ROWS = 2
TOLERATED_RATIO = 0.02
FAULTS_TOLERATED = f"{TOLERATED_ROWS} rows or {TOLERATED_RATIO:.0%} of them"
# A panic has several extreme days in one month, so that an evening's pull may hold as many.
EXTREMES_TOLERATED = 5


class FindingScope(StrEnum):
    """Which sessions a failing row of a critical rule speaks against."""

    ROW = "row"  # itself
    SPIKE = "spike"  # itself where the series comes back at once, else it and all that follow
    LASTING = "lasting"  # it and all that follow
    UNIT = "unit"  # itself, or all from a run of `UNIT_RUN` failing rows on
    RUN = "run"  # the run that it belongs to
    PULL = "pull"  # the pull as a whole
    FORM = "form"  # the pull as a whole, on which nothing can be measured


@dataclass(frozen=True)
class Rule:
    """One expectation of a suite.

    `expectation` is the class in ``great_expectations.expectations`` that checks it, row by row,
    and `options` its arguments; `column` is the column a person reads about, which may differ
    from the measure that is checked. `reported` is the measure whose value is reported, where that
    is not the one checked. `holds` and `finding` complete a sentence that starts with the symbol.
    `scope` says what a critical failure is held against, `before` how many sessions earlier it
    began. A warning of single rows names its `counterpart`: the critical rule for many of them.
    """

    name: str
    expectation: str
    severity: str
    holds: str
    finding: str
    reason: str
    column: str = ""
    options: Mapping[str, object] = field(default_factory=dict)
    scope: FindingScope = FindingScope.ROW
    before: int = 0
    counterpart: str = ""
    reported: str = ""

    def __post_init__(self) -> None:
        if self.severity not in (CRITICAL, WARNING):
            raise ValueError(f"severity: {self.severity!r}, allowed are {CRITICAL} and {WARNING}")

    @property
    def measure(self) -> str:
        """The column that is checked."""
        return str(self.options["column"])

    @property
    def asked(self) -> tuple[str, str]:
        """What is asked of each row; rules that ask the same are asked once.

        How many rows may fail is no part of it: that is counted subject by subject.
        """
        options = {name: value for name, value in self.options.items() if name != "mostly"}
        return self.expectation, repr(sorted(options.items()))


def graded(warning: Rule, many: Rule) -> list[Rule]:
    """Return a warning of single rows with `many`, the critical rule for too many of them."""
    return [replace(warning, severity=WARNING, counterpart=many.name), many]


def for_many(
    rule: Rule,
    name: str,
    n_rows: int,
    *,
    rows: int = TOLERATED_ROWS,
    ratio: float = TOLERATED_RATIO,
    reason: str,
) -> Rule:
    """Return the critical rule that refuses a pull of `n_rows` where `rule` fails too often.

    Tolerated are `rows` failures, or `ratio` of all rows where that is more.
    """
    return replace(
        rule,
        name=name,
        severity=CRITICAL,
        holds=f"on all but {rows} rows, or {ratio:.0%} of them, {rule.holds}",
        finding=f"on more than {rows} rows and {ratio:.0%} of them, {rule.finding}",
        reason=reason,
        options={**rule.options, "mostly": mostly_of(n_rows, rows, ratio)},
        scope=FindingScope.PULL,
        counterpart="",
    )


def mostly_of(n_rows: int, rows: int = TOLERATED_ROWS, ratio: float = TOLERATED_RATIO) -> float:
    """Return the ratio of `n_rows` that must hold where isolated faults are tolerated."""
    tolerated = max(rows / max(n_rows, 1), ratio)
    # A rounding error must not turn two tolerated rows into one.
    return max(0.0, 1.0 - tolerated - 1e-9)
