"""``factorprism signals``: what is issued, a new signal, and one that ends."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

import console
from factorprism.core.signals import SIGNALS_FILE

DEFAULT, ADDED = "hs300-direction-14", "hs300-volatility-14"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def call(home: Path, *arguments: str) -> CompletedProcess[str]:
    return console.call({"FACTORPRISM_HOME": str(home)}, "signals", *arguments)


def listed(home: Path) -> dict[str, dict[str, Any]]:
    done = call(home, "list", "--format", "json")
    assert done.returncode == 0, done.stderr
    return {row["signal"]: row for row in json.loads(done.stdout)}


def issued(home: Path) -> list[str]:
    return [name for name, row in listed(home).items() if row["state"] == "issued"]


def test_without_a_file_the_default_signal_alone_is_issued(home: Path) -> None:
    rows = listed(home)
    assert rows.pop(DEFAULT) == {
        "signal": DEFAULT,
        "state": "issued",
        "universe": "hs300",
        "symbol": "000300.SH",
        "target": "direction",
        "horizon": 14,
        "lookback": 56,
        "model": "inception",
        "exchange": "XSHG",
    }
    assert {row["state"] for row in rows.values()} == {"defined"}
    assert DEFAULT in call(home, "list").stdout
    assert not home.exists()


def test_a_signal_is_added_by_its_name_and_retired_again(home: Path) -> None:
    added = call(home, "add", ADDED)
    assert added.returncode == 0, added.stderr
    assert added.stdout.splitlines() == [
        f"{ADDED}: volatility of 000300.SH, 14 sessions ahead",
        f"Its DAGs are daily-{ADDED} and weekly-{ADDED}, once Airflow has read them.",
        f"Its first champion: factorprism train --signal {ADDED}",
    ]
    assert issued(home) == [DEFAULT, ADDED]

    retired = call(home, "retire", ADDED)
    assert retired.returncode == 0, retired.stderr
    assert f"{ADDED} is retired since {date.today()}: it has no DAG" in retired.stdout
    assert f"Its rows stay: factorprism forecasts --signal {ADDED}" in retired.stdout
    assert issued(home) == [DEFAULT]
    assert listed(home)[ADDED]["state"] == "retired"


def test_a_signal_keeps_the_options_it_was_added_with(home: Path) -> None:
    options = (
        "--universe",
        "image4",
        "--target",
        "direction",
        "--horizon",
        "5",
        "--lookback",
        "28",
    )
    assert call(home, "add", "short", *options).returncode == 0
    row = listed(home)["short"]
    assert (row["universe"], row["horizon"], row["lookback"]) == ("image4", 5, 28)
    assert "[short]" in (home / SIGNALS_FILE).read_text("utf-8")


@pytest.mark.parametrize("arguments", [("add", "nobody-knows-5"), ("retire", "nobody")])
def test_what_cannot_be_done_is_said_in_two_lines_and_writes_nothing(
    home: Path, arguments: tuple[str, ...]
) -> None:
    done = call(home, *arguments)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 2, done.stderr
    assert not (home / SIGNALS_FILE).exists()
