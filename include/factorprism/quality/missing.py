"""Counts the missing cells of a panel and says so in the one line that every report carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from factorprism.market.panels import FactorPanel


@dataclass(frozen=True)
class MissingReport:
    """Missing cells of a panel: `missing` of `cells`, by factor in the panel's order."""

    missing: int
    cells: int
    per_factor: dict[str, int]
    lookbacks: Mapping[str, int] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        return self.missing / self.cells if self.cells else 0.0

    @property
    def line(self) -> str:
        return f"missing {self.missing} of {self.cells} ({100.0 * self.ratio:.2f}%)"

    @property
    def explanations(self) -> dict[str, str]:
        """The count of each factor with its look-back, where that is known."""
        return {
            factor: f"{count} (look-back {self.lookbacks[factor]})"
            if factor in self.lookbacks
            else str(count)
            for factor, count in self.per_factor.items()
        }


def count_missing(panel: FactorPanel, lookbacks: Mapping[str, int] | None = None) -> MissingReport:
    """Count the NaN cells of `panel`, those of the warm-up included.

    `lookbacks` gives for each factor the sessions before its first value on a bare history, which
    explains the count where the panel starts with the history.
    """
    by_factor = np.isnan(panel.values).sum(axis=0)
    per_factor = {
        factor: int(count) for factor, count in zip(panel.factors, by_factor, strict=True)
    }
    known = {factor: n for factor, n in (lookbacks or {}).items() if factor in per_factor}
    return MissingReport(int(by_factor.sum()), panel.values.size, per_factor, known)
