"""Every command that the docs name for a new house, tried on a warehouse that holds nothing."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

import console
from factorprism.cli.drawing import DRAWINGS
from factorprism.cli.main import Drawing

PAGES = ("deployment.md", "operations.md")
# The smallest network and one epoch: what is tested is the way, not the forecast.
CHEAP = {
    "FACTORPRISM_HISTORY_START": "2019-01-02",
    "FACTORPRISM_MODEL": "inception_tiny",
    "FACTORPRISM_EPOCHS": "1",
    "FACTORPRISM_ENSEMBLE_MEMBERS": "0",
    "FACTORPRISM_CONTEST_FOLDS": "1",
}
# What ends with another code than 0 where nothing was ever loaded, and what it then says.
ENDS = {
    "daily": (3, "no champion"),
    "healthcheck": (1, "Train one: factorprism train"),
    "quality": (2, "Load its history: factorprism backfill"),
    "quality accept": (2, "no finding"),
    "doctor": (1, "factorprism train"),
    "run": (0, "-image.png"),
    "contest": (2, "Hold one: factorprism train"),
    "draw": (2, "Make a forecast: factorprism daily"),
    "draw training": (2, "Train one: factorprism train"),
    **dict.fromkeys(
        ("draw contest", "draw backtest", "draw reliability"), (2, "Hold one: factorprism train")
    ),
    "backfill": (0, "bars held from 2019-01-02 to 2025-12-31"),
}
# Needs the embedded services, which tests/integration/services starts.
ELSEWHERE = {"services"}

# In a process of their own, as a person calls them; the others in this one.
APART = {"forecasts", "healthcheck"}

Call = Callable[..., CompletedProcess[str]]


def find_commands(text: str) -> set[str]:
    """Return each ``factorprism ...`` of a page's code, with or without a container before it."""
    blocks = re.findall(r"^```\w*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    inline = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", re.sub(r"(?s)```.*?```", "", text))
    lines = [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]
    found = [
        re.search(r"(?:^|worker )factorprism (?!COMMAND)(.+)$", line) for line in lines + inline
    ]
    return {match[1].strip() for match in found if match and not match[1].startswith("--debug")}


def documented(repository: Path) -> set[str]:
    return set().union(*(find_commands((repository / "docs" / page).read_text()) for page in PAGES))


ROOT = Path(__file__).resolve().parents[3]
COMMANDS = sorted(command for command in documented(ROOT) if command.split()[0] not in ELSEWHERE)
TRAINS = {"run", "train"}


@pytest.fixture
def call(migrated_url: str, postgres: Any, tmp_path: Path) -> Any:
    tracking = postgres.new_database()
    settings = {
        **CHEAP,
        "FACTORPRISM_HOME": str(tmp_path / "home"),
        "FACTORPRISM_WAREHOUSE_URL": migrated_url,
        "FACTORPRISM_TRACKING_URL": tracking,
    }

    def run(*arguments: str) -> CompletedProcess[str]:
        how = console.spawn if " ".join(arguments) in APART else console.call
        return how(settings, *arguments)

    yield run
    postgres.drop_database(tracking)


def test_the_docs_name_commands_in_their_code() -> None:
    assert {"run --no-airflow", "train", "forecasts", "healthcheck"} <= set(COMMANDS)
    drawn = {command.split()[1] for command in COMMANDS if command.startswith("draw ")}
    assert drawn == set(DRAWINGS) == set(Drawing)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(one, marks=pytest.mark.slow if one.split()[0] in TRAINS else ())
        for one in COMMANDS
    ],
)
def test_a_documented_command_works_on_an_empty_warehouse(call: Call, command: str) -> None:
    done = call(*shlex.split(command))
    said = done.stdout + done.stderr
    names = command.split()
    code, words = ENDS.get(" ".join(names[:2]), ENDS.get(names[0], (0, "")))
    assert done.returncode == code, said
    assert words in said
    assert "unexpected" not in said
    assert "Traceback" not in said


def test_a_range_that_ends_before_it_begins_is_refused(call: Call) -> None:
    done = call("backfill", "--end", "2018-01-05")
    assert done.returncode == 2
    assert "ends at 2018-01-05, before it begins at 2019-01-02" in done.stderr
