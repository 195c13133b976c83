"""The contest's table: the entrants' figures, what is left after adjusting, the placebos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from factorprism.core.contest import FoldForecasts
from factorprism.evaluation.multiplicity import (
    SAME,
    SIZE,
    Multiplicity,
    adjust_for_trials,
    multiplicity_sentence,
)
from factorprism.evaluation.resampling import BLOCK_HORIZONS, count_independent, draw_weights
from factorprism.evaluation.skill import evaluate
from factorprism.learning.samples import HeldOut, TrainingSet
from factorprism.selection.contest._entrants import pool_folds
from factorprism.selection.contest._folds import SHUFFLES
from factorprism.targets import Column, Target, Weights
from factorprism.targets.weighted import draw_once


@dataclass(frozen=True)
class EntrantFigures:
    """One entrant's figures: name to (value, lower, upper, the reference's)."""

    entrant: str
    figures: Mapping[str, tuple[float, float, float, float]]


@dataclass(frozen=True)
class PlaceboLine:
    """How one entrant orders labels that were a placebo's, within folds, with its intervals.

    `order` is the target's figure of it, `nothing` that of a forecast that orders nothing.
    (`lower`, `upper`) is the 95% interval, (`adjusted_lower`, `adjusted_upper`) one that holds for
    all entrants of the placebo at once.
    """

    entrant: str
    placebo: str
    order: float
    lower: float
    upper: float
    adjusted_lower: float
    adjusted_upper: float
    n_sessions: int
    nothing: float

    @property
    def contains_nothing(self) -> bool:
        return self.lower <= self.nothing <= self.upper

    @property
    def suspicious(self) -> bool:
        """Whether even the adjusted interval lies above `nothing`, which takes a leak."""
        # Shifted labels may be forecast a little: what is persistent lasts two horizons.
        return self.placebo in SHUFFLES and self.adjusted_lower > self.nothing


@dataclass(frozen=True)
class ContestTable:
    """What a contest came to: `sentence` first of all, losers before anything that was won."""

    sentence: str
    first: str
    last: str
    n_sessions: int
    independent_windows: int
    n_folds: int
    lines: tuple[EntrantFigures, ...]
    multiplicity: Multiplicity
    placebos: tuple[PlaceboLine, ...]
    target: Target

    @property
    def leaks(self) -> tuple[str, ...]:
        """One sentence for each entrant that sees something where there is nothing to see.

        It must do so in every shuffle: in one of them somebody may by chance, once in twenty
        contests, and a leak does in all.
        """
        found: dict[str, list[PlaceboLine]] = {}
        for line in self.placebos:
            if line.placebo in SHUFFLES:
                found.setdefault(line.entrant, []).append(line)
        return tuple(
            f"{name} orders labels that were shuffled ({self.target.words.order} "
            f"{' and '.join(f'{line.order:.3f}' for line in lines)}): its folds have a leak"
            for name, lines in found.items()
            if len(lines) == len(SHUFFLES) and all(line.suspicious for line in lines)
        )

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-safe form, the same for the same folds."""
        return {
            "target": self.target.name,
            "first": self.first,
            "last": self.last,
            "n_sessions": self.n_sessions,
            "independent_windows": self.independent_windows,
            "n_folds": self.n_folds,
            "entrants": [
                {"entrant": line.entrant, "figures": {k: list(v) for k, v in line.figures.items()}}
                for line in self.lines
            ],
            "trials": asdict(self.multiplicity),
            "placebos": [
                {
                    **asdict(line),
                    "contains_nothing": line.contains_nothing,
                    "suspicious": line.suspicious,
                }
                for line in self.placebos
            ],
            "leaks": list(self.leaks),
        }


