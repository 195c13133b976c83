"""The DAGs run in Airflow itself, on a real warehouse and real history, in their own process."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import console
from default_signal import DAILY, WEEKLY
from factorprism.core.plan import list_before
from factorprism.core.roles import WRITER
from factorprism.warehouse import PostgresWarehouse
from rocket_folds import ROCKET
from sql import execute

SESSION = "2025-12-31"

# Each run is what a person starts from the UI; its states are printed as the last line. A name
# without a DAG is a statement for the warehouse.
STORY = """
import json, psycopg2, sys
from datetime import UTC, datetime, timedelta
import airflow.settings
from airflow.dag_processing.dagbag import DagBag
import os
bag = DagBag(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
runs = []
for number, (dag_id, conf) in enumerate(json.loads({story!r})):
    if dag_id not in bag.dags:
        with psycopg2.connect(os.environ["FACTORPRISM_WAREHOUSE_URL"]) as connection:
            connection.cursor().execute(dag_id)
        continue
    dag = bag.dags[dag_id]
    dag.deadline = None  # which dag.test() cannot run
    run = dag.test(logical_date=datetime.now(UTC) + timedelta(seconds=number), run_conf=conf)
    tasks = {{ti.task_id: ti.state for ti in run.get_task_instances()}}
    runs.append([dag_id, run.state, tasks])
print()
print(json.dumps(runs))
"""


@dataclass(frozen=True)
class Story:
    """What came of the runs, in order: (state of the run, state of each task)."""

    url: str = field(repr=False)
    runs: list[tuple[str, dict[str, str]]]
    output: str = field(repr=False)

    def query(self, statement: str, *values: str) -> list[tuple[Any, ...]]:
        return execute(self.url, statement, *values)


@pytest.fixture(scope="module")
def story(
    postgres: Any,
    run_python: Callable[..., str],
    lay_metadata: Callable[[Path], None],
    tmp_path_factory: pytest.TempPathFactory,
) -> Story:
    """No champion yet, then one is trained, then the same session again, and again.

    The weekly run goes on with the same contest and one that sizes itself.
    """
    folder = tmp_path_factory.mktemp("airflow")
    lay_metadata(folder)
    url = postgres.new_database()
    with closing(PostgresWarehouse(url)) as warehouse:
        warehouse.migrate()
    url = postgres.as_role(url, WRITER)
    asked = [
        [DAILY, {"session": SESSION}],
        [
            WEEKLY,
            {"session": "2025-12-26", "mode": "retrain", "contest": "quick"},
        ],
        [DAILY, {"session": SESSION}],
        [DAILY, {"session": SESSION}],
        ["history_backfill", {"first": "2025-01-02", "last": SESSION}],
        [
            WEEKLY,
            {"session": "2025-12-26", "mode": "retrain", "contest": "quick"},
        ],
        [ROCKET, {}],
        [WEEKLY, {"session": "2025-12-26", "mode": "retrain", "contest": "night"}],
        ["housekeeping_weekly", {}],
    ]
    output = run_python(
        STORY.format(story=json.dumps(asked)),
        folder,
        {
            "FACTORPRISM_HOME": str(folder / "home"),
            "FACTORPRISM_WAREHOUSE_URL": url,
            "FACTORPRISM_TRACKING_URL": postgres.new_database(),
            "FACTORPRISM_SOURCE": "sample",
            "FACTORPRISM_HISTORY_START": "2022-01-04",
            "FACTORPRISM_MODEL": "inception_tiny",
            "FACTORPRISM_EPOCHS": "1",
            "FACTORPRISM_ENSEMBLE_MEMBERS": "0",
            "FACTORPRISM_CONTEST_FOLDS": "2",
            # Too short for anything but what was evaluated before.
            "FACTORPRISM_CONTEST_HOURS": "0.001",
            "FACTORPRISM_CONTEST_NETWORKS": "mlp_tiny",
        },
    )
    runs = [(state, tasks) for _, state, tasks in json.loads(output.splitlines()[-1])]
    return Story(url, runs, output)


def test_without_a_champion_the_run_ends_red_with_the_withheld_row_written(story: Story) -> None:
    state, tasks = story.runs[0]
    assert state == "failed"
    assert {tasks[name] for name in list_before("daily", "forecast")} == {"success"}
    assert tasks["forecast"] == "failed"
    assert tasks["publish"] == "upstream_failed"
    assert tasks["withhold"] == "success"


def test_the_weekly_run_trains_the_first_champion(story: Story) -> None:
    state, tasks = story.runs[1]
    assert state == "success"
    assert tasks.pop("ask_approval") == "skipped"
    assert set(tasks.values()) == {"success"}


def test_each_entrant_is_evaluated_on_each_fold_by_a_task_of_its_own(story: Story) -> None:
    evaluated = story.query(
        "SELECT entrant, count(*), count(DISTINCT sessions[1]) FROM prism.fold_forecasts"
        " WHERE entrant <> 'rocket' GROUP BY entrant"  # which was written, not evaluated
    )
    assert len(evaluated) == 7
    assert {row[1:] for row in evaluated} == {(2, 2)}


def test_a_contest_held_again_evaluates_nothing_twice(story: Story) -> None:
    state, tasks = story.runs[5]
    assert state == "success"
    assert tasks.pop("evaluate_folds") == "skipped"
    assert tasks.pop("ask_approval") == "skipped"
    assert set(tasks.values()) == {"success"}


def test_a_contest_that_sizes_itself_says_what_it_leaves_out(story: Story, tmp_path: Path) -> None:
    state, tasks = story.runs[6]
    assert (state, tasks["size_contest"], tasks["tabulate_contest"]) == ("success",) * 3
    ((content,),) = story.query("SELECT content FROM prism.contests WHERE as_of = '2025-12-26'")
    plan = content["plan"]
    assert (plan["name"], "inception_tiny" in plan["entrants"]) == ("night", True)
    assert plan["expected_seconds"] > 0
    assert any(said.startswith("mlp_tiny: ") for said in plan["left_out"])
    place = {"FACTORPRISM_HOME": str(tmp_path), "FACTORPRISM_WAREHOUSE_URL": story.url}
    assert "Left out: " in console.call(place, "contest").stdout


def test_with_a_champion_every_task_is_green_and_nothing_is_withheld(story: Story) -> None:
    state, tasks = story.runs[2]
    assert state == "success"
    assert tasks.pop("withhold") == "skipped"
    assert set(tasks.values()) == {"success"}


def test_the_ledger_holds_the_reason_and_then_one_issued_row(story: Story) -> None:
    rows = story.query(
        "SELECT state, reason, p_up IS NULL FROM prism.direction_ledger"
        " WHERE session = %s ORDER BY created_at",
        SESSION,
    )
    assert [row[0] for row in rows] == ["withheld", "issued"]
    assert rows[0][1].startswith(f"no champion in force at {SESSION}")
    assert [row[2] for row in rows] == [True, False]


def test_a_session_that_runs_again_stays_green(story: Story) -> None:
    assert story.runs[3][0] == "success"


def test_a_backfill_of_a_range_is_green(story: Story) -> None:
    state, tasks = story.runs[4]
    assert state == "success"
    assert set(tasks.values()) == {"success"}


def test_the_failed_run_has_raised_one_alert_and_the_good_one_has_closed_it(story: Story) -> None:
    faults = story.query(
        "SELECT alert_key, resolved_at IS NOT NULL FROM prism.alerts WHERE severity = 'critical'"
    )
    assert faults == [("daily hs300-direction-14", True)]


def test_the_watch_runs_after_a_red_run_and_a_green_one_and_changes_neither(story: Story) -> None:
    daily = [story.runs[0], story.runs[2], story.runs[3]]
    assert [tasks["watch"] for _, tasks in daily] == ["success"] * 3
    assert [state for state, _ in daily] == ["failed", "success", "success"]


def test_the_housekeeping_is_green(story: Story) -> None:
    state, tasks = story.runs[7]
    assert state == "success"
    assert set(tasks.values()) == {"success"}
