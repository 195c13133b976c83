"""The promotion rule: champion and candidate on matured sessions that neither has read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from factorprism.core.models import Evaluation, ModelRecord, Promotion
from factorprism.evaluation.skill import skill_sentence
from factorprism.learning.samples import TrainingSet
from factorprism.models import ModelBundle
from factorprism.selection.pairing import (
    Model,
    compare,
    describe_losses,
    evaluate_matured,
    find_misfit,
    forecast_matured,
    last_known,
)
from factorprism.targets import TargetWords


@dataclass(frozen=True)
class PromotionRule:
    """When a candidate becomes champion.

    Its mean loss must be lower than the champion's by more than `margin`, over at least
    `min_sessions` matured sessions, and in at least `confidence` of the block resamples. Nor may
    its calibration be worse: where the 95% interval of the exceedance of its miscalibration (in the
    unit of the loss) lies above `calibration_tolerance`, the champion stays. The default is what a
    probability of a half loses by being seven points off, in nats.
    """

    margin: float = 0.0
    min_sessions: int = 60
    confidence: float = 0.8
    calibration_tolerance: float = 0.01

    def __post_init__(self) -> None:
        for name in ("margin", "calibration_tolerance"):
            if not getattr(self, name) >= 0.0:
                raise ValueError(f"{name}: {getattr(self, name)}, allowed are numbers from 0")
        if self.min_sessions < 1:
            raise ValueError(f"min_sessions: {self.min_sessions}, allowed are positive numbers")
        if not 0.0 <= self.confidence <= 1.0:
            raise ValueError(f"confidence: {self.confidence}, allowed is a ratio from 0 to 1")


@dataclass(frozen=True)
class PromotionDecision:
    """Whether the candidate becomes champion, why in one sentence, and the figures behind it."""

    promoted: bool
    reason: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    evaluations: tuple[Evaluation, ...] = field(default=(), repr=False)


def decide_promotion(
    champion: ModelBundle | None,
    champion_record: ModelRecord | None,
    candidate: ModelBundle,
    candidate_record: ModelRecord,
    training_set: TrainingSet,
    rule: PromotionRule,
    seed: int,
    failed_checks: Sequence[str] = (),
) -> PromotionDecision:
    """Evaluate `candidate` against `champion` on sessions after everything that either has read.

    The labels are those that matured by ``training_set.as_of``. Their sessions come after both
    ``trained_through``, so that none overlaps a label that trained a model. Without a champion, or
    with one that reads other images, the candidate becomes champion.

    `failed_checks` has a sentence for each leak check that failed: where there is one, nobody
    becomes champion, whatever the figures, which a leak may have made.
    """
    if champion is None or champion_record is None:
        decision = _evaluate_alone(candidate, candidate_record, training_set, seed)
        return _refuse_leaks(decision, failed_checks, "Nobody becomes champion")
    misfit = find_misfit(champion_record, candidate_record)
    if misfit:
        reason = f"Champion {champion_record.model_id} no longer fits the data: {misfit}."
        decision = PromotionDecision(True, reason)
    else:
        pair = (champion, champion_record), (candidate, candidate_record)
        decision = _contest(*pair, training_set, rule, seed)
    return _refuse_leaks(decision, failed_checks, "The champion stays")


def _refuse_leaks(
    decision: PromotionDecision, failed_checks: Sequence[str], verdict: str
) -> PromotionDecision:
    """Return `decision`, or where a leak check has failed one that promotes nobody."""
    if not failed_checks:
        return decision
    number = len(failed_checks)
    failed = f"{number} leak check{'s' * (number > 1)} failed"
    said = "; ".join(check.rstrip(".") for check in failed_checks)
    numbers = {**decision.numbers, "failed_checks": float(number)}
    return replace(
        decision, promoted=False, reason=f"{verdict}: {failed}: {said}.", numbers=numbers
    )


def _evaluate_alone(
    candidate: ModelBundle, record: ModelRecord, training_set: TrainingSet, seed: int
) -> PromotionDecision:
    rows = training_set.rows_after(record.trained_through)
    held_out = forecast_matured(candidate, training_set, rows)
    evaluations = evaluate_matured(held_out, record, training_set, seed)
    sentence = skill_sentence(evaluations, training_set.target)
    numbers = {"n_sessions": float(len(held_out))}
    if len(held_out):
        numbers |= describe_losses(training_set.target, candidate=held_out)
    return PromotionDecision(True, f"There was no champion yet. {sentence}", numbers, evaluations)


def _contest(
    champion: Model, candidate: Model, training_set: TrainingSet, rule: PromotionRule, seed: int
) -> PromotionDecision:
    known = last_known(champion[1], candidate[1])
    rows = training_set.rows_after(known)
    if len(rows) < rule.min_sessions:
        return PromotionDecision(
            False,
            f"Only {len(rows)} matured sessions follow {known}, through which the models were "
            f"trained; the rule asks for {rule.min_sessions}.",
            {"n_sessions": float(len(rows))},
        )
    paired = compare(champion, candidate, training_set, seed=seed, margin=rule.margin)
    numbers = {**paired.numbers, "calibration_tolerance": rule.calibration_tolerance}
    better = numbers["gain"] > rule.margin and numbers["confidence"] >= rule.confidence
    worse_calibrated = numbers["miscalibration_exceedance_lower"] > rule.calibration_tolerance
    promoted = better and not worse_calibrated
    target = training_set.target
    losses = [numbers[f"{target.loss}_{name}"] for name in ("candidate", "champion")]
    reason = _explain(promoted, numbers, losses, rule, target.words)
    if worse_calibrated:
        reason = f"{reason} {_explain_calibration(numbers, target.words)}"
    return PromotionDecision(promoted, reason, numbers, paired.evaluations)


def _explain(
    promoted: bool,
    numbers: Mapping[str, float],
    losses: Sequence[float],
    rule: PromotionRule,
    words: TargetWords,
) -> str:
    verdict = "The candidate is better" if promoted else "The champion stays"
    return (
        f"{verdict}: over {numbers['n_sessions']:.0f} sessions the candidate's {words.loss} is "
        f"{losses[0]:.4f}, the champion's {losses[1]:.4f}, "
        f"a gain of {numbers['gain']:+.4f} (95% interval {numbers['gain_lower']:+.4f} to "
        f"{numbers['gain_upper']:+.4f}) that beats the margin of {rule.margin:.4f} in "
        f"{numbers['confidence']:.0%} of resamples, where the rule asks for {rule.confidence:.0%}."
    )


def _explain_calibration(numbers: Mapping[str, float], words: TargetWords) -> str:
    return (
        f"The candidate's {words.forecasts} are worse calibrated: miscalibration costs it "
        f"{numbers['miscalibration_exceedance']:.4f} more {words.loss} than the champion "
        f"(95% interval {numbers['miscalibration_exceedance_lower']:+.4f} to "
        f"{numbers['miscalibration_exceedance_upper']:+.4f}), where the rule allows "
        f"{numbers['calibration_tolerance']:.4f}."
    )


def find_champion(decisions: Sequence[Promotion], session: date) -> str | None:
    """Return the champion at `session` by `decisions`, oldest first; None for nobody.

    Of several decisions as of one session the one that was written last is in force.
    """
    champion = None
    for decision in decisions:
        if decision.as_of <= session and decision.champion_id:
            champion = decision.champion_id
    return champion
