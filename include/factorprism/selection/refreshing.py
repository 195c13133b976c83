"""Retrain or fine-tune: the decision of `auto`, from what is known about the champion."""

from __future__ import annotations

from factorprism.evaluation.drift import Drift
from factorprism.evaluation.matured import MaturedLoss

RETRAIN, FINE_TUNE = "retrain", "fine_tune"


def decide_mode(
    age_sessions: int,
    max_age_sessions: int,
    drift: Drift | None,
    loss: MaturedLoss | None,
    *,
    misfit: str = "",
) -> tuple[str, str]:
    """Return ``retrain`` or ``fine_tune``, and why, with the numbers that it rests on.

    A champion is retrained when it does not fit the data (`misfit` says in what), its data end
    more than `max_age_sessions` sessions ago, a factor has drifted, or its matured loss has
    worsened with confidence; else it is fine-tuned. None stands for what was not measured. What
    cannot be measured is no reason to retrain.
    """
    if misfit:
        return RETRAIN, f"since the champion does not fit the data: {misfit}"
    reasons = []
    if age_sessions > max_age_sessions:
        reasons.append(
            f"the champion's data end {age_sessions} sessions ago, and {max_age_sessions} are "
            "allowed"
        )
    if drift is not None and drift.drifted:
        reasons.append(drift.sentence)
    if loss is not None and loss.worsened:
        reasons.append(loss.sentence)
    if reasons:
        return RETRAIN, f"since {'; '.join(reasons)}"
    known = [f"the champion's data end {age_sessions} of {max_age_sessions} sessions ago"]
    known += [one.sentence for one in (drift, loss) if one is not None]
    return FINE_TUNE, f"since {'; '.join(known)}"
