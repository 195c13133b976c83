"""What the tables say about themselves, and the dictionary that is written from it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import DateTime, Text

from factorprism import warehouse
from factorprism.warehouse import migrations
from factorprism.warehouse.db import roles
from factorprism.warehouse.db.base import moment
from factorprism.warehouse.dictionary import render_dictionary
from factorprism.warehouse.tables import VIEWS, metadata

COLUMNS = [column for table in metadata.sorted_tables for column in table.columns]


def test_every_table_and_column_says_what_it_means():
    for what in (*metadata.sorted_tables, *COLUMNS):
        assert what.comment, what
        assert what.comment.endswith("."), what
        assert "|" not in what.comment, what
        assert "\n" not in what.comment, what


def test_rows_are_deleted_only_from_tables_that_say_so():
    files = sorted(Path(warehouse.__file__).parent.rglob("*.py"))
    code = "".join(file.read_text() for file in files)
    deleted = set(re.findall(r"\bdelete\((\w+)\)", code))
    deleted |= set(re.findall(r"(?i)\bDELETE FROM prism\.(\w+)", code))
    tables = metadata.sorted_tables
    assert deleted == {table.name for table in tables if table.info.get("rows_replaced")}


def test_a_ledger_is_only_added_to():
    ledgers = [table for table in metadata.sorted_tables if table.info.get("ledger")]
    assert {"forecasts", "promotions", "accepted_findings"} <= {table.name for table in ledgers}
    for table in ledgers:
        assert roles.list_changes(table) == ["INSERT"]
        assert not table.info.get("rows_replaced"), table


def test_only_moments_are_named_like_moments():
    for column in COLUMNS:
        assert isinstance(column.type, DateTime) == column.name.endswith("_at"), column
    with pytest.raises(ValueError, match="'saved'"):
        moment("saved", "When.")


def test_a_column_that_may_be_null_says_what_null_means():
    for column in COLUMNS:
        if column.nullable:
            assert "null" in column.comment, column


def test_every_table_has_a_key():
    assert all(len(table.primary_key) for table in metadata.sorted_tables)


def test_the_committed_dictionary_is_the_generated_one():
    page = Path(__file__).resolve().parents[3] / "docs/data-dictionary.md"
    assert page.read_text("utf-8") == render_dictionary()


def test_the_dictionary_names_every_column():
    page = render_dictionary()
    assert all(f"| `{column.name}` | " in page for column in COLUMNS)
    for view in VIEWS:
        assert all(f"| `{name}` | {text} |" in page for name, text in view.columns.items())
    assert any(isinstance(column.type, Text) for column in COLUMNS)


def test_the_newest_step_is_the_known_head():
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [migrations.HEAD]
