"""A person's last word before a promotion: asked only where wanted, and never taken for granted."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowSkipException

from default_signal import WEEKLY
from promotion_approval import AskApprovalOperator, PromoteOperator, describe

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

CONTEXT = {
    "candidate_id": "inception-new",
    "previous_id": "inception-old",
    "promoted": True,
    "reason": "The candidate is better.",
    "numbers": {"gain": 0.0125, "n_sessions": 120.0},
}
ANSWERED = datetime(2025, 1, 4, 9, tzinfo=UTC)

# A promotion as Airflow runs it; the last task hands on what `promote` would get.
DAG_FILE = """
from datetime import timedelta
from airflow.sdk import DAG, BaseOperator, Param
from promotion_approval import AskApprovalOperator, PromoteOperator

class Compare(BaseOperator):
    def execute(self, context):
        return {step_context!r}

class Handed(PromoteOperator):
    def execute(self, context):
        return self.collect_context(context)

params = {{"approval": Param(False, type="boolean"), "session": "2024-06-28"}}
with DAG("approval", params=params) as dag:
    compared = Compare(task_id="compared").output
    ask = AskApprovalOperator(
        task_id="ask", pipeline="weekly", step_context=compared, response_timeout=timedelta(days=3)
    )
    Handed(task_id="handed", pipeline="weekly", step_context=compared, approval=ask.output)
"""

# Each run is answered over Airflow's own API, as its UI does.
STORY = """
import json, os, sys, threading, time
from datetime import UTC, datetime, timedelta
import airflow.settings
from airflow.dag_processing.dagbag import DagBag
dag = DagBag(os.environ["AIRFLOW__CORE__DAGS_FOLDER"]).dags["approval"]

def answer(option):
    from airflow.api_fastapi.app import create_app, get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from fastapi.testclient import TestClient
    client = TestClient(create_app(apps="core"))
    user = SimpleAuthManagerUser(username="vera", role="admin")
    client.headers["Authorization"] = "Bearer " + get_auth_manager().generate_jwt(user)
    runs = "/api/v2/dags/approval/dagRuns"
    while True:
        time.sleep(1.0)
        waiting = client.get(f"{runs}/~/hitlDetails?state=awaiting_input").json()
        for asked in waiting["hitl_details"]:
            subjects.append(asked["subject"])
            place = f"{runs}/{asked['task_instance']['dag_run_id']}/taskInstances/ask/-1"
            chosen = {"chosen_options": [option], "params_input": {}}
            client.patch(f"{place}/hitlDetails", json=chosen).raise_for_status()
            return

ended, subjects = [], []
for number, option in enumerate([None, "Approve", "Reject"]):
    if option:
        threading.Thread(target=answer, args=(option,), daemon=True).start()
    moment = datetime.now(UTC) + timedelta(seconds=number)
    run = dag.test(logical_date=moment, run_conf={"approval": option is not None})
    tis = {ti.task_id: ti for ti in run.get_task_instances()}
    states = {name: ti.state for name, ti in tis.items()}
    ended.append([run.state, states, tis["handed"].xcom_pull(task_ids="handed")])
