"""What holds for every DAG: it parses, comes back from its serialised form, and is looked after."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from default_signal import DAILY, WEEKLY
from factorprism.core.plan import PLAN, find_step

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk import DAG

# Tasks that are no step of a pipeline in its order.
BESIDE = ("withhold", "ask_approval", "watch")
PIPELINES = {
    DAILY: "daily",
    WEEKLY: "weekly",
    "model_decision": "decision",
    "history_backfill": "backfill",
    "housekeeping_weekly": "housekeeping",
}


@pytest.fixture(params=PIPELINES)
def dag(request: pytest.FixtureRequest, dag_bag: DagBag) -> DAG:
    return dag_bag.dags[request.param]


def test_the_folder_holds_these_dags_and_no_broken_file(dag_bag: DagBag) -> None:
    assert dag_bag.import_errors == {}
    assert set(dag_bag.dags) == set(PIPELINES)


def test_a_dag_comes_back_from_its_serialised_form(dag: DAG) -> None:
    from airflow.serialization.encoders import coerce_to_core_timetable
    from airflow.serialization.serialized_objects import DagSerialization

    stored = json.loads(json.dumps(DagSerialization.to_dict(dag)))
    again = DagSerialization.from_dict(stored)
    assert again.task_ids == dag.task_ids
    planned = coerce_to_core_timetable(dag.timetable)
    assert again.timetable.type_name == planned.type_name
    assert again.timetable.serialize() == planned.serialize()


def test_a_dag_says_what_it_does_and_to_whom_it_belongs(dag: DAG) -> None:
    assert dag.doc_md is not None
    assert dag.doc_md.strip().startswith("### ")
    assert dag.description
    assert "prism" in dag.tags
    assert dag.max_active_runs == (3 if dag.dag_id == DAILY else 1)
    for name in dag.params:
        described: Any = dag.params.get_param(name)
        assert described.schema.get("title"), name
        assert described.description, name


def test_no_step_of_two_evenings_runs_at_once(dag_bag: DagBag) -> None:
    """An evening that waits holds no other run up, and still none overtakes another in a step."""
    limits = {task.task_id: task.max_active_tis_per_dag for task in dag_bag.dags[DAILY].tasks}
    assert limits.pop("wait_for_bars") is None  # while it is deferred it would count as running
    assert set(limits.values()) == {1}


def test_every_task_is_owned_retried_limited_and_reported(dag: DAG) -> None:
    for task in dag.tasks:
        assert task.owner == "factorprism", task.task_id
        assert task.retries >= 1, task.task_id
        assert task.retry_policy is not None, task.task_id
        assert task.retry_exponential_backoff > 1, task.task_id
        assert task.execution_timeout, task.task_id
        assert task.on_failure_callback, task.task_id


def test_a_backfill_takes_a_symbol_of_any_exchange(dag_bag: DagBag) -> None:
    symbols = dag_bag.dags["history_backfill"].params.get_param("symbols")
    codes = ["000300.SH", "0700.HK", "BRK.B.US", "430047.BJ", "H30269.CSI", "SAP.XFRA", "^FOO.XHKG"]
    assert symbols.resolve(codes) == codes


def test_a_planned_dag_never_starts_with_twenty_years(dag: DAG) -> None:
    assert dag.catchup is False


def test_the_tasks_are_the_steps_of_the_pipeline_in_order(dag: DAG) -> None:
    steps = [step.name for step in PLAN[PIPELINES[dag.dag_id]]]
    chained = [task for task in dag.topological_sort() if task.task_id not in BESIDE]
    assert [task.task_id for task in chained] == steps
    for before, after in pairwise(chained):
        assert after.task_id in before.downstream_task_ids
    pipelines = {
        task.partial_kwargs["pipeline"] if task.is_mapped else task.pipeline for task in dag.tasks
    }
    assert pipelines == {PIPELINES[dag.dag_id]}


def test_pool_queue_and_time_limit_of_a_task_are_those_of_its_step(dag: DAG) -> None:
    for task in dag.tasks:
        if task.task_id == "ask_approval":
            continue  # no step of the package
        step = find_step(PIPELINES[dag.dag_id], task.task_id)
        planned = (step.pool or "default_pool", step.queue or "default", step.limit)
        assert (task.pool, task.queue, task.execution_timeout) == planned, task.task_id


def test_every_step_before_publish_may_end_in_a_withheld_row(dag_bag: DagBag) -> None:
    dag = dag_bag.dags[DAILY]
    withhold = dag.get_task("withhold")
    published = dag.get_task("publish").get_flat_relative_ids(upstream=True)
    assert withhold.upstream_task_ids == published
    # The run's colour is that of its last tasks: a withheld run stays red through `report`.
    watch = dag.get_task("watch")
    assert watch.upstream_task_ids == {"report", "withhold"}
    assert {task.task_id for task in dag.leaves} == {"watch"}
    assert watch.is_teardown
    assert not watch.on_failure_fail_dagrun
    assert dag.get_task("report").trigger_rule == "all_success"


def test_pools_are_those_that_an_installation_creates(
    dag_bag: DagBag, repository_root: Path
) -> None:
    created = json.loads((repository_root / "dags/pools.json").read_text("utf-8"))
    used = {task.pool for dag in dag_bag.dags.values() for task in dag.tasks}
    assert used - {"default_pool"} == set(created)


def test_work_for_a_gpu_waits_in_its_queue_and_pool(dag_bag: DagBag) -> None:
    queued = {
        task.task_id: task.pool
        for dag in dag_bag.dags.values()
        for task in dag.tasks
        if task.queue == "gpu"
    }
    assert queued == dict.fromkeys(
        (
            "forecast",
            "explain",
            "size_contest",
            "evaluate_folds",
            "train_candidate",
            "compare_candidate",
        ),
        "gpu",
    )
    training = dag_bag.dags[WEEKLY].get_task("train_candidate")
    assert training.execution_timeout >= timedelta(hours=6)


def test_a_contest_without_an_open_fold_still_draws_its_table(dag_bag: DagBag) -> None:
    dag = dag_bag.dags[WEEKLY]
    assert dag.get_task("evaluate_folds").is_mapped
    assert dag.get_task("tabulate_contest").trigger_rule == "none_failed"


def test_assets_and_uris_go_one_to_one_and_each_is_written(dag_bag: DagBag) -> None:
    from prism_assets import ASSETS

    assert len({asset.name for asset in ASSETS}) == len(ASSETS)
    assert len({asset.uri for asset in ASSETS}) == len(ASSETS)
    written = {
        (asset.name, asset.uri)
        for dag in dag_bag.dags.values()
        for task in dag.tasks
        for asset in task.outlets
    }
    assert written == {(asset.name, asset.uri) for asset in ASSETS}


def test_the_forecast_has_a_deadline(dag_bag: DagBag) -> None:
    (deadline,) = dag_bag.dags[DAILY].deadline
    assert deadline.interval == timedelta(hours=2)
    assert deadline.callback.path == "task_alerts.DeadlineNotifier"


def test_a_decision_by_hand_waits_for_nobody_to_unpause_its_dag(dag_bag: DagBag) -> None:
    assert dag_bag.dags["model_decision"].is_paused_upon_creation is False


@pytest.mark.parametrize("name", PIPELINES)
def test_nothing_in_a_dag_file_changes_from_parse_to_parse(
    name: str, repository_root: Path
) -> None:
    from airflow.utils.dag_version_inflation_checker import check_dag_file_stability

    found = check_dag_file_stability(repository_root / "dags" / f"{name}.py")
    assert found.check_level.value == "error"
    assert found.warnings == {}
