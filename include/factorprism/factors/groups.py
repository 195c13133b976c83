"""Gathers factors by the side of the market that they measure."""

from __future__ import annotations

from collections.abc import Sequence

from factorprism.factors.catalogue import CATALOGUE
from factorprism.factors.factor import GROUPS

UNGROUPED = "other"


def group_factors(factors: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Return the indices in `factors` of each group's members; groups without any are left out.

    A factor of the catalogue with another period keeps its group; any other name stands under
    ``other``.
    """
    known = {_stem(factor.name): factor.group for factor in CATALOGUE}
    groups: dict[str, list[int]] = {name: [] for name in (*GROUPS, UNGROUPED)}
    for index, factor in enumerate(factors):
        groups[known.get(_stem(factor), UNGROUPED)].append(index)
    return {name: tuple(indices) for name, indices in groups.items() if indices}


def _stem(factor: str) -> str:
    """Return the name without its parameters."""
    words = factor.split("_")
    while words and words[-1].isdigit():
        words.pop()
    return "_".join(words)