def tabulate(
    folds: Sequence[FoldForecasts], training_set: TrainingSet, *, n_tried: int, seed: int
) -> ContestTable:
    """Draw the table from out-of-sample folds alone, whoever evaluated them and when.

    `folds` are those of all entrants and placebos, oldest first in each; the entrants stand in
    the order in which they come. `n_tried` as in `adjust_for_trials`. Raises ``ValueError`` without
    folds of true labels, or when entrants evaluated different sessions.
    """
    real = _pool(folds, training_set, "")
    target, horizon = training_set.target, training_set.horizon
    if target.reference not in real:
        raise ValueError(
            f"folds: those of {target.reference!r} are missing, every figure is held against it"
        )
    adjusted = adjust_for_trials(real, target, horizon, seed, n_tried=max(n_tried, len(real) - 1))
    first = real[target.reference]
    return ContestTable(
        sentence=multiplicity_sentence(adjusted, target),
        first=str(training_set.session_at(int(first.rows[0]))),
        last=str(training_set.session_at(int(first.rows[-1]))),
        n_sessions=len(first),
        independent_windows=count_independent(first.rows, horizon),
        n_folds=len({fold.sessions[0] for fold in folds if not fold.placebo}),
        lines=tuple(
            _make_line(name, held_out, training_set, seed) for name, held_out in real.items()
        ),
        multiplicity=adjusted,
        placebos=tuple(
            line
            for placebo in dict.fromkeys(fold.placebo for fold in folds if fold.placebo)
            for line in _evaluate_placebo(placebo, folds, training_set, seed)
        ),
        target=target,
    )


def _pool(
    folds: Sequence[FoldForecasts], training_set: TrainingSet, placebo: str
) -> dict[str, HeldOut]:
    chosen = [fold for fold in folds if fold.placebo == placebo]
    return {
        name: pool_folds([fold for fold in chosen if fold.entrant == name], training_set)
        for name in dict.fromkeys(fold.entrant for fold in chosen)
    }


def _make_line(
    name: str, held_out: HeldOut, training_set: TrainingSet, seed: int
) -> EntrantFigures:
    figures = evaluate(held_out, training_set, model_id=name, kind="contest", seed=seed)
    return EntrantFigures(
        name,
        {item.metric: (item.value, item.lower, item.upper, item.reference) for item in figures},
    )


def _evaluate_placebo(
    placebo: str, folds: Sequence[FoldForecasts], training_set: TrainingSet, seed: int
) -> list[PlaceboLine]:
    pooled, target = _pool(folds, training_set, placebo), training_set.target
    # The reference orders nothing, nor does who repeats it: they are no trials of the placebo.
    learners = {
        name: one
        for name, one in pooled.items()
        if name != target.reference and not _repeats(one, target.ranked)
    }
    share = SIZE / max(len(learners), 1)
    return [
        PlaceboLine(
            name,
            placebo,
            *_order(one, training_set, share, seed),
            len(one),
            target.order_of_nothing,
        )
        for name, one in learners.items()
    ]


def _repeats(held_out: HeldOut, name: str) -> bool:
    """Tell whether the forecasts are the reference's, or off by one constant, but for rounding."""
    return bool(np.ptp(held_out.values[name] - held_out.reference[name]) <= SAME)


def _order(
    held_out: HeldOut, training_set: TrainingSet, share: float, seed: int
) -> tuple[float, float, float, float, float]:
    """Return the order within folds, its 95% interval, and that which leaves out `share`."""
    target, block = training_set.target, BLOCK_HORIZONS * training_set.horizon

    def measure(weights: Weights) -> Column:
        return target.compute_order(held_out.labels, held_out.values, held_out.folds, weights)

    drawn = measure(draw_weights(len(held_out), block=block, seed=seed))
    drawn = drawn[np.isfinite(drawn)]
    ends = np.array([SIZE / 2, 1 - SIZE / 2, share / 2, 1 - share / 2])
    lower, upper, adjusted_lower, adjusted_upper = (float(end) for end in np.quantile(drawn, ends))
    return float(measure(draw_once(len(held_out)))[0]), lower, upper, adjusted_lower, adjusted_upper
