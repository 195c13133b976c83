"""The documentation's table is the catalogue's."""

from __future__ import annotations

from pathlib import Path

from factorprism.factors import CATALOGUE
from factorprism.factors.table import build_table

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "factors.md"


def test_the_document_holds_the_table_of_the_catalogue():
    text = DOCUMENT.read_text("utf-8")
    begin, end = text.index("| factor |"), text.index("\n\n", text.index("| factor |"))
    assert text[begin : end + 1] == build_table()


def test_the_document_states_the_warm_up_of_the_catalogue():
    assert f"missing {sum(factor.lookback for factor in CATALOGUE)} of 15,536" in (
        DOCUMENT.read_text("utf-8")
    )
