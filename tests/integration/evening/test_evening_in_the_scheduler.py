"""The evening in the real scheduler, on a shortened clock: late, in halves, and never."""

from __future__ import annotations

import json
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from factorprism.core.calendar import calendar_for
from factorprism.core.config import load_config
from factorprism.core.ledger import ForecastState
from factorprism.core.publication import RUN_TAKES, Punctuality, punctuality_of
from factorprism.services import EmbeddedAirflow
from factorprism.services._airflow_api import dag_path

OVERLAY = "000905.SH"
ENDED_SECONDS = 420.0


def await_planned_run(airflow: EmbeddedAirflow, dag_id: str, session: date) -> str:
    """Wait until the scheduler has planned the run of `session`, and return its id."""
    api, deadline = airflow.runs().api, time.monotonic() + ENDED_SECONDS
    while time.monotonic() < deadline:
        for run in api.call("GET", f"/api/v2/dags/{dag_id}/dagRuns")["dag_runs"]:
            if str(run["logical_date"]).startswith(f"{session}T00:00:00"):
                return str(run["dag_run_id"])
        time.sleep(0.5)
    raise AssertionError(f"{dag_id} has no run of {session}")


def read_log(airflow: EmbeddedAirflow, dag_id: str, run_id: str, task: str) -> str:
    """Return the events of the task's log, one a line."""
    files = airflow.logs.glob(f"dag_id={dag_id}/run_id={run_id}/task_id={task}/*.log*")
    lines = [line for file in sorted(files) for line in Path(file).read_text().splitlines()]
    return "\n".join(str(json.loads(line)["event"]) for line in lines)


def watch_for_slots(airflow: EmbeddedAirflow, dag_id: str, run_id: str) -> dict[str, Any]:
    """Wait until the run is deferred and return the slots of the vendor's pool at that time."""
    api, deadline = airflow.runs().api, time.monotonic() + ENDED_SECONDS
    path = dag_path(dag_id, run_id, "taskInstances/wait_for_bars")
    while time.monotonic() < deadline:
        if api.call("GET", path)["state"] == "deferred":
            pool: dict[str, Any] = api.call("GET", "/api/v2/pools/market_data")
            if pool["deferred_slots"]:
                return pool
        time.sleep(0.25)
    raise AssertionError(f"{dag_id} was never deferred")


def await_checks(evening: Any, more: int) -> None:
    """Wait until the vendor was asked for the overlay so many times more."""
    wanted, deadline = looks_of(evening) + more, time.monotonic() + ENDED_SECONDS
    while looks_of(evening) < wanted:
        assert time.monotonic() < deadline
        time.sleep(0.25)


def looks_of(evening: Any) -> int:
    asked = [request.params.get("ts_code") for request in evening.vendor.requests]
    return asked.count(OVERLAY)


def check_beside(airflow: EmbeddedAirflow, dag_id: str, session: date) -> str | None:
    """Start a run of another session by hand, and return what becomes of its check for bars.

    The run is ended after it: what else it would write is of no interest here.
    """
    runs, run_id, deadline = airflow.runs(), "beside", time.monotonic() + ENDED_SECONDS / 4
    runs.trigger_run(dag_id, run_id, {"session": session.isoformat()})
    check, state = dag_path(dag_id, run_id, "taskInstances/wait_for_bars"), None
    while state != "success" and time.monotonic() < deadline:
        time.sleep(0.5)
        state = runs.api.call("GET", check)["state"]
    path = f"{dag_path(dag_id, run_id)}?update_mask=state"
    runs.api.call("PATCH", path, {"state": "success"})
    return state


