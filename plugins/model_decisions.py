"""The task that takes a person's decision, in the name of whoever started its run."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Context

from pipeline_steps import StepOperator

ASKED = ("action", "model_id", "champion_id", "reason", "finding_id")


class DecideOperator(StepOperator):
    """The step ``decide``: its return value says ``decided``, ``sentence`` and ``remedy``."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(options=ASKED, **kwargs)

    def collect_context(self, context: Context) -> dict[str, Any]:
        """Return what was asked; who asked is what Airflow says, and no field of the form."""
        name = getattr(context["dag_run"], "triggering_user_name", None)
        return {**super().collect_context(context), "by": name or "an unnamed user"}
