"""What the docs list of DAGs, pools and alerts is what the code has."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer

from factorprism.alerts import KINDS
from factorprism.alerts.catalogue import DAILY_DIGEST
from factorprism.cli.main import app
from factorprism.core.config import describe_settings
from unit.docs.steps import STEPS, list_pooled

ROOT = Path(__file__).resolve().parents[3]
AIRFLOW = (ROOT / "docs" / "airflow.md").read_text("utf-8")
PAGES = [
    *sorted((ROOT / "docs").glob("*.md")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
]
POOLS = json.loads((ROOT / "dags" / "pools.json").read_text("utf-8"))


def find_rows(page: str, heading: str) -> dict[str, list[str]]:
    """Return the cells of the table below `heading`, by the first one without its marks."""
    table = page[page.index(heading) :].split("\n\n")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]
    return {row[0].strip("`"): row for row in rows}


@pytest.mark.parametrize("pool", sorted(POOLS))
def test_a_pool_lists_its_tasks(pool: str) -> None:
    row = find_rows(AIRFLOW, "| pool | slots | for |")[pool]
    assert int(row[1]) == POOLS[pool]["slots"]
    tasks = list_pooled(pool)
    assert tasks
    assert set(re.findall(r"`(\w+)`", row[2].split(";")[0])) == tasks


@pytest.mark.parametrize(
    ("dag", "pipeline"),
    [
        ("daily-<signal>", "daily"),
        ("weekly-<signal>", "weekly"),
        ("housekeeping_weekly", "housekeeping"),
        ("history_backfill", "backfill"),
        ("model_decision", "decision"),
    ],
)
def test_a_dag_lists_its_steps_in_their_order(dag: str, pipeline: str) -> None:
    cell = find_rows(AIRFLOW, "| DAG | when | tasks | form |")[dag][2]
    tasks = re.findall(r"`(\w+)`", cell)
    assert [task for task in tasks if task in STEPS[pipeline]] == list(STEPS[pipeline])
    assert set(tasks) - set(STEPS[pipeline]) <= {"withhold", "watch", "ask_approval"}


def test_every_kind_of_alert_has_its_row() -> None:
    page = (ROOT / "docs" / "alerts.md").read_text("utf-8")
    rows = find_rows(page, "| key | when | urgency | audience | it ends |")
    known = {kind.pattern: kind for kind in KINDS if kind is not DAILY_DIGEST}
    patterns = {re.sub(r"[A-Z]+", lambda word: f"{{{word[0].lower()}}}", key): key for key in rows}
    assert set(patterns) == set(known)
    for pattern, kind in known.items():
        row = rows[patterns[pattern]]
        assert row[2:4] == [kind.urgency, kind.audience], pattern
        assert (row[4] == "an event") == (not kind.lasts), pattern


def test_every_setting_that_is_named_is_known() -> None:
    known = {setting.variable for setting in describe_settings({})}
    for page in PAGES:
        named = set(re.findall(r"FACTORPRISM_[A-Z0-9_]+[A-Z0-9]", page.read_text("utf-8")))
        # One of each exchange.
        named = {name for name in named if not name.startswith("FACTORPRISM_PUBLISHED_AT")}
        assert named <= known, page.name


def test_every_command_that_is_named_is_there() -> None:
    for page in PAGES:
        text = page.read_text("utf-8")
        code = re.findall(
            r"`(factorprism [^`]+)`|^(?:\$ |\.venv/bin/)?(factorprism .+)$", text, re.M
        )
        for line in ("".join(pair) for pair in code):
            assert find_command(line.split(" #")[0].split()[1:]), (page.name, line)


def find_command(words: list[str]) -> bool:
    """Tell whether the first of `words` that are no options lead to a command."""
    command: Any = typer.main.get_command(app)
    for word in words:
        if not hasattr(command, "commands"):
            return True
        if re.fullmatch(r"[a-z]+", word.split("|")[0]):
            command = command.commands.get(word.split("|")[0])
            if command is None:
                return False
    return True
