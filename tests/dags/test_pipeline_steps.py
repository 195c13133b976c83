"""What every task has in common: its references, its retries, its words when it fails."""

from __future__ import annotations

import inspect
import logging
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG, RetryAction
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from default_signal import DAILY
from factorprism.core import errors
from pipeline_steps import RETRY_POLICY, StepOperator, WithholdOperator
from task_alerts import alert_on_deadline, alert_on_failure, sentence_of

NEVER = {
    "AccessDenied",
    "ArtefactError",
    "ConfigurationError",
    "EndOfData",
    "LookAheadError",
    "PromotionError",
    "QualityError",
}
AGAIN = {
    "EmptyResponse",
    "MalformedResponse",
    "ServiceError",
    "SourceError",
    "Throttled",
    "WarehouseError",
}
KINDS = {
    name: kind
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.FactorPrismError) and kind is not errors.FactorPrismError
}


def decide(error: BaseException) -> RetryAction:
    return RETRY_POLICY.evaluate(error, try_number=1, max_tries=4).action


def test_each_kind_of_error_is_either_retried_or_not() -> None:
    decided = {name: decide(kind("no")) for name, kind in KINDS.items()}
    assert {name for name, action in decided.items() if action is RetryAction.FAIL} == NEVER
    assert {name for name, action in decided.items() if action is RetryAction.RETRY} == AGAIN


@pytest.mark.parametrize(
    ("error", "action"),
    [
        (KeyError("step_context"), RetryAction.FAIL),
        (ValueError("session"), RetryAction.FAIL),
        (ModuleNotFoundError("talib"), RetryAction.FAIL),
        (ConnectionResetError(), RetryAction.RETRY),
        (TimeoutError(), RetryAction.RETRY),
        (RuntimeError("unknown"), RetryAction.DEFAULT),
    ],
)
def test_faults_of_the_program_are_not_retried_and_those_of_the_network_are(
    error: BaseException, action: RetryAction
) -> None:
    assert decide(error) is action


class TaskRun:
    """A task instance as far as `WithholdOperator` reads it: what each task has handed on."""

    def __init__(
        self, returned: dict[str, Any], reasons: dict[str, str], faults: dict[str, str]
    ) -> None:
        self.held = {"return_value": returned, "reason": reasons, "fault": faults}

    def xcom_pull(self, task_ids: str, key: str = "return_value") -> Any:
        return self.held[key].get(task_ids)


def withholding() -> WithholdOperator:
    with DAG("withholding"):
        steps = [StepOperator(task_id=name, pipeline="daily") for name in ("pull", "gate", "merge")]
        return WithholdOperator(task_id="withhold", pipeline="daily", steps=steps)


def test_the_withheld_row_is_given_the_words_of_the_step_that_failed() -> None:
    run = TaskRun(
        {"pull": {"pull_ids": [7]}}, {"gate": "close above high on 2020-06-01"}, {"gate": "data"}
    )
    step_context = withholding().collect_context({"ti": run, "params": {}})  # type: ignore[typeddict-item]
    assert step_context == {
        "pull_ids": [7],
        "reason": "close above high on 2020-06-01",
        "fault": "data",
    }


def test_a_step_that_was_killed_left_no_words() -> None:
    run = TaskRun({"pull": {}, "gate": {}}, {}, {})
    step_context = withholding().collect_context({"ti": run, "params": {}})  # type: ignore[typeddict-item]
    assert step_context["reason"].startswith("merge was stopped from outside")
    assert step_context["fault"] == ""


def test_nothing_is_withheld_when_every_step_has_passed() -> None:
    run = TaskRun({"pull": {}, "gate": {}, "merge": {}}, {}, {})
    with pytest.raises(AirflowFailException, match="No step has failed"):
        withholding().collect_context({"ti": run, "params": {}})  # type: ignore[typeddict-item]


def test_withholding_waits_for_one_failure_behind_all_steps() -> None:
    task = withholding()
    assert task.trigger_rule == "one_failed"
    assert task.upstream_task_ids == {"pull", "gate", "merge"}


def test_only_the_named_parameters_that_were_filled_in_become_references() -> None:
    params = {"first": "2020-01-02", "last": None, "symbols": [], "session": "2020-06-01"}
    task = StepOperator(task_id="pull", pipeline="backfill", options=["first", "last", "symbols"])
    step_context = task.collect_context({"params": params})  # type: ignore[typeddict-item]
    assert step_context == {"first": "2020-01-02", "symbols": []}


def test_references_of_the_task_before_are_handed_on() -> None:
    task = StepOperator(task_id="gate", pipeline="daily", step_context={"pull_ids": [7]})
    assert task.collect_context({"params": {}}) == {"pull_ids": [7]}  # type: ignore[typeddict-item]


def test_only_the_packages_own_words_are_shown() -> None:
    error = errors.QualityError("close above high", remedy="The pull is kept.")
    assert sentence_of(error) == "close above high\nThe pull is kept."
    assert "password" not in sentence_of(OSError("postgresql://prism:password@host"))
    assert sentence_of(OSError("no")).startswith("OSError; ")


def test_an_alert_that_cannot_be_raised_is_logged_and_hides_nothing(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, build_context: Any
) -> None:
    monkeypatch.setenv("FACTORPRISM_HORIZON", "none")  # a configuration that cannot be read
    task = StepOperator(task_id="pull", pipeline="daily")
    with caplog.at_level(logging.ERROR):
        alert_on_failure({**build_context(run_type="manual"), "task": task, "exception": None})
    assert "pull could not be" in caplog.text


def test_a_missed_deadline_is_distinguished_from_plain_json(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACTORPRISM_HORIZON", "none")
    run = {
        "dag_id": DAILY,
        "run_type": "scheduled",
        "logical_date": "2025-12-30T00:00:00Z",
        "data_interval_end": "2025-12-30T10:30:00Z",
        "run_after": "2025-12-30T10:30:00Z",
        "conf": None,
    }
    with caplog.at_level(logging.ERROR):
        alert_on_deadline(
            context={"dag_run": run}, pipeline="daily", step="publish", message="late"
        )
    assert "daily.publish could not be" in caplog.text


def test_a_step_for_a_session_after_the_end_of_a_replay_is_skipped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FACTORPRISM_SOURCE", "sample")
    with DAG("replayed"):
        step = StepOperator(task_id="refresh_calendar", pipeline="daily")
    for params in ({}, {"session": "2026-01-05"}):
        run = SimpleNamespace(
            run_type="scheduled",
            logical_date=datetime(2026, 1, 5, tzinfo=UTC),
            data_interval_end=datetime(2026, 1, 5, 12, tzinfo=UTC),
        )
        with pytest.raises(AirflowSkipException, match="are a replay and end at 2025-12-31"):
            step.execute({"dag_run": run, "params": params})
