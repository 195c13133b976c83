"""What the command line says when it is used wrongly: few lines, the right code, no traceback."""

from __future__ import annotations

from pathlib import Path
from subprocess import CompletedProcess

import pytest

import console


def call(tmp_path: Path, *arguments: str, **settings: str) -> CompletedProcess[str]:
    return console.call({"FACTORPRISM_HOME": str(tmp_path / "home"), **settings}, *arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ("dayly",),
        ("daily", "--session", "2025-02-30"),
        ("train", "--mode", "guess"),
        ("backfill", "--start", "yesterday"),
        ("backfill", "--start", "2025-01-02", "--end", "2025-01-01"),
        ("forecasts", "--format", "xml"),
        ("models", "list", "--format", "csv"),
        ("contest", "--format", "csv"),
        ("explain", "--format", "csv"),
        ("quality", "--format", "csv"),
        ("services", "status", "--format", "csv"),
        ("models", "promote", "inception-1"),
        ("models", "compare", "inception-1"),
        ("experiment", "stacking", "--slow"),
    ],
)
def test_wrong_usage_ends_with_2_and_no_traceback(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    done = call(tmp_path, *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"FACTORPRISM_SOURCE": "yahoo"}, "FACTORPRISM_SOURCE"),
        ({"FACTORPRISM_SOURCE": "files"}, "FACTORPRISM_FILES"),
        ({"FACTORPRISM_UNIVERS": "hs300"}, "FACTORPRISM_UNIVERS"),
        (
            {"FACTORPRISM_WAREHOUSE_URL": "mysql://x", "FACTORPRISM_TRACKING_URL": "x"},
            "postgresql://",
        ),
    ],
)
def test_a_wrong_setting_is_reported_in_two_lines(
    tmp_path: Path, settings: dict[str, str], named: str
) -> None:
    done = call(tmp_path, "daily", **settings)
    assert done.returncode == 2
    assert named in done.stderr
    assert len(done.stderr.strip().splitlines()) == 2


@pytest.mark.parametrize(
    ("exchange", "named"), [("", "'AAPL' belongs to no known exchange"), ("XTAE", "'XTAE' has")]
)
def test_a_universe_that_cannot_be_is_reported_in_two_lines(
    tmp_path: Path, exchange: str, named: str
) -> None:
    done = call(tmp_path, "universes", "add", "own", "--target", "AAPL", "--exchange", exchange)
    assert done.returncode == 2
    assert named in done.stderr
    assert len(done.stderr.strip().splitlines()) == 2
    assert not (tmp_path / "home").exists()


def test_an_unreachable_warehouse_is_reported_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://prism:open-sesame@127.0.0.1:1/prism"
    done = call(
        tmp_path,
        "forecasts",
        FACTORPRISM_WAREHOUSE_URL=url,
        FACTORPRISM_TRACKING_URL="sqlite://",
    )
    assert done.returncode == 1
    assert "open-sesame" not in done.stderr
    assert 1 <= len(done.stderr.strip().splitlines()) <= 2


def test_debug_shows_the_traceback_and_the_code_is_that_of_the_process(tmp_path: Path) -> None:
    settings = {"FACTORPRISM_HOME": str(tmp_path / "home"), "FACTORPRISM_SOURCE": "yahoo"}
    refused = console.spawn(settings, "daily")
    assert refused.returncode == 2
    assert len(refused.stderr.strip().splitlines()) == 2
    assert "Traceback" in console.spawn(settings, "--debug", "daily").stderr
