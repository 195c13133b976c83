"""A number with its noun."""

from __future__ import annotations

import pytest

from factorprism.core.words import count


@pytest.mark.parametrize(
    ("number", "noun", "words"),
    [
        (0, "row", "0 rows"),
        (1, "row", "1 row"),
        (2, "row", "2 rows"),
        (3, "loss", "3 losses"),
    ],
)
def test_one_is_singular(number: int, noun: str, words: str) -> None:
    assert count(number, noun) == words
