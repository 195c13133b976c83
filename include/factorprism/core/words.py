"""Words for people: a number with its noun, and what stands where a secret was."""

from __future__ import annotations

HIDDEN = "***"


def count(number: int, noun: str) -> str:
    """Return `number` with `noun`, which is a singular: ``1 row``, ``2 rows``, ``3 losses``."""
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun}{'es' if noun.endswith('s') else 's'}"