print()
print(json.dumps([ended, subjects]))
"""


def make_tasks(
    approval: dict[str, Any] | None = None, **changes: Any
) -> tuple[AskApprovalOperator, PromoteOperator]:
    step_context = CONTEXT | changes
    with DAG("approval"):
        ask = AskApprovalOperator(task_id="ask", pipeline="weekly", step_context=step_context)
        promote = PromoteOperator(
            task_id="promote",
            pipeline="weekly",
            step_context=step_context,
            approval=approval,  # type: ignore[arg-type]
        )
    return ask, promote


@pytest.fixture
def wanted(build_context: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    return build_context(params={"approval": True, "session": "2024-06-28"})


@pytest.fixture
def unwanted(build_context: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    return build_context(params={"approval": False, "session": "2024-06-28"})


def test_without_the_wish_for_it_nobody_is_asked(unwanted: Any) -> None:
    ask, promote = make_tasks()
    with pytest.raises(AirflowSkipException, match="No approval is asked for"):
        ask.execute(unwanted)
    assert promote.collect_context(unwanted) == CONTEXT


def test_nobody_is_asked_about_a_champion_that_stays(wanted: Any) -> None:
    ask, promote = make_tasks(promoted=False)
    with pytest.raises(AirflowSkipException, match="nothing to approve"):
        ask.execute(wanted)
    assert promote.collect_context(wanted) == CONTEXT | {"promoted": False}


def test_the_configuration_asks_in_every_run(
    unwanted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACTORPRISM_PROMOTION_APPROVAL", "true")
    _, promote = make_tasks()
    assert promote.collect_context(unwanted)["approval"] == {"approved": False, "by": ""}


@pytest.mark.parametrize(
    ("option", "person", "handed"),
    [
        ("Approve", {"id": "1", "name": "vera"}, {"approved": True, "by": "vera"}),
        ("Reject", {"id": "1", "name": "vera"}, {"approved": False, "by": "vera"}),
        ("Reject", None, {"approved": False, "by": ""}),
        ("Approve", None, {"approved": False, "by": ""}),
    ],
)
def test_an_answer_says_what_was_decided_and_by_whom(
    wanted: Any, option: str, person: dict[str, str] | None, handed: dict[str, Any]
) -> None:
    ask, _ = make_tasks()
    event = {
        "chosen_options": [option],
        "params_input": {},
        "responded_at": ANSWERED,
        "responded_by_user": person,
        "timedout": person is None,
    }
    assert ask.execute_complete(wanted, event) == handed
    _, promote = make_tasks(approval=handed)
    assert promote.collect_context(wanted)["approval"] == handed


def test_no_answer_in_time_is_a_rejection() -> None:
    ask, _ = make_tasks()
    assert ask.defaults == ["Reject"]


def test_a_task_that_was_skipped_by_hand_approves_nothing(wanted: Any) -> None:
    _, promote = make_tasks(approval=None)
    assert promote.collect_context(wanted)["approval"] == {"approved": False, "by": ""}


def test_the_person_reads_the_reason_and_the_numbers() -> None:
    body = describe(CONTEXT)
    assert "The candidate is better." in body
    assert "| gain | 0.0125 |" in body
    assert "champion: `inception-old`" in body
    assert "champion: `none`" in describe(CONTEXT | {"previous_id": ""})


def test_the_weekly_dag_asks_between_comparison_and_promotion(dag_bag: DagBag) -> None:
    dag = dag_bag.dags[WEEKLY]
    ask, promote = dag.get_task("ask_approval"), dag.get_task("promote")
    assert ask.upstream_task_ids == {"compare_candidate"}
    assert promote.upstream_task_ids == {"compare_candidate", "ask_approval"}
    assert promote.trigger_rule == "none_failed"
    assert ask.response_timeout.days == 3
    assert dag.params["approval"] is False


def test_runs_are_skipped_approved_and_rejected_in_airflow_itself(
    run_python: Callable[..., str], lay_metadata: Callable[[Path], None], tmp_path: Path
) -> None:
    lay_metadata(tmp_path)
    folder = tmp_path / "dags"
    folder.mkdir()
    (folder / "approval.py").write_text(DAG_FILE.format(step_context=CONTEXT))
    environ = {"AIRFLOW__CORE__DAGS_FOLDER": str(folder), "FACTORPRISM_SOURCE": "sample"}
    output = run_python(STORY, tmp_path, environ)
    (unasked, approved, rejected), subjects = json.loads(output.splitlines()[-1])

    assert subjects == ["Promote inception-new as of 2024-06-28?"] * 2
    assert unasked == [
        "success",
        {"compared": "success", "ask": "skipped", "handed": "success"},
        CONTEXT,
    ]
    done = {"compared": "success", "ask": "success", "handed": "success"}
    by_vera = {"by": "vera"}
    assert approved == ["success", done, CONTEXT | {"approval": {"approved": True} | by_vera}]
    assert rejected == ["success", done, CONTEXT | {"approval": {"approved": False} | by_vera}]
