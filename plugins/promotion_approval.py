"""Between evaluation and promotion: where it is wanted, a person has the last word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLOperator
from airflow.sdk import Context, XComArg
from airflow.sdk.exceptions import AirflowSkipException

from pipeline_steps import StepOperator
from session_runs import session_of, task_environ

PARAM = "approval"


def is_wanted(context: Context) -> bool:
    """Tell whether this run, or the configuration for every run, asks a person."""
    from factorprism.core.config import load_config

    return bool(context["params"].get(PARAM)) or load_config(task_environ()).promotion_approval


class AskApprovalOperator(ApprovalOperator):
    """Waits until a person approves or rejects the promotion in `step_context`; else is skipped.

    A rejection skips nothing: it is an answer, which `PromoteOperator` writes to the ledger. No
    answer within `response_timeout` is a rejection by nobody. Returns ``approved`` and ``by``.
    """

    template_fields: Sequence[str] = ("step_context", "subject", "body")
    ui_color = "#f3ecd8"

    def __init__(
        self,
        *,
        pipeline: str,
        step_context: XComArg | Mapping[str, Any],
        signal: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(subject="Promotion", defaults=self.REJECT, **kwargs)
        self.pipeline = pipeline  # whose alert a failure of this task raises
        self.signal = signal
        self.step_context = step_context

    def execute(self, context: Context) -> Any:
        step_context: Mapping[str, Any] = self.step_context  # rendered by now
        if not is_wanted(context):
            raise AirflowSkipException("No approval is asked for in this run.")
        if not step_context["promoted"]:
            raise AirflowSkipException("The champion stays: there is nothing to approve.")
        self.subject = (
            f"Promote {step_context['candidate_id']} as of {session_of(context, task_environ())}?"
        )
        self.body = describe(step_context)
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        # Not the approval operator's own, which would skip the step that writes the rejection.
        answer = HITLOperator.execute_complete(self, context, event)
        person = answer["responded_by_user"]
        approved = answer["chosen_options"] == [self.APPROVE]
        return {"approved": approved and person is not None, "by": person["name"] if person else ""}


class PromoteOperator(StepOperator):
    """The step ``promote``, given the answer; where one is missing, nobody is promoted."""

    template_fields: Sequence[str] = (*StepOperator.template_fields, "approval")

    def __init__(self, *, approval: XComArg | Mapping[str, Any], **kwargs: Any) -> None:
        # A run that asks nobody skips the approval; one that failed promotes nobody.
        super().__init__(trigger_rule="none_failed", **kwargs)
        self.approval = approval

    def collect_context(self, context: Context) -> dict[str, Any]:
        step_context = super().collect_context(context)
        if not is_wanted(context) or not step_context["promoted"]:
            return step_context
        # Marked as done or skipped by hand in the UI, the task has no answer to give.
        return {**step_context, PARAM: self.approval or {"approved": False, "by": ""}}


def describe(step_context: Mapping[str, Any]) -> str:
    """Return the reason and the numbers of the evaluation, in Markdown."""
    lines = [
        step_context["reason"],
        "",
        f"- candidate: `{step_context['candidate_id']}`",
        f"- champion: `{step_context['previous_id'] or 'none'}`",
        "",
        "| figure | value |",
        "|---|---|",
        *(
            f"| {name.replace('_', ' ')} | {value:.6g} |"
            for name, value in step_context["numbers"].items()
        ),
        "",
        "Approve: the candidate becomes champion. Reject, or no answer: the champion stays.",
    ]
    return "\n".join(lines)
