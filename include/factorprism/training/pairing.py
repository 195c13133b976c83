"""Two models on the same matured sessions, which neither has read: what a judgement rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np

from factorprism.core.errors import PromotionError
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
from factorprism.training.miscalibration import compare_miscalibration, compute_miscalibration
from factorprism.training.recipe import compute_base_rate, hold_out
from factorprism.training.returns import Column, ReturnScale
from factorprism.training.skill import BLOCK_HORIZONS, evaluate

Model = tuple[ModelBundle, ModelRecord]


@dataclass(frozen=True)
class Paired:
    """A candidate beside a champion on the sessions from `first` to `last`.

    Of the `numbers`, `gain` says by how much (nats) the candidate's mean log loss is lower,
    `confidence` in which share of block resamples it is so by more than `margin`, and
    `miscalibration_excess` how much more of its loss comes from its own miscalibration.
    """

    first: date
    last: date
    numbers: Mapping[str, float]
    evaluations: tuple[Evaluation, ...] = field(repr=False)


def compare(
    champion: Model,
    candidate: Model,
    training_set: TrainingSet,
    *,
    seed: int,
    margin: float = 0.0,
) -> Paired:
    """Hold `candidate` against `champion` on the matured sessions after both trainings.

    Raises `PromotionError` when they read different images or no such session is left.
    """
    if misfit := find_misfit(champion[1], candidate[1]):
        raise PromotionError(
            f"{champion[1].model_id} cannot be held against {candidate[1].model_id}: {misfit}",
            remedy="Compare models that read the same images.",
        )
    known = last_known(champion[1], candidate[1])
    rows = training_set.rows_after(known)
    if not len(rows):
        raise PromotionError(
            f"no matured session follows {known}, through which the models were trained",
            remedy="Wait until some have matured.",
        )
    held, new = (forecast_rows(*model, training_set, rows) for model in (champion, candidate))
    evaluations = tuple(
        item
        for held_out, (_, record) in ((held, champion), (new, candidate))
        for item in evaluate_rows(held_out, record, training_set, seed)
    )
    first, last = (training_set.session_at(int(row)) for row in rows[[0, -1]])
    return Paired(first, last, _measure(held, new, training_set.horizon, margin, seed), evaluations)


def find_misfit(champion: ModelRecord, candidate: ModelRecord) -> str:
    """Say in what the images of the two differ; empty where they read the same ones."""
    for name in ("universe", "channels", "factors", "lookback", "horizon"):
        held, new = getattr(champion, name), getattr(candidate, name)
        if held != new:
            return _phrase(name, held, new)
    return ""


def last_known(champion: ModelRecord, candidate: ModelRecord) -> date:
    """Return the last session whose close either has read in its training."""
    return max(champion.trained_through, candidate.trained_through)


def forecast_rows(
    bundle: ModelBundle, record: ModelRecord, training_set: TrainingSet, rows: Rows
) -> HeldOut:
    """Return the forecasts of `rows` beside what came of them, and beside the known base rate.

    Estimates of the return come along where the bundle's spec holds their scale.
    """
    images = training_set.image_set
    _, y_prob = bundle.predict(gather_windows(images.cube, rows, images.lookback))
    base = _base_rate(record, training_set, rows)
    scale = read_return_scale(bundle.spec)
    if scale is not None:
        return hold_out(training_set, rows, y_prob, base, scale)
    return HeldOut(rows, training_set.labels[rows], y_prob, np.full(len(rows), base))


def read_return_scale(spec: Mapping[str, Any]) -> ReturnScale | None:
    """Return the scale of the return estimates in a bundle's `spec`; None where it has none."""
    held = spec.get("return_scale")
    return ReturnScale(float(held["up"]), float(held["down"])) if held else None


def evaluate_rows(
    held_out: HeldOut, record: ModelRecord, training_set: TrainingSet, seed: int
) -> tuple[Evaluation, ...]:
    """Return the figures of `held_out` as those of a contest."""
    return evaluate(held_out, training_set, model_id=record.model_id, kind="contest", seed=seed)


def losses(held_out: HeldOut) -> Column:
    """Return each session's log loss in nats."""
    return compute_log_losses(held_out.labels, held_out.y_prob)


def _measure(
    held: HeldOut, new: HeldOut, horizon: int, margin: float, seed: int
) -> dict[str, float]:
    block = BLOCK_HORIZONS * horizon
    gains = losses(held) - losses(new)
    drawn = bootstrap(lambda column: np.array([column.mean()]), gains, block=block, seed=seed)
    excess, lower, upper = compare_miscalibration(
        new.labels, held.y_prob, new.y_prob, block=block, seed=seed
    )
    return {
        "n_sessions": float(len(new)),
        "independent_windows": float(count_independent(new.rows, horizon)),
        "log_loss_champion": float(losses(held).mean()),
        "log_loss_candidate": float(losses(new).mean()),
        "log_loss_base_rate": float(compute_log_losses(new.labels, new.base).mean()),
        "gain": float(gains.mean()),
        "gain_lower": float(np.percentile(drawn, 2.5)),
        "gain_upper": float(np.percentile(drawn, 97.5)),
        "confidence": float((drawn > margin).mean()),
        "margin": margin,
        "miscalibration_champion": compute_miscalibration(held.labels, held.y_prob),
        "miscalibration_candidate": compute_miscalibration(new.labels, new.y_prob),
        "miscalibration_excess": excess,
        "miscalibration_excess_lower": lower,
        "miscalibration_excess_upper": upper,
    }


def _base_rate(record: ModelRecord, training_set: TrainingSet, rows: Rows) -> float:
    """Return the rate of up labels that was known when the first of `rows` was forecast."""
    known = training_set.labels[: rows[0] - training_set.horizon + 1] if len(rows) else rows
    known = known[known != UNKNOWN]
    return compute_base_rate(known) if len(known) else record.base_rate


def _phrase(name: str, held: object, new: object) -> str:
    if not isinstance(held, tuple) or not isinstance(new, tuple):
        return f"its {name} is {held}, not {new}"
    if len(held) != len(new) and max(len(held), len(new)) > 5:
        return f"its {name} number {len(held)}, not {len(new)}"
    return f"its {name} are {', '.join(held)}, not {', '.join(new)}"
