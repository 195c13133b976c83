"""SECURITY.md names roles, settings, commands and files that there are."""

from __future__ import annotations

import re
from pathlib import Path

from factorprism.core.roles import ROLES
from factorprism.core.tls import DECLINED, ENCRYPTED

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "SECURITY.md").read_text("utf-8")


def test_each_role_has_its_row() -> None:
    assert re.findall(r"^\| `(prism_\w+)` \|", PAGE, re.MULTILINE) == list(ROLES)


def test_every_answer_to_the_rule_on_tls_is_named() -> None:
    for word in (*ENCRYPTED, f"sslmode={DECLINED}"):
        assert f"`{word}`" in PAGE or f"`sslmode={word}`" in PAGE, word


def test_links_lead_to_pages_that_are_there() -> None:
    links = re.findall(r"\]\(([^)#:]+)", PAGE)
    assert len(links) > 5
    assert [link for link in links if not (ROOT / link).is_file()] == []
