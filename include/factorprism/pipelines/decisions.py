"""A person's decision, on the champion or on a finding: the page asks, a worker decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from factorprism.core.errors import PromotionError
from factorprism.core.models import Promotion
from factorprism.pipelines._run import Run, StepContext
from factorprism.pipelines.accepting import ACCEPT, answer_accepting
from factorprism.pipelines.champions import list_decisions, write_decision
from factorprism.pipelines.promotions import promote_model, roll_back

PROMOTE, ROLL_BACK = "promote", "roll_back"
KINDS = {PROMOTE: "manual", ROLL_BACK: "rollback"}


def decide(run: Run, context: Mapping[str, Any]) -> StepContext:
    """Make ``model_id`` of `context` champion by ``action``, because of ``reason``, asked ``by``.

    ``champion_id`` is the champion of the moment when the person decided: if somebody else holds it
    by now, the decision is refused. A refusal is an answer and no failure: ``decided`` is False
    then, and ``sentence`` and ``remedy`` say why. The action ``accept`` accepts ``finding_id``
    instead. Raises ``ValueError`` for an unknown action.
    """
    take = answer_accepting if context["action"] == ACCEPT else _decide_champion
    answer = take(run, context)
    run.resolve_alert(run.alert_key("decision"), "a decision was taken again")
    return answer


def _decide_champion(run: Run, context: Mapping[str, Any]) -> StepContext:
    action, model_id, by = context["action"], context["model_id"], context["by"]
    if action not in KINDS:
        raise ValueError(f"action: {action!r}, allowed are {', '.join((*KINDS, ACCEPT))}")
    reason = f"{context['reason'].strip()} (decided by {by})"
    try:
        decision = _find_taken(run, action, model_id, reason)
        if decision is not None:
            # An attempt that was cut off has written the row; the aliases may lag behind it.
            write_decision(run, decision)
        else:
            _require_same_question(run, context)
            take = promote_model if action == PROMOTE else roll_back
            decision = take(run, model_id, reason)
    except PromotionError as error:
        run.tell(f"refused: {error.message}")
        answer = {"decided": False, "sentence": error.message, "remedy": error.remedy}
    else:
        after = f" after {decision.previous_id}" if decision.previous_id else ""
        run.tell(f"{decision.champion_id} becomes champion{after}")
        answer = {"decided": True, "sentence": decision.reason, "remedy": ""}
    return answer


def _find_taken(run: Run, action: str, model_id: str, reason: str) -> Promotion | None:
    """Return this very decision if it is the ledger's last."""
    decisions = list_decisions(run)
    wanted = (run.session, KINDS[action], model_id, f"By hand: {reason}")
    if decisions:
        last = decisions[-1]
        if (last.as_of, last.kind, last.candidate_id, last.reason) == wanted:
            return last
    return None


def _require_same_question(run: Run, context: Mapping[str, Any]) -> None:
    if not context["reason"].strip():
        raise PromotionError("a decision by hand needs a reason", remedy="Write one sentence.")
    decisions = list_decisions(run)
    champion = decisions[-1].champion_id if decisions else ""
    if champion != context["champion_id"]:
        raise PromotionError(
            f"{champion or 'nobody'} is champion now, not {context['champion_id'] or 'nobody'} as "
            "when this was asked",
            remedy="Look at the models again, then decide.",
        )
