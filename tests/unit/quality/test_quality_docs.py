"""The documented expectations are the ones that are checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from factorprism.quality._rules import Rule
from factorprism.quality.rules_table import render_rules_table

DOCS = Path(__file__).resolve().parents[3] / "docs/quality.md"


def test_the_page_holds_the_table_of_the_code():
    assert DOCS.read_text("utf-8").endswith(render_rules_table() + "\n")


def test_a_rule_knows_two_severities_only():
    with pytest.raises(ValueError, match="severity: 'info'"):
        Rule("a", "ExpectX", "info", "holds", "fails", "why")
