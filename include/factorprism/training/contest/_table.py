"""The contest's table: every entrant's figures, what is left after paying for all, the placebos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from factorprism.core.contest import FoldForecasts
from factorprism.training.contest._entrants import pool_folds
from factorprism.training.contest._folds import SHUFFLES
from factorprism.training.dataset import TrainingSet
from factorprism.training.metrics import (
    HeldOut,
    bootstrap,
    compute_fold_auc,
    count_independent,
)
from factorprism.training.multiplicity import (
    BASE,
    SIZE,
    Multiplicity,
    multiplicity_sentence,
    pay_for_trials,
)
from factorprism.training.skill import BLOCK_HORIZONS, evaluate

HALF = 0.5  # the AUC within folds of whoever orders nothing


@dataclass(frozen=True)
class Line:
    """One entrant's figures: name to (value, lower, upper, the base rate's)."""

    entrant: str
    figures: Mapping[str, tuple[float, float, float, float]]


@dataclass(frozen=True)
class PlaceboLine:
    """The AUC within folds of one entrant whose labels were a placebo's, with its intervals.

    (`lower`, `upper`) is the 95% interval, (`paid_lower`, `paid_upper`) one that holds for all
    entrants of the placebo at once.
    """

    entrant: str
    placebo: str
    auc: float
    lower: float
    upper: float
    paid_lower: float
    paid_upper: float
    n_sessions: int

    @property
    def contains_half(self) -> bool:
        return self.lower <= HALF <= self.upper

    @property
    def suspicious(self) -> bool:
        """Whether even the interval that is paid for lies above a half, where nothing can."""
        # Shifted labels may be forecast a little: what is persistent lasts two horizons.
        return self.placebo in SHUFFLES and self.paid_lower > HALF


@dataclass(frozen=True)
class ContestTable:
    """What a contest came to: `sentence` first of all, losers before anything that was won."""

    sentence: str
    first: str
    last: str
    n_sessions: int
    independent_windows: int
    n_folds: int
    lines: tuple[Line, ...]
    multiplicity: Multiplicity
    placebos: tuple[PlaceboLine, ...]

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
            f"{name} orders labels that were shuffled (AUC within folds "
            f"{' and '.join(f'{line.auc:.3f}' for line in lines)}): its folds have a leak"
            for name, lines in found.items()
            if len(lines) == len(SHUFFLES) and all(line.suspicious for line in lines)
        )

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-safe form, the same for the same folds."""
        return {
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
                    "contains_half": line.contains_half,
                    "suspicious": line.suspicious,
                }
                for line in self.placebos
            ],
            "leaks": list(self.leaks),
        }


def tabulate(
    folds: Sequence[FoldForecasts], training_set: TrainingSet, *, n_tried: int, seed: int
) -> ContestTable:
    """Draw the table from judged folds alone, whoever judged them and when.

    `folds` are those of all entrants and placebos, oldest first in each; the entrants stand in
    the order in which they come. `n_tried` as in `pay_for_trials`. Raises ``ValueError`` without
    folds of true labels, or when entrants judged different sessions.
    """
    real = _pool(folds, training_set, "")
    if BASE not in real:
        raise ValueError(f"folds: those of {BASE!r} are missing, every figure is held against it")
    horizon = training_set.horizon
    paid = pay_for_trials(real, horizon, seed, n_tried=max(n_tried, len(real) - 1))
    first = real[BASE]
    return ContestTable(
        sentence=multiplicity_sentence(paid),
        first=str(training_set.session_at(int(first.rows[0]))),
        last=str(training_set.session_at(int(first.rows[-1]))),
        n_sessions=len(first),
        independent_windows=count_independent(first.rows, horizon),
        n_folds=len({fold.sessions[0] for fold in folds if not fold.placebo}),
        lines=tuple(
            _make_line(name, held_out, training_set, seed) for name, held_out in real.items()
        ),
        multiplicity=paid,
        placebos=tuple(
            line
            for placebo in dict.fromkeys(fold.placebo for fold in folds if fold.placebo)
            for line in _judge_placebo(placebo, folds, training_set, seed)
        ),
    )


def _pool(
    folds: Sequence[FoldForecasts], training_set: TrainingSet, placebo: str
) -> dict[str, HeldOut]:
    chosen = [fold for fold in folds if fold.placebo == placebo]
    return {
        name: pool_folds([fold for fold in chosen if fold.entrant == name], training_set)
        for name in dict.fromkeys(fold.entrant for fold in chosen)
    }


def _make_line(name: str, held_out: HeldOut, training_set: TrainingSet, seed: int) -> Line:
    figures = evaluate(held_out, training_set, model_id=name, kind="contest", seed=seed)
    return Line(
        name,
        {item.metric: (item.value, item.lower, item.upper, item.reference) for item in figures},
    )


def _judge_placebo(
    placebo: str, folds: Sequence[FoldForecasts], training_set: TrainingSet, seed: int
) -> list[PlaceboLine]:
    pooled = _pool(folds, training_set, placebo)
    # The base rate and the constant rules order nothing: they are no trials of the placebo.
    learners = {name: one for name, one in pooled.items() if np.ptp(one.y_prob - one.base) > 0.0}
    share = SIZE / max(len(learners), 1)
    return [
        PlaceboLine(name, placebo, *_order(one, training_set.horizon, share, seed), len(one))
        for name, one in learners.items()
    ]


def _order(
    held_out: HeldOut, horizon: int, share: float, seed: int
) -> tuple[float, float, float, float, float]:
    """Return the AUC within folds, its 95% interval, and that which leaves out `share`."""
    columns = (held_out.labels == 1, held_out.y_prob, held_out.base)

    def order(*resample: Any) -> npt.NDArray[np.float64]:
        return np.array([compute_fold_auc(*resample)])

    drawn = bootstrap(order, *columns, block=BLOCK_HORIZONS * horizon, seed=seed)[:, 0]
    drawn = drawn[np.isfinite(drawn)]
    ends = np.array([SIZE / 2, 1 - SIZE / 2, share / 2, 1 - share / 2])
    lower, upper, paid_lower, paid_upper = (float(end) for end in np.quantile(drawn, ends))
    return compute_fold_auc(*columns), lower, upper, paid_lower, paid_upper
