"""A person's word that a finding of the gate is no fault: written once, and kept for good."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from factorprism.core.errors import ConfigurationError, QualityError
from factorprism.market.findings import NO_BAR, Finding
from factorprism.pipelines._run import Run, StepContext
from factorprism.warehouse import FindingRepository

ACCEPT = "accept"
# Why some findings cannot be accepted, and what to do instead.
NO_TRADING_DAY = (
    "images have no place for a day without trading",
    "Nothing needs to be done: such a row stays out, and no forecast needs it.",
)
NO_MEASURE = ("nothing can be measured on such data", "Fix the data at the source.")


def accept_finding(store: FindingRepository, finding_id: str, by: str, reason: str) -> str:
    """Accept the finding in the name of `by`, and return a sentence that says so.

    Raises `ConfigurationError` for an unknown name or an empty reason, `QualityError` for a
    finding on data that cannot be measured.
    """
    finding = store.load_finding(finding_id)
    if finding is None:
        raise ConfigurationError(
            f"no finding {finding_id[:40]!r} is known", remedy="List them: factorprism quality."
        )
    if not reason.strip() or not by.strip():
        raise ConfigurationError(
            "accepting a finding needs a person and a reason", remedy="Write one sentence."
        )
    require_acceptable(finding)
    is_first = store.accept_finding(finding_id, by, reason.strip())
    if finding.expectation == NO_BAR:  # no pull will ever give it, so nobody is to ask for it again
        store.clear_set_aside(finding.symbol, finding.sessions)
    if not is_first:
        return f"finding {finding_id} was accepted before; the first word on it stands"
    return f"finding {finding_id} is accepted by {by}; the next run lets it pass"


def require_acceptable(finding: Finding) -> None:
    """Raise `QualityError`, which says what to do instead, for what cannot be accepted."""
    if not finding.keys:
        because, remedy = _explain_refusal(finding)
        raise QualityError(
            f"finding {finding.finding_id} cannot be accepted, since {because}: {finding.sentence}",
            remedy=remedy,
        )


def tell_refusal(finding: Finding) -> str:
    """Return why `finding` cannot be accepted and what to do instead; empty where it can."""
    if finding.keys:
        return ""
    because, remedy = _explain_refusal(finding)
    return f"It cannot be accepted, since {because}. {remedy}"


def _explain_refusal(finding: Finding) -> tuple[str, str]:
    """Return why a finding without keys cannot be accepted, and what to do instead."""
    return NO_TRADING_DAY if finding.rows else NO_MEASURE


def answer_accepting(run: Run, context: Mapping[str, Any]) -> StepContext:
    """Accept ``finding_id`` of `context` for `decide`: a refusal is an answer and no failure."""
    try:
        sentence = accept_finding(
            run.ports.warehouse.findings, context["finding_id"], context["by"], context["reason"]
        )
    except (ConfigurationError, QualityError) as error:
        run.tell(f"refused: {error.message}")
        return {"decided": False, "sentence": error.message, "remedy": error.remedy}
    run.tell(sentence)
    return {"decided": True, "sentence": sentence, "remedy": ""}
