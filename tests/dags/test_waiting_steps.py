"""A step that waits: asleep without a worker, woken in time, and given up for good at the end."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

from factorprism.core.calendar import calendar_for
from factorprism.core.errors import AccessDenied, EmptyResponse, SourceError
from task_alerts import fault_of
from waiting_steps import SleepTrigger, WaitOperator

CSV = "trade_date,open,high,low,close,volume,amount\n"


def now() -> datetime:
    return datetime.now(UTC)


class TaskRun:
    """A task instance as far as a step pushes its words to it."""

    def __init__(self) -> None:
        self.pushed: dict[str, str] = {}

    def xcom_push(self, key: str, value: str) -> None:
        self.pushed[key] = value


@pytest.fixture
def evening(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """The context of a run for the last session, whose publication is set to five minutes ago.

    The folder of the source holds the four sessions before it.
    """
    calendar, published = calendar_for("XSHG"), now() - timedelta(minutes=5)
    before = calendar.close_times < published.replace(tzinfo=None)
    days = calendar.session_days[before][-5:]
    local = published + timedelta(hours=8)
    later = (local.date() - days[-1].astype(object)).days
    rows = [f"{day},3400,3410,3390,3400,1000000,2000000\n" for day in days[:-1]]
    (tmp_path / "000300.SH.csv").write_text(CSV + "".join(rows))
    for name, value in {
        "HOME": str(tmp_path / "home"),
        "SOURCE": "files",
        "FILES": str(tmp_path),
        "UNIVERSE": "hs300",
        "WAREHOUSE_URL": "postgresql://nobody@127.0.0.1:9/none",
        "PUBLISHED_AT_XSHG": f"{local:%H:%M:%S}+{later}",
        "PATIENCE_UNTIL": f"{local + timedelta(hours=1):%H:%M:%S}",
        "ASK_AGAIN_SECONDS": "90",
    }.items():
        monkeypatch.setenv(f"FACTORPRISM_{name}", value)
    monkeypatch.setattr("session_runs._find_connection", lambda name: None)
    params = {"session": str(days[-1])}
    return {"ti": TaskRun(), "params": params, "file": tmp_path / "000300.SH.csv"}


def check(context: dict[str, Any]) -> Any:
    task = WaitOperator(task_id="wait_for_bars", pipeline="daily")
    return task.check_again(context)


def test_a_missing_bar_defers_the_task_until_the_next_check(
    evening: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(TaskDeferred) as caught:
        check(evening)
    assert caught.value.method_name == "check_again"
    trigger = caught.value.trigger
    assert isinstance(trigger, SleepTrigger)
    sleep = datetime.fromisoformat(trigger.moment) - now()
    assert timedelta(seconds=60) < sleep <= timedelta(seconds=90)
    assert "has no bar of 000300.SH for" in capsys.readouterr().out
    assert evening["ti"].pushed == {}


def test_the_last_check_is_when_patience_ends(
    evening: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = now() + timedelta(seconds=20)
    local = ends + timedelta(hours=8)
    monkeypatch.setenv("FACTORPRISM_PATIENCE_UNTIL", f"{local:%H:%M:%S}")
    with pytest.raises(TaskDeferred) as caught:
        check(evening)
    trigger = caught.value.trigger
    assert isinstance(trigger, SleepTrigger)
    assert datetime.fromisoformat(trigger.moment) == ends.replace(microsecond=0)


def test_after_patience_the_task_fails_for_good_and_the_alert_is_of_the_data(
    evening: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    local = now() + timedelta(hours=8, minutes=-1)
    monkeypatch.setenv("FACTORPRISM_PATIENCE_UNTIL", f"{local:%H:%M:%S}")
    with pytest.raises(AirflowFailException, match=r"no bar of 000300\.SH") as caught:
        check(evening)
    assert evening["ti"].pushed["reason"].startswith("stale data: the source files has no bar")
    assert evening["ti"].pushed["fault"] == "data"
    # The same word as the withheld row's: one alert, not two.
    assert fault_of(caught.value) == "data"


def test_the_bar_that_has_come_lets_the_run_go_on(evening: dict[str, Any]) -> None:
    with evening["file"].open("a") as file:
        file.write(f"{evening['params']['session']},3400,3410,3390,3400,1000000,2000000\n")
    assert check(evening) == {}


@pytest.mark.parametrize(
    ("error", "waits"),
    [
        (AccessDenied("no token"), False),
        (SourceError("unreachable"), True),
        (EmptyResponse("nothing"), True),
        (ValueError("a fault of the program"), False),
    ],
)
def test_only_what_waiting_can_change_is_waited_for(
    evening: dict[str, Any], monkeypatch: pytest.MonkeyPatch, error: Exception, waits: bool
) -> None:
    def refuse(*_: Any) -> Any:
        raise error

    monkeypatch.setattr("factorprism.pipelines.run_step", refuse)
    with pytest.raises(TaskDeferred if waits else type(error)):
        check(evening)


def test_a_sleep_ends_in_time_and_leaves_the_loop_to_others() -> None:
    moment = now() + timedelta(seconds=0.4)
    path, arguments = SleepTrigger(moment.isoformat()).serialize()
    assert path == "waiting_steps.SleepTrigger"

    async def play() -> tuple[list[Any], int]:
        woken: list[Any] = []

        async def sleep() -> None:
            woken.extend([event async for event in SleepTrigger(**arguments).run()])

        task, turns = asyncio.ensure_future(sleep()), 0
        while not task.done():
            await asyncio.sleep(0.02)
            turns += 1
        await task
        return woken, turns

    began = time.monotonic()
    woken, turns = asyncio.run(play())
    assert 0.2 < time.monotonic() - began < 30.0
    assert len(woken) == 1
    assert turns > 3
    assert now() >= moment
