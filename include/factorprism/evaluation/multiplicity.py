"""Adjusting for several trials: what is left of the best candidate once all of them count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from factorprism.evaluation.resampling import (
    BLOCK_HORIZONS,
    RESAMPLES,
    bootstrap,
    count_independent,
)
from factorprism.learning.samples import HeldOut
from factorprism.targets import Column, Target

SIZE = 0.05
# Losses closer than this are those of one and the same forecast.
SAME = 1e-12


@dataclass(frozen=True)
class AdjustedGain:
    """A candidate's mean loss below the reference's, with an interval adjusted for all trials.

    The intervals of all candidates hold at once with 95%. `in_confidence_set` tells whether the
    model confidence set keeps the candidate, `superior` whether the stepwise test finds it better
    than the reference, `skilled` whether that is so and the interval lies above zero.
    """

    name: str
    value: float
    lower: float
    upper: float
    superior: bool
    in_confidence_set: bool
    confidence_p_value: float

    @property
    def skilled(self) -> bool:
        """Whether skill may be claimed."""
        return self.superior and self.lower > 0.0


@dataclass(frozen=True)
class Multiplicity:
    """The candidates' gains on the reference, best first, and the tests over all of them.

    `spa_p_value` is that of "none is better than the reference" (Hansen 2005), NaN without any
    candidate that differs from it. `base_in_confidence_set` tells whether the reference itself
    may be the best. `n_tried` counts the trials that the figures are adjusted for.
    """

    gains: tuple[AdjustedGain, ...]
    spa_p_value: float
    base_in_confidence_set: bool
    n_tried: int
    n_sessions: int
    independent_windows: int
    size: float = SIZE

    @property
    def skilled(self) -> tuple[str, ...]:
        """Names of the candidates whose skill may be claimed."""
        return tuple(gain.name for gain in self.gains if gain.skilled)

    @property
    def losers(self) -> tuple[str, ...]:
        """Names of the candidates whose mean loss is above the reference's."""
        return tuple(gain.name for gain in self.gains if gain.value < -SAME)

    @property
    def equals(self) -> tuple[str, ...]:
        """Names of the candidates that forecast what the reference does."""
        return tuple(gain.name for gain in self.gains if abs(gain.value) <= SAME)


def adjust_for_trials(
    candidates: Mapping[str, HeldOut],
    target: Target,
    horizon: int,
    seed: int,
    *,
    n_tried: int | None = None,
) -> Multiplicity:
    """Evaluate all `candidates` against the reference at once, by the loss of each session.

    The candidates must have forecast the same rows beside the same reference; one that has its
    name is the reference itself and no trial. `n_tried` counts all that were ever tried on these
    sessions; those that are not among `candidates` cannot be resampled, and their share of the
    size of 5% is given up for them (Bonferroni).

    Superior are those of the stepwise test of Romano and Wolf (2005), which holds the chance of
    even one false claim to the size; the confidence set is that of Hansen, Lunde and Nason (2011)
    over the candidates and the reference; the intervals are simultaneous, from the greatest
    studentised error in each resample. All use circular blocks of twice the horizon.

    Raises ``ValueError`` when the candidates forecast different sessions, or none.
    """
    candidates = {name: one for name, one in candidates.items() if name != target.reference}
    first = _check(candidates)
    tried = len(candidates) if n_tried is None else n_tried
    if tried < len(candidates):
        raise ValueError(f"n_tried: {tried}, allowed are numbers from {len(candidates)}")
    size = SIZE * len(candidates) / tried
    block = min(BLOCK_HORIZONS * horizon, len(first))
    base = target.compute_losses(first.labels, first.reference)
    losses = np.stack(
        [target.compute_losses(one.labels, one.values) for one in candidates.values()]
    )
    gains = base - losses
    lower, upper = _simultaneous(gains.T, block, seed, size)
    p_values, base_p_value = _confidence_set(losses, base, block, seed)
    superior, spa_p_value = _superior(losses, base, block, seed, size)
    found = [
        AdjustedGain(
            name,
            float(gains[position].mean()),
            float(lower[position]),
            float(upper[position]),
            bool(superior[position]),
            bool(p_values[position] > size),
            float(p_values[position]),
        )
        for position, name in enumerate(candidates)
    ]
    return Multiplicity(
        gains=tuple(sorted(found, key=lambda gain: -gain.value)),
        spa_p_value=spa_p_value,
        base_in_confidence_set=base_p_value > size,
        n_tried=tried,
        n_sessions=len(first),
        independent_windows=count_independent(first.rows, horizon),
        size=size,
    )


