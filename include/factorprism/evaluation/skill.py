"""From forecasts out of sample to evaluations, and to one honest sentence about skill."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from factorprism.core.models import Evaluation
from factorprism.evaluation.resampling import (
    BLOCK_HORIZONS,
    count_independent,
    draw_weights,
    find_interval,
)
from factorprism.learning.samples import HeldOut, TrainingSet
from factorprism.learning.train import Candidate
from factorprism.targets import Columns, Figures, Target, Weights
from factorprism.targets.weighted import draw_once

# The count of windows that do not overlap stands beside the figures as one of them.
INDEPENDENT = "independent_windows"


def evaluate(
    held_out: HeldOut, training_set: TrainingSet, *, model_id: str, kind: str, seed: int
) -> tuple[Evaluation, ...]:
    """Return one evaluation for each metric of the target, and the count of independent windows.

    The interval is a circular block bootstrap over blocks of twice the horizon; the reference is
    the figure of the target's reference on the same sessions.
    """
    if not len(held_out):
        return ()
    block = BLOCK_HORIZONS * training_set.horizon
    independent = float(count_independent(held_out.rows, training_set.horizon))
    figures = [
        *_figures(held_out, training_set.target, block, seed),
        (INDEPENDENT, independent, independent, independent, independent),
    ]
    first, last = (training_set.session_at(int(row)) for row in held_out.rows[[0, -1]])
    return tuple(
        Evaluation(
            model_id=model_id,
            kind=kind,
            metric=name,
            value=float(value),
            lower=float(low),
            upper=float(high),
            reference=float(reference),
            first=first,
            last=last,
            n_sessions=len(held_out),
        )
        for name, value, low, high, reference in figures
        # Where all labels are alike some figures do not exist, and a warehouse column takes no NaN.
        if np.isfinite([value, low, high, reference]).all()
    )


def evaluate_candidate(
    candidate: Candidate, training_set: TrainingSet, seed: int
) -> tuple[Evaluation, ...]:
    """Return the figures of what `candidate` showed out of sample, to be stored with it."""
    return evaluate(
        candidate.held_out,
        training_set,
        model_id=candidate.record.model_id,
        kind="walk_forward",
        seed=seed,
    )


def _figures(
    held_out: HeldOut, target: Target, block: int, seed: int
) -> Iterator[tuple[str, float, float, float, float]]:
    """Yield each figure's name, value, interval and the reference's."""
    outcomes, reference, folds = held_out.outcomes, held_out.reference, held_out.folds
    once = draw_once(len(held_out))
    often = draw_weights(len(held_out), block=block, seed=seed)

    def measure(values: Columns, weights: Weights) -> Figures:
        return target.compute_metrics(outcomes, values, reference, folds, weights)

    yield from zip(
        target.metrics,
        measure(held_out.values, once)[0],
        *find_interval(measure(held_out.values, often)),
        measure(reference, once)[0],
        strict=True,
    )


def skill_sentence(evaluations: Sequence[Evaluation], target: Target) -> str:
    """Say how the model stands against the reference, in one sentence with its numbers.

    Skill is never claimed here: a model that was chosen among others may be ahead by chance, and
    only the contest adjusts for all trials. It is denied where the 95% interval of the decisive
    figure does not lie above zero. The walk-forward estimate speaks where there is one, else the
    contest; of several the latest.
    """
    words = target.words
    figures = _latest(evaluations)
    if target.decisive not in figures:
        return "No skill shown: the model has not been evaluated on any held-out session."
    skill = figures[target.decisive]
    over = f"{skill.n_sessions} held-out sessions from {skill.first} to {skill.last}"
    if INDEPENDENT in figures:
        over += f" ({figures[INDEPENDENT].value:.0f} windows that do not overlap)"
    numbers = f"{skill.value:+.1%}, 95% interval {skill.lower:+.1%} to {skill.upper:+.1%}"
    if skill.lower > 0.0:
        return (
            f"Better than the {words.reference} by itself: over {over} the {words.decisive} "
            f"against it is {numbers}. Whether that is skill the contest says, which adjusts for "
            "multiple testing."
        )
    if skill.upper < 0.0:
        return (
            f"No skill shown: over {over} the model is worse than the {words.reference}, "
            f"its {words.decisive} is {numbers}."
        )
    return (
        f"No skill shown: over {over} the {words.decisive} against the {words.reference} is "
        f"{numbers}, which includes zero."
    )


def find_skill(evaluations: Sequence[Evaluation], target: Target) -> Evaluation | None:
    """Return the one figure by which skill is evaluated, as `skill_sentence` chooses it."""
    return _latest(evaluations).get(target.decisive)


def _latest(evaluations: Sequence[Evaluation]) -> dict[str, Evaluation]:
    """Return the latest figures by metric: the walk-forward's, or without any the contest's."""
    for kind in ("walk_forward", "contest"):
        of_kind = [item for item in evaluations if item.kind == kind]
        if of_kind:
            latest = max(item.last for item in of_kind)
            return {item.metric: item for item in of_kind if item.last == latest}
    return {}
