"""The contest: champion and candidate on the same matured sessions that neither has read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from factorprism.core.schemas import Evaluation, ModelRecord
from factorprism.images import gather_windows
from factorprism.models import ModelBundle
from factorprism.training.dataset import Rows, TrainingSet
from factorprism.training.labels import UNKNOWN
from factorprism.training.metrics import (
    HeldOut,
    bootstrap,
    compute_log_losses,
    count_independent,
)
from factorprism.training.recipe import compute_base_rate
from factorprism.training.skill import BLOCK_HORIZONS, evaluate, skill_sentence


@dataclass(frozen=True)
class PromotionRule:
    """When a candidate takes the title.

    Its mean log loss (nats) must be lower than the champion's by more than `margin`, over at
    least `min_sessions` matured sessions, and in at least `confidence` of the block resamples.
    """

    margin: float = 0.0
    min_sessions: int = 60
    confidence: float = 0.8

    def __post_init__(self) -> None:
        if self.margin < 0.0:
            raise ValueError(f"margin: {self.margin}, allowed are numbers from 0")
        if self.min_sessions < 1:
            raise ValueError(f"min_sessions: {self.min_sessions}, allowed are positive numbers")
        if not 0.0 <= self.confidence <= 1.0:
            raise ValueError(f"confidence: {self.confidence}, allowed is a ratio from 0 to 1")


@dataclass(frozen=True)
class Judgement:
    """Whether the candidate takes the title, why in one sentence, and the figures behind it."""

    promoted: bool
    reason: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    evaluations: tuple[Evaluation, ...] = field(default=(), repr=False)


def judge(
    champion: ModelBundle | None,
    champion_record: ModelRecord | None,
    candidate: ModelBundle,
    candidate_record: ModelRecord,
    training_set: TrainingSet,
    rule: PromotionRule,
    seed: int,
) -> Judgement:
    """Judge `candidate` against `champion` on sessions after everything that either has read.

    A label that matured by ``training_set.as_of`` judges; since the judged sessions come after
    both ``trained_through``, no label that trained a model overlaps one that judges it. Without a
    champion, or with one that reads other images, the candidate takes the title.
    """
    if champion is None or champion_record is None:
        rows = training_set.rows_after(candidate_record.trained_through)
        held_out = _forecast(candidate, candidate_record, training_set, rows)
        evaluations = _evaluate(held_out, candidate_record, training_set, seed)
        sentence = skill_sentence(evaluations)
        return Judgement(
            True, f"There was no champion yet. {sentence}", _numbers(held_out), evaluations
        )
    misfit = _find_misfit(champion_record, candidate_record)
    if misfit:
        reason = f"Champion {champion_record.model_id} no longer fits the data: {misfit}."
        return Judgement(True, reason)
    return _contest(
        (champion, champion_record), (candidate, candidate_record), training_set, rule, seed
    )


def _contest(
    champion: tuple[ModelBundle, ModelRecord],
    candidate: tuple[ModelBundle, ModelRecord],
    training_set: TrainingSet,
    rule: PromotionRule,
    seed: int,
) -> Judgement:
    known = max(champion[1].trained_through, candidate[1].trained_through)
    rows = training_set.rows_after(known)
    if len(rows) < rule.min_sessions:
        return Judgement(
            False,
            f"Only {len(rows)} matured sessions follow {known}, through which the models were "
            f"trained; the rule asks for {rule.min_sessions}.",
            {"n_sessions": float(len(rows))},
        )
    held, new = (_forecast(*model, training_set, rows) for model in (champion, candidate))
    evaluations = tuple(
        item
        for held_out, (_, record) in ((held, champion), (new, candidate))
        for item in _evaluate(held_out, record, training_set, seed)
    )
    gains = _losses(held) - _losses(new)
    drawn = bootstrap(
        lambda column: np.array([column.mean()]),
        gains,
        block=BLOCK_HORIZONS * training_set.horizon,
        seed=seed,
    )[:, 0]
    numbers = {
        "n_sessions": float(len(rows)),
        "independent_windows": float(count_independent(rows, training_set.horizon)),
        "log_loss_champion": float(_losses(held).mean()),
        "log_loss_candidate": float(_losses(new).mean()),
        "log_loss_base_rate": float(compute_log_losses(new.labels, new.base).mean()),
        "gain": float(gains.mean()),
        "gain_lower": float(np.percentile(drawn, 2.5)),
        "gain_upper": float(np.percentile(drawn, 97.5)),
        "confidence": float((drawn > rule.margin).mean()),
        "margin": rule.margin,
    }
    promoted = numbers["gain"] > rule.margin and numbers["confidence"] >= rule.confidence
    return Judgement(promoted, _explain(promoted, numbers, rule), numbers, evaluations)


def _explain(promoted: bool, numbers: Mapping[str, float], rule: PromotionRule) -> str:
    verdict = "The candidate is better" if promoted else "The champion stays"
    return (
        f"{verdict}: over {numbers['n_sessions']:.0f} sessions the candidate's log loss is "
        f"{numbers['log_loss_candidate']:.4f}, the champion's {numbers['log_loss_champion']:.4f}, "
        f"a gain of {numbers['gain']:+.4f} (95% interval {numbers['gain_lower']:+.4f} to "
        f"{numbers['gain_upper']:+.4f}) that beats the margin of {rule.margin:.4f} in "
        f"{numbers['confidence']:.0%} of resamples, where the rule asks for {rule.confidence:.0%}."
    )


def _find_misfit(champion: ModelRecord, candidate: ModelRecord) -> str:
    for name in ("universe", "channels", "factors", "lookback", "horizon"):
        held, new = getattr(champion, name), getattr(candidate, name)
        if held != new:
            return f"its {name} {_phrase(held)}, the data have {_phrase(new)}"
    return ""


def _phrase(value: object) -> str:
    if isinstance(value, tuple):
        return f"are {', '.join(map(str, value))}" if len(value) < 6 else f"number {len(value)}"
    return f"is {value}"


def _forecast(
    bundle: ModelBundle, record: ModelRecord, training_set: TrainingSet, rows: Rows
) -> HeldOut:
    images = training_set.image_set
    _, y_prob = bundle.predict(gather_windows(images.cube, rows, images.lookback))
    return HeldOut(rows, training_set.labels[rows], y_prob, _base(record, training_set, rows))


def _base(record: ModelRecord, training_set: TrainingSet, rows: Rows) -> npt.NDArray[np.float64]:
    """Return the rate of up labels that was known when the first of `rows` was forecast."""
    if not len(rows):
        return np.empty(0)
    known = training_set.labels[: rows[0] - training_set.horizon + 1]
    known = known[known != UNKNOWN]
    return np.full(len(rows), compute_base_rate(known) if len(known) else record.base_rate)


def _losses(held_out: HeldOut) -> npt.NDArray[np.float64]:
    return compute_log_losses(held_out.labels, held_out.y_prob)


def _numbers(held_out: HeldOut) -> dict[str, float]:
    if not len(held_out):
        return {"n_sessions": 0.0}
    return {
        "n_sessions": float(len(held_out)),
        "log_loss_candidate": float(_losses(held_out).mean()),
        "log_loss_base_rate": float(compute_log_losses(held_out.labels, held_out.base).mean()),
    }


def _evaluate(
    held_out: HeldOut, record: ModelRecord, training_set: TrainingSet, seed: int
) -> tuple[Evaluation, ...]:
    return evaluate(held_out, training_set, model_id=record.model_id, kind="contest", seed=seed)
