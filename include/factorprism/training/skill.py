"""From forecasts of judged sessions to evaluations, and to one honest sentence about skill."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from factorprism.core.schemas import Evaluation
from factorprism.training.dataset import TrainingSet
from factorprism.training.metrics import (
    METRICS,
    HeldOut,
    bootstrap_interval,
    compute_metrics,
    count_independent,
)
from factorprism.training.returns import RETURN_METRICS, compute_return_metrics

# The count of judged windows that do not overlap stands beside the figures as one of them.
INDEPENDENT = "independent_windows"
# Skill is judged by this figure alone, so that none is picked after the fact.
DECISIVE = "brier_skill"
# Forecasts are as persistent as their images, so that blocks are longer than the labels' overlap.
BLOCK_HORIZONS = 2


def evaluate(
    held_out: HeldOut, training_set: TrainingSet, *, model_id: str, kind: str, seed: int
) -> tuple[Evaluation, ...]:
    """Return one evaluation for each metric of `held_out`, and the count of independent windows.

    The figures of the return estimates come along where `held_out` has such estimates.
    The interval is a circular block bootstrap over blocks of twice the horizon; the reference is
    the figure of the base rate on the same sessions.
    """
    if not len(held_out):
        return ()
    block = BLOCK_HORIZONS * training_set.horizon
    independent = float(count_independent(held_out.rows, training_set.horizon))
    figures = [
        *_figures(held_out, block, seed),
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
        # All labels alike: no such figure exists, and a warehouse column takes no NaN.
        if np.isfinite([value, low, high, reference]).all()
    )


def _figures(
    held_out: HeldOut, block: int, seed: int
) -> Iterator[tuple[str, float, float, float, float]]:
    """Yield each figure's name, value, interval and the base rate's."""
    labels, base, returns = held_out.labels, held_out.base, held_out.returns
    columns = (labels, held_out.y_prob, base)
    yield from zip(
        METRICS,
        compute_metrics(*columns),
        *bootstrap_interval(compute_metrics, *columns, block=block, seed=seed),
        compute_metrics(labels, base, base),
        strict=True,
    )
    if returns is None:
        return
    pairs = (held_out.y_prob, returns.forward, returns.estimate, returns.base)
    yield from zip(
        RETURN_METRICS,
        compute_return_metrics(*pairs),
        *bootstrap_interval(compute_return_metrics, *pairs, block=block, seed=seed),
        compute_return_metrics(base, returns.forward, returns.base, returns.base),
        strict=True,
    )


def skill_sentence(evaluations: Sequence[Evaluation]) -> str:
    """Say how the model stands against the base rate, in one sentence with its numbers.

    Skill is never claimed here: a model that was chosen among others may be ahead by chance, and
    only the contest pays for all trials. It is denied where the 95% interval of the Brier skill
    against the base rate does not lie above zero. The walk-forward estimate speaks where there is
    one, else the contest; of several the latest.
    """
    figures = _decisive(evaluations)
    if DECISIVE not in figures:
        return "No skill shown: the model has not been judged on any held-out session."
    skill = figures[DECISIVE]
    over = f"{skill.n_sessions} held-out sessions from {skill.first} to {skill.last}"
    if INDEPENDENT in figures:
        over += f" ({figures[INDEPENDENT].value:.0f} windows that do not overlap)"
    numbers = f"{skill.value:+.1%}, 95% interval {skill.lower:+.1%} to {skill.upper:+.1%}"
    if skill.lower > 0.0:
        return (
            f"Better than the base rate by itself: over {over} the Brier skill against it is "
            f"{numbers}. Whether that is skill the contest says, which pays for all trials."
        )
    if skill.upper < 0.0:
        return (
            f"No skill shown: over {over} the model is worse than the base rate, "
            f"its Brier skill is {numbers}."
        )
    return (
        f"No skill shown: over {over} the Brier skill against the base rate is {numbers}, "
        "which includes zero."
    )


def find_skill(evaluations: Sequence[Evaluation]) -> Evaluation | None:
    """Return the one figure by which skill is judged, as `skill_sentence` chooses it."""
    return _decisive(evaluations).get(DECISIVE)


def _decisive(evaluations: Sequence[Evaluation]) -> dict[str, Evaluation]:
    for kind in ("walk_forward", "contest"):
        of_kind = [item for item in evaluations if item.kind == kind]
        if of_kind:
            latest = max(item.last for item in of_kind)
            return {item.metric: item for item in of_kind if item.last == latest}
    return {}
