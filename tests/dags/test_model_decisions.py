"""A decision is taken in the name that Airflow knows, whatever the form says."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from model_decisions import ASKED, DecideOperator


@pytest.mark.parametrize(
    ("known", "named"), [("Mei Lin", "Mei Lin"), (None, "an unnamed user"), ("", "an unnamed user")]
)
def test_who_decides_is_airflows_word_and_no_parameter(known: str | None, named: str) -> None:
    task = DecideOperator(task_id="decide", pipeline="decision")
    params = {**dict.fromkeys(ASKED, "x"), "by": "somebody else", "horizon": 14, "champion_id": ""}
    run = SimpleNamespace(triggering_user_name=known)
    step_context = task.collect_context({"params": params, "dag_run": run})  # type: ignore[typeddict-item]
    assert step_context == {**{name: params[name] for name in ASKED}, "by": named}
