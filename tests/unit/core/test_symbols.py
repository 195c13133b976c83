"""Indices, shares and funds by their codes."""

from __future__ import annotations

import pytest

from factorprism.core.symbols import is_index


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        ("000300.SH", True),
        ("000001.SH", True),
        ("000001.SZ", False),
        ("399006.SZ", True),
        ("880001.SH", True),
        ("930955.SH", True),
        ("510300.SH", False),
        ("601398.SH", False),
        ("^GSPC", True),
    ],
)
def test_the_code_tells_an_index_from_a_share(symbol: str, expected: bool) -> None:
    assert is_index(symbol) is expected