def _check(candidates: Mapping[str, HeldOut]) -> HeldOut:
    if not candidates:
        raise ValueError("candidates: none, allowed are one or more")
    (name, first), *others = candidates.items()
    if not len(first):
        raise ValueError(f"candidates: {name!r} has forecast no session")
    for other, held_out in others:
        for part, column in _shared_columns(first).items():
            if not np.array_equal(column, _shared_columns(held_out).get(part, np.empty(0))):
                raise ValueError(f"candidates: {name!r} and {other!r} differ in {part}")
    return first


def _shared_columns(held_out: HeldOut) -> dict[str, npt.NDArray[np.generic]]:
    """Return what those who forecast the same sessions must have in common."""
    reference = {f"reference {name}": column for name, column in held_out.reference.items()}
    return {"rows": held_out.rows, "labels": held_out.labels, **reference}


def _simultaneous(gains: Column, block: int, seed: int, size: float) -> tuple[Column, Column]:
    """Return the ends of intervals that hold for all columns of `gains` at once."""
    means = gains.mean(axis=0)
    errors = bootstrap(lambda drawn: drawn.mean(axis=0), gains, block=block, seed=seed) - means
    deviations = errors.std(axis=0)
    known = deviations > SAME
    half_width = 0.0
    if known.any():
        greatest = np.abs(errors[:, known] / deviations[known]).max(axis=1)
        half_width = float(np.quantile(greatest, 1.0 - size))
    return means - half_width * deviations, means + half_width * deviations


def _superior(
    losses: Column, base: Column, block: int, seed: int, size: float
) -> tuple[npt.NDArray[np.bool_], float]:
    """Return who is better than the reference, and the p-value of nobody being so."""
    from arch.bootstrap import SPA, StepM

    superior = np.zeros(len(losses), dtype=np.bool_)
    different = np.flatnonzero(np.abs(losses - base).max(axis=1) > SAME)
    if not len(different):
        return superior, float("nan")
    options = {"block_size": block, "reps": RESAMPLES, "bootstrap": "circular", "seed": seed}
    models = losses[different].T
    test = SPA(base, models, **options)
    test.compute()
    # The reference among its rivals never wins; without it the steps of the library end in an
    # empty set, and an error, when every rival does.
    steps = StepM(base, np.column_stack([models, base]), size=size, **options)
    steps.compute()
    superior[different[[int(index) for index in steps.superior_models]]] = True
    return superior, float(test.pvalues["consistent"])


def _confidence_set(losses: Column, base: Column, block: int, seed: int) -> tuple[Column, float]:
    """Return the p-values of belonging to the confidence set, of all candidates and the base."""
    from arch.bootstrap import MCS

    rows = [*losses, base]
    # Equal losses have no variance to divide by; they share the fate of the first.
    kin = [
        next(other for other, known in enumerate(rows) if np.abs(known - row).max() <= SAME)
        for row in rows
    ]
    kept = sorted(set(kin))
    p_values = np.ones(len(rows))
    if len(kept) > 1:
        columns = np.column_stack([rows[index] for index in kept])
        # The size only draws the line between the p-values, which is drawn by the caller.
        test = MCS(columns, SIZE, RESAMPLES, block, "R", "circular", seed=seed)
        # Losses that differ by a constant are known to differ: their quotient is infinite.
        with np.errstate(divide="ignore", invalid="ignore"):
            test.compute()
        found = test.pvalues["Pvalue"].sort_index().to_numpy()
        for index, value in zip(kept, found, strict=True):
            p_values[[position for position, first in enumerate(kin) if first == index]] = value
    return p_values[:-1], float(p_values[-1])


def multiplicity_sentence(result: Multiplicity, target: Target) -> str:
    """Say what is left of the candidates after adjusting for all trials, losses first."""
    reference, unit = target.words.reference, target.words.unit
    over = (
        f"{result.n_sessions} sessions ({result.independent_windows} windows that do not overlap)"
    )
    trials = "trial" if result.n_tried == 1 else "trials"
    adjusting = f"adjusting for {result.n_tried} {trials}"
    if not np.isnan(result.spa_p_value):
        adjusting += f" (SPA p = {result.spa_p_value:.2f})"
    lost = ""
    if result.losers:
        verb = "loses" if len(result.losers) == 1 else "lose"
        lost = (
            f"{len(result.losers)} of {len(result.gains)} candidates {verb} to the {reference}: "
            f"{', '.join(result.losers)}. "
        )
    if result.equals:
        lost += f"No better than the {reference}, which they forecast: {', '.join(result.equals)}. "
    if not result.skilled:
        return (
            f"{lost}No skill shown after {adjusting}: over {over} no gain on the {reference} "
            "stands."
        )
    named = "; ".join(
        f"{gain.name} {gain.value:+.4f} {unit}, {gain.lower:+.4f} to {gain.upper:+.4f}"
        for gain in result.gains
        if gain.skilled
    )
    return f"{lost}Skill shown after {adjusting} over {over}: {named}, all intervals 95% at once."
