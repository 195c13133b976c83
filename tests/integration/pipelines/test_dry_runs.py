"""A dry run prints the row that it would write, and leaves nothing behind."""

from __future__ import annotations

from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from factorprism.cli.commands import run_daily
from factorprism.warehouse import PostgresWarehouse

SESSION = date(2024, 7, 8)


def list_files(home: Path) -> dict[str, int]:
    """The home's files and their moments, without the cache of bundles."""
    return {
        str(path.relative_to(home)): path.stat().st_mtime_ns
        for path in home.rglob("*")
        if path.is_file() and "bundles" not in path.parts
    }


def test_a_dry_run_leaves_no_row_no_picture_and_no_message(
    place: Any, webhook: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in place.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("FACTORPRISM_ALERTS_URL", webhook.url)
    with closing(PostgresWarehouse(place.config.warehouse_url)) as warehouse:
        held, files = warehouse.fingerprints(), list_files(place.home)
        assert run_daily(SESSION, "", dry=True) == 0
        assert warehouse.fingerprints() == held
        assert list_files(place.home) == files
        assert webhook.messages == []
        dry = capsys.readouterr().out
        # The same row, once it is meant.
        assert run_daily(SESSION, "", dry=False) == 0
        assert (
            capsys.readouterr().out.split("made afterwards")[0] == dry.split("made afterwards")[0]
        )
        assert warehouse.fingerprints() != held


def test_a_dry_run_that_is_withheld_says_why_and_leaves_nothing(
    place: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in place.environ.items():
        monkeypatch.setenv(name, value)
    with closing(PostgresWarehouse(place.config.warehouse_url)) as warehouse:
        held = warehouse.fingerprints()
        assert run_daily(date(2024, 6, 27), "", dry=True) == 3  # before the champion
        assert warehouse.fingerprints() == held
    assert "withheld" in capsys.readouterr().out
