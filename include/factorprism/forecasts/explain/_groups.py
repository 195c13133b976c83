"""Which side of the market each factor of the catalogue measures."""

from __future__ import annotations

from collections.abc import Sequence

# By the factor's name without its parameters, so that another period keeps its group. A factor
# that weighs price moves by volume counts as volume; a place within bands that widen with the
# standard deviation counts as volatility.
FACTOR_GROUPS: dict[str, tuple[str, ...]] = {
    "momentum": ("roc", "rsi", "cci", "willr", "cmo", "ultosc", "slow_k"),
    "trend": ("adx", "aroonosc", "trix", "macd_hist", "ppo"),
    "volatility": ("bollinger_b", "natr"),
    "volume": ("mfi", "volume_ratio"),
}
UNGROUPED = "other"


def group_factors(factors: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Return the places in `factors` of each group's members; groups without any are left out.

    A name that no group lists stands under ``other``.
    """
    groups: dict[str, list[int]] = {name: [] for name in (*FACTOR_GROUPS, UNGROUPED)}
    for place, factor in enumerate(factors):
        groups[_group_of(factor)].append(place)
    return {name: tuple(places) for name, places in groups.items() if places}


def _group_of(factor: str) -> str:
    words = factor.split("_")
    while words and words[-1].isdigit():
        words.pop()
    stem = "_".join(words)
    return next((name for name, stems in FACTOR_GROUPS.items() if stem in stems), UNGROUPED)