@pytest.fixture(scope="module")
def reported(evenings: tuple[EmbeddedAirflow, dict[str, Any]], session: date) -> dict[str, Any]:
    """Both evenings played to their end; what was seen on the way."""
    airflow, made = evenings
    runs = airflow.runs()
    for evening in made.values():
        runs.await_dag(evening.dag_id)
    for evening in made.values():
        evening.vendor.publish(OVERLAY, "never")
        runs.unpause(evening.dag_id)
    run_ids = {name: await_planned_run(airflow, name, session) for name in made}
    seen: dict[str, Any] = {"slots": watch_for_slots(airflow, "late", run_ids["late"])}
    seen["waits"] = made["late"].waits()
    seen["beside"] = check_beside(airflow, "late", calendar_for("XSHG").offset(session, -1))
    # The clock goes on with the checks, however slow the machine: absent, half, whole.
    made["late"].vendor.publish(OVERLAY, "half+0s+3600s")
    await_checks(made["late"], 2)  # one may be under way and see what was there before
    made["late"].vendor.publish(OVERLAY, "+0s")
    await_checks(made["never"], 1)
    made["never"].set(FACTORPRISM_PATIENCE_UNTIL=made["never"].clock_in(5))
    for name, run_id in run_ids.items():
        seen[name] = runs.wait_for_run(name, run_id, timeout_seconds=ENDED_SECONDS)
        seen[f"{name} log"] = read_log(airflow, name, run_id, "wait_for_bars")
    by_hand = {"session": session.isoformat()}
    seen["never again"] = runs.run_dag("never", "again", by_hand, timeout_seconds=ENDED_SECONDS)
    return seen


def test_the_wait_holds_no_slot_of_the_vendors_pool(reported: dict[str, Any]) -> None:
    assert reported["slots"]["slots"] == 1
    assert reported["slots"]["deferred_slots"] >= 1
    assert reported["slots"]["occupied_slots"] <= 1  # the other evening's check, at most
    assert "checking again at" in reported["late log"]


def test_a_run_of_another_session_goes_on_beside_one_that_waits(reported: dict[str, Any]) -> None:
    assert reported["beside"] == "success"


def test_a_watchdog_hears_that_the_deferred_run_waits_and_of_a_failed_one_nothing(
    reported: dict[str, Any], evenings: Any, session: date
) -> None:
    assert reported["waits"].startswith(f"waiting for the bars of {session} until ")
    assert evenings[1]["never"].waits() == ""


def test_a_bar_that_comes_late_and_in_halves_is_waited_for_and_named(
    reported: dict[str, Any],
) -> None:
    log = reported["late log"]
    absent = log.index(f"has no bar of {OVERLAY}")
    half = log.index(f"lacks volume_shares, amount_cny of {OVERLAY}")
    assert absent < half < log.index("2 of 2 channels")


def test_what_comes_late_is_issued_and_its_row_says_by_how_much(
    reported: dict[str, Any], evenings: Any, session: date
) -> None:
    assert reported["late"] == "success"
    late = evenings[1]["late"]
    (row,) = late.rows()
    assert (row.session, row.state) == (session, ForecastState.ISSUED)
    calendar = load_config(late.environ).calendar_of("000300.SH")
    assert row.due_at == calendar.published_at(session) + RUN_TAKES
    assert row.late_by >= timedelta(minutes=30)
    assert punctuality_of(row.late_by) is Punctuality.LATE
    assert late.messages() == []
    print(f"\n{row.symbol} {row.session} {row.state}, late by {row.late_by}; no message")


def test_what_never_comes_is_withheld_once_by_name_and_reported_once(
    reported: dict[str, Any], evenings: Any, session: date
) -> None:
    assert (reported["never"], reported["never again"]) == ("failed", "failed")
    assert "checking again at" in reported["never log"]
    never = evenings[1]["never"]
    (row,) = never.rows()
    assert (row.session, row.state) == (session, ForecastState.WITHHELD)
    assert f"has no bar of {OVERLAY} for {session}" in row.reason
    assert "patience ended at" in row.reason
    assert row.due_at is not None
    assert never.open_alerts() == ["data pair"]
    (message,) = never.messages()
    assert message.title == f"factorprism {session}: The data of pair are incomplete"
    assert OVERLAY in message.body
    print(f"\n{message.title}\n{message.body}")
