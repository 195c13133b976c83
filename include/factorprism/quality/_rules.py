"""What an expectation is, before Great Expectations judges it: one rule, one sentence each way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

CRITICAL = "critical"
WARNING = "warning"
BETWEEN = "ExpectColumnValuesToBeBetween"

# Isolated wrong values that a vendor sends: so many rows, or this ratio of them.
TOLERATED_ROWS = 2
TOLERATED_RATIO = 0.02
FAULTS_TOLERATED = f"{TOLERATED_ROWS} rows or {TOLERATED_RATIO:.0%} of them"


@dataclass(frozen=True)
class Rule:
    """One expectation of a suite.

    `expectation` is the class in ``great_expectations.expectations`` that judges it and `options`
    its arguments; `column` is the column a person is told about, which may differ from the
    measure that is judged. `holds` and `finding` complete a sentence that starts with the symbol.
    """

    name: str
    expectation: str
    severity: str
    holds: str
    finding: str
    reason: str
    column: str = ""
    options: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.severity not in (CRITICAL, WARNING):
            raise ValueError(f"severity: {self.severity!r}, allowed are {CRITICAL} and {WARNING}")

    @property
    def key(self) -> str:
        """What tells this rule from the others of its suite."""
        return f"{self.name}:{self.column}"


def mostly_of(n_rows: int) -> float:
    """Return the ratio of `n_rows` that must hold where isolated faults are tolerated."""
    tolerated = max(TOLERATED_ROWS / max(n_rows, 1), TOLERATED_RATIO)
    # A rounding error must not turn two tolerated rows into one.
    return max(0.0, 1.0 - tolerated - 1e-9)
