"""Two models on the same matured sessions, which neither has read: what an evaluation rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np

from factorprism.core.errors import PromotionError
from factorprism.core.models import Evaluation, ModelRecord
from factorprism.evaluation.resampling import BLOCK_HORIZONS, bootstrap, count_independent
from factorprism.evaluation.skill import evaluate
from factorprism.learning.recipe import forecast_rows
from factorprism.learning.samples import HeldOut, TrainingSet
from factorprism.models import ModelBundle
from factorprism.targets import Column, Numbers, Rows, Target, target_of

Model = tuple[ModelBundle, ModelRecord]


@dataclass(frozen=True)
class Paired:
    """A candidate beside a champion on the sessions from `first` to `last`.

    Of the `numbers`, `gain` says by how much the candidate's mean loss is lower, `confidence` in
    which share of block resamples it is so by more than `margin`, and `miscalibration_exceedance`
    how much more of its loss comes from its own miscalibration.
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
    held, new = (forecast_matured(model[0], training_set, rows) for model in (champion, candidate))
    evaluations = tuple(
        item
        for held_out, (_, record) in ((held, champion), (new, candidate))
        for item in evaluate_matured(held_out, record, training_set, seed)
    )
    first, last = (training_set.session_at(int(row)) for row in rows[[0, -1]])
    return Paired(first, last, _measure(held, new, training_set, margin, seed), evaluations)


def find_misfit(champion: ModelRecord, candidate: ModelRecord) -> str:
    """Say in what the two differ: in their images, or in what was asked; empty where in nothing."""
    asked = [target_of(record.spec).name for record in (champion, candidate)]
    if asked[0] != asked[1]:
        return _phrase("target", *asked)
    for name in ("universe", "channels", "factors", "lookback", "horizon"):
        held, new = getattr(champion, name), getattr(candidate, name)
        if held != new:
            return _phrase(name, held, new)
    return ""


def last_known(champion: ModelRecord, candidate: ModelRecord) -> date:
    """Return the last session whose close either has read in its training."""
    return max(champion.trained_through, candidate.trained_through)


def forecast_matured(bundle: ModelBundle, training_set: TrainingSet, rows: Rows) -> HeldOut:
    """Return what the model issues for `rows` beside what came of them.

    The reference beside them is the one that was known when the first of `rows` was forecast. The
    forecasts rest on that of the model's own training, as they do when they are issued.
    """
    held_out = forecast_rows(bundle, training_set, rows)
    bases = _bases_before(bundle, training_set, rows)
    reference = training_set.target.compute_reference(bases, training_set.known, rows)
    return replace(held_out, reference=reference)


def evaluate_matured(
    held_out: HeldOut, record: ModelRecord, training_set: TrainingSet, seed: int
) -> tuple[Evaluation, ...]:
    """Return the figures of `held_out` as those of a contest."""
    return evaluate(held_out, training_set, model_id=record.model_id, kind="contest", seed=seed)


def describe_losses(target: Target, **held_out: HeldOut) -> dict[str, float]:
    """Return the mean loss of each of `held_out` by its name, and the reference's at the end."""
    losses = {
        f"{target.loss}_{name}": float(target.compute_losses(one.labels, one.values).mean())
        for name, one in held_out.items()
    }
    last = list(held_out.values())[-1]
    reference = float(target.compute_losses(last.labels, last.reference).mean())
    return {**losses, f"{target.loss}_{target.reference}": reference}


def compare_miscalibration(
    target: Target, champion: HeldOut, candidate: HeldOut, *, block: int, seed: int
) -> tuple[float, float, float]:
    """Return by how much the candidate's miscalibration exceeds the champion's, and its interval.

    Both have forecast the same sessions. The figures are in the unit of the target's loss; the 95%
    interval is of circular blocks, of both forecasts at once. A fit on few labels finds
    miscalibration in any forecast, the more the wider it is spread, and finds it once more in each
    resample: the exceedance is drawn back by that bias, the resamples by twice as much (Efron and
    Tibshirani 1993, chapter 10).
    """

    def exceedance(indices: Rows) -> Column:
        worse, better = (
            target.compute_miscalibration(drawn.labels, drawn.values)
            for drawn in (candidate.take(indices), champion.take(indices))
        )
        return np.array([worse - better])

    indices = np.arange(len(candidate))
    seen = float(exceedance(indices)[0])
    drawn = bootstrap(exceedance, indices, block=block, seed=seed)[:, 0]
    bias = float(drawn.mean()) - seen
    lower, upper = np.percentile(drawn - 2.0 * bias, [2.5, 97.5])
    return seen - bias, float(lower), float(upper)


def _measure(
    held: HeldOut, new: HeldOut, training_set: TrainingSet, margin: float, seed: int
) -> dict[str, float]:
    target, horizon = training_set.target, training_set.horizon
    block = BLOCK_HORIZONS * horizon
    losses, lower_losses = (target.compute_losses(one.labels, one.values) for one in (held, new))
    gains = losses - lower_losses
    drawn = bootstrap(lambda column: np.array([column.mean()]), gains, block=block, seed=seed)
    exceedance, lower, upper = compare_miscalibration(target, held, new, block=block, seed=seed)
    return {
        "n_sessions": float(len(new)),
        "independent_windows": float(count_independent(new.rows, horizon)),
        **describe_losses(target, champion=held, candidate=new),
        "gain": float(gains.mean()),
        "gain_lower": float(np.percentile(drawn, 2.5)),
        "gain_upper": float(np.percentile(drawn, 97.5)),
        "confidence": float((drawn > margin).mean()),
        "margin": margin,
        "miscalibration_champion": target.compute_miscalibration(held.labels, held.values),
        "miscalibration_candidate": target.compute_miscalibration(new.labels, new.values),
        "miscalibration_exceedance": exceedance,
        "miscalibration_exceedance_lower": lower,
        "miscalibration_exceedance_upper": upper,
    }


def _bases_before(bundle: ModelBundle, training_set: TrainingSet, rows: Rows) -> Numbers:
    """Return the model's bases, renewed by all labels known before the first of `rows`."""
    target = training_set.target
    bases = target.read_bases(bundle.spec)
    if not len(rows):
        return bases
    matured = np.arange(rows[0] - training_set.horizon + 1)
    matured = matured[~np.isnan(training_set.labels[matured])]
    return target.update_bases(bases, training_set.known, matured)


def _phrase(name: str, held: object, new: object) -> str:
    if not isinstance(held, tuple) or not isinstance(new, tuple):
        return f"its {name} is {held}, not {new}"
    if len(held) != len(new) and max(len(held), len(new)) > 5:
        return f"its {name} number {len(held)}, not {len(new)}"
    return f"its {name} are {', '.join(held)}, not {', '.join(new)}"
