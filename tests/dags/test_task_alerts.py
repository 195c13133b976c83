"""What Airflow's notifiers send: one message a fault, to the addresses of the connection."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from default_signal import DAILY
from factorprism.core.errors import AccessDenied, QualityError, SourceError
from factorprism.pipelines import run_step
from factorprism.warehouse import PostgresWarehouse
from pipeline_steps import StepOperator
from session_runs import task_environ
from task_alerts import DeadlineNotifier, alert_on_failure, fault_of

SESSION = "2025-06-30"
DAG_RUN = {
    "dag_id": DAILY,
    "run_type": "manual",
    "logical_date": f"{SESSION}T00:00:00Z",
    "data_interval_end": None,
    "run_after": f"{SESSION}T11:00:00Z",
    "conf": None,
}
LATE = {"pipeline": "daily", "step": "publish", "message": "no forecast two hours after it began"}


@pytest.fixture
def house(warehouse_url: str, webhook: Any, tmp_path: Any, monkeypatch: Any) -> PostgresWarehouse:
    """A migrated warehouse, and a connection that names the webhook for operators."""
    warehouse = PostgresWarehouse(warehouse_url)
    warehouse.migrate()
    warehouse.close()
    addresses = json.dumps({"conn_type": "generic", "extra": {"operators": [webhook.url]}})
    monkeypatch.setenv("AIRFLOW_CONN_PRISM_ALERTS", addresses)
    monkeypatch.setenv("FACTORPRISM_HOME", str(tmp_path))
    monkeypatch.setenv("FACTORPRISM_WAREHOUSE_URL", warehouse_url)
    monkeypatch.setenv("FACTORPRISM_SOURCE", "sample")
    monkeypatch.setenv("FACTORPRISM_UI_URL", "https://airflow.example")
    return warehouse


def fail(build_context: Any, error: Exception, step: str = "pull_bars", pipeline: str = "daily"):
    context = build_context(run_type="manual", params={"session": SESSION})
    task = StepOperator(task_id=step, pipeline=pipeline)
    alert_on_failure({**context, "task": task, "exception": error})


def miss_the_deadline() -> None:
    context = {"dag_run": DAG_RUN}
    DeadlineNotifier(**LATE, context=context)(context)


def test_a_failed_task_and_the_row_withheld_for_it_are_one_message(
    house: PostgresWarehouse, webhook: Any, build_context: Any
) -> None:
    error = AccessDenied("the token is wrong")
    fail(build_context, error)
    step_context = {"reason": error.message, "fault": fault_of(error)}
    run_step("daily", "withhold", date.fromisoformat(SESSION), step_context, task_environ())
    miss_the_deadline()
    (message,) = webhook.messages
    assert message.title == "factorprism 2025-06-30: The source of hs300 refuses"
    assert message.body.startswith("daily, step pull_bars: the token is wrong\n")
    assert "https://airflow.example/plugin/prism-data/prism/data?session=2025-06-30" in message.body


def test_a_missed_deadline_without_a_known_cause_is_reported_once(
    house: PostgresWarehouse, webhook: Any
) -> None:
    miss_the_deadline()
    miss_the_deadline()
    assert webhook.titles == ["factorprism 2025-06-30: The forecast for hs300-direction-14 is late"]


def test_faults_of_other_pipelines_and_of_late_steps_have_messages_of_their_own(
    house: PostgresWarehouse, webhook: Any, build_context: Any
) -> None:
    fail(build_context, SourceError("no"), step="settle")
    fail(build_context, SourceError("no"), step="train_candidate", pipeline="weekly")
    fail(build_context, QualityError("close above high"), step="gate_bars")
    fail(build_context, OSError("postgresql://prism:word@db"), step="watch")
    day = "factorprism 2025-06-30:"
    assert webhook.titles == [
        f"{day} A task failed: daily hs300-direction-14",
        f"{day} A task failed: weekly hs300-direction-14",
        f"{day} No forecast for hs300-direction-14",
    ]


def test_addresses_come_from_the_connection_unless_the_environment_names_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held = {"password": "json://one/ json://two/", "extra": {"researchers": "json://three/"}}
    monkeypatch.setenv("AIRFLOW_CONN_PRISM_ALERTS", json.dumps({"conn_type": "generic", **held}))
    wanted = "json://one/ json://two/ researchers=json://three/"
    assert task_environ()["FACTORPRISM_ALERTS_URL"] == wanted
    monkeypatch.setenv("FACTORPRISM_ALERTS_URL", "json://mine/")
    assert task_environ()["FACTORPRISM_ALERTS_URL"] == "json://mine/"


def test_without_a_connection_there_is_no_address() -> None:
    assert not task_environ().get("FACTORPRISM_ALERTS_URL")


def test_addresses_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.log import redact

    monkeypatch.setenv("FACTORPRISM_ALERTS_URL", "operators=json://u:masked-word@hook.example/x")
    task_environ()
    assert "masked-word" not in str(redact("sent to json://u:masked-word@hook.example/x"))
