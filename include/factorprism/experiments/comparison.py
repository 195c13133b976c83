"""Contestants under one protocol: the same folds, sessions and figures for all."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from factorprism.core.errors import ConfigurationError
from factorprism.evaluation import Multiplicity, adjust_for_trials, multiplicity_sentence
from factorprism.evaluation.multiplicity import SIZE
from factorprism.evaluation.resampling import (
    BLOCK_HORIZONS,
    LEAST_BLOCKS,
    bootstrap,
    count_independent,
)
from factorprism.evaluation.skill import evaluate
from factorprism.experiments.experiment import Cell, Estimate, ExperimentSize, Tell
from factorprism.learning import (
    NetworkForecaster,
    Split,
    TrainingSet,
    TrainingSettings,
    evaluate_splits,
    walk_forward,
)
from factorprism.learning.samples import HeldOut
from factorprism.models import build_network
from factorprism.targets import DIRECTION

SHOWN = "shown"
# Below this many windows that do not overlap no difference is shown.
LEAST_WINDOWS = LEAST_BLOCKS * BLOCK_HORIZONS
MANY = 6
# Of the table's figures, in this order; the gain on the base rate comes before them.
FIGURES = {
    "log loss": "log_loss",
    "Brier skill": "brier_skill",
    "AUC within folds": "fold_auc",
    "accuracy": "accuracy",
    "balanced accuracy": "balanced_accuracy",
}
UNDEFINED = Estimate(float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True)
class Contestant:
    """A network under a name of its own, the images it reads and how it is trained."""

    name: str
    training_set: TrainingSet = field(repr=False)
    settings: TrainingSettings = field(repr=False)


@dataclass(frozen=True)
class ContestantResult:
    """What a contestant forecast over all folds, its parameters, and the seconds it took."""

    held_out: HeldOut
    parameters: int
    seconds: float


@dataclass(frozen=True)
class Pair:
    """How much lower the log loss of `first` is than that of `second`, and its accuracy higher.

    Both are means over the same sessions; log loss in nats. The intervals of all pairs that were
    compared together hold at once with 95% (Bonferroni). `windows` counts those that do not
    overlap.
    """

    first: str
    second: str
    log_loss: Estimate
    accuracy: Estimate
    windows: int

    @property
    def is_shown(self) -> bool:
        """Whether the interval of the log loss excludes zero, over enough windows."""
        excluded = not self.log_loss.lower <= 0.0 <= self.log_loss.upper
        return excluded and self.windows >= LEAST_WINDOWS

    @property
    def sentence(self) -> str:
        """The difference in words, without a full stop."""
        gain = self.log_loss
        if gain.lower == gain.upper == 0.0:
            return f"{self.first} and {self.second} make the same forecasts"
        numbers = f"{gain.value:+.4f} nats, {gain.lower:+.4f} to {gain.upper:+.4f}"
        if not self.is_shown:
            return f"no difference shown between {self.first} and {self.second} ({numbers})"
        kind = "better" if gain.lower > 0.0 else "worse"
        return f"{self.first} forecasts {kind} than {self.second} ({numbers})"


def cut_folds(training_set: TrainingSet, size: ExperimentSize) -> tuple[Split, ...]:
    """Return the purged folds of `size`, oldest first; each evaluates what follows its past.

    Raises `ConfigurationError` when the history is too short for one.
    """
    settings = size.settings
    folds = tuple(
        walk_forward(
            training_set.samples,
            training_set.horizon,
            settings.n_folds,
            settings.sizes(settings.fold_sessions),
        )
    )
    if not folds:
        raise ConfigurationError(
            f"{len(training_set.samples)} samples are too few to train and to evaluate "
            f"{settings.fold_sessions} sessions",
            remedy="Load a longer history: factorprism backfill --start DATE --end DATE.",
        )
    return folds


def evaluate_contestants(
    contestants: Sequence[Contestant], folds: Sequence[Split], tell: Tell
) -> dict[str, ContestantResult]:
    """Train each contestant anew on each of `folds` and return what it forecast, by name.

    All fits run through the one recipe of the house, which audits the purge of each fold.
    """
    evaluated = {}
    for number, one in enumerate(contestants, start=1):
        started = time.perf_counter()
        held_out = evaluate_splits(NetworkForecaster(one.settings), one.training_set, folds)
        seconds = time.perf_counter() - started
        progress = f"{number} of {len(contestants)}: " if len(contestants) > 1 else ""
        tell(f"{progress}{one.name}, folds: {len(folds)}, {seconds:.0f} s")
        evaluated[one.name] = ContestantResult(held_out, count_parameters(one), seconds)
    return evaluated


def count_parameters(one: Contestant) -> int:
    """Return the number of weights of the contestant's network; call it after a training.

    A training fixes the number of threads before the backend computes anything.
    """
    network = build_network(
        one.settings.architecture, one.training_set.input_shape, **one.settings.network
    )
    return int(network.count_params())


def adjust_for_all(
    evaluated: Mapping[str, ContestantResult], horizon: int, seed: int
) -> Multiplicity:
    """Adjust the gains of all of `evaluated` on the base rate, over the same sessions."""
    return adjust_for_trials(
        {name: one.held_out for name, one in evaluated.items()}, DIRECTION, horizon, seed
    )


def find_skilled(adjusted: Multiplicity) -> tuple[str, ...]:
    """Return whose skill stands after adjusting for all trials; nobody over too few windows."""
    return adjusted.skilled if adjusted.independent_windows >= LEAST_WINDOWS else ()


def skill_sentence(adjusted: Multiplicity) -> str:
    """Say what is left after adjusting for all trials; over too few windows, that nothing is."""
    if adjusted.skilled and not find_skilled(adjusted):
        return (
            f"No skill shown: {adjusted.n_sessions} sessions hold {adjusted.independent_windows} "
            f"windows that do not overlap, and fewer than {LEAST_WINDOWS} can show none."
        )
    sentence = multiplicity_sentence(adjusted, DIRECTION)
    if len(adjusted.losers) > MANY:
        # The table names them.
        return sentence.replace(f": {', '.join(adjusted.losers)}.", ".", 1)
    return sentence


def tabulate(
    evaluated: Mapping[str, ContestantResult],
    training_set: TrainingSet,
    adjusted: Multiplicity,
    seed: int,
    *,
    column: str = "network",
) -> tuple[Mapping[str, Cell], ...]:
    """Return one row for the base rate and one for each of `evaluated`, in the order they came.

    Every figure has its interval; that of the gain on the base rate is adjusted for multiple
    testing, so that those of all rows hold at once.
    """
    first = next(iter(evaluated.values())).held_out
    base = replace(first, values=first.reference)
    gains = {gain.name: gain for gain in adjusted.gains}
    skilled = find_skilled(adjusted)
    nothing = Estimate(0.0, 0.0, 0.0)
    rows = [_row({column: DIRECTION.reference}, 0, base, training_set, nothing, "-", seed)]
    for name, one in evaluated.items():
        gain = gains[name]
        estimate = Estimate(gain.value, gain.lower, gain.upper)
        skill = SHOWN if name in skilled else "not shown"
        rows.append(
            _row({column: name}, one.parameters, one.held_out, training_set, estimate, skill, seed)
        )
    return tuple(rows)


def _row(
    head: Mapping[str, Cell],
    parameters: int,
    held_out: HeldOut,
    training_set: TrainingSet,
    gain: Estimate,
    skill: str,
    seed: int,
) -> Mapping[str, Cell]:
    evaluations = evaluate(held_out, training_set, model_id="", kind="walk_forward", seed=seed)
    found = {item.metric: Estimate(item.value, item.lower, item.upper) for item in evaluations}
    return {
        **head,
        "parameters": parameters,
        "skill": skill,
        "gain on base rate": gain,
        **{label: found.get(metric, UNDEFINED) for label, metric in FIGURES.items()},
        "sessions": len(held_out),
        "independent windows": count_independent(held_out.rows, training_set.horizon),
    }


def compare_pairs(
    evaluated: Mapping[str, ContestantResult],
    pairs: Sequence[tuple[str, str]],
    horizon: int,
    seed: int,
) -> tuple[Pair, ...]:
    """Return the paired differences of `pairs` of names, over the same sessions.

    Circular blocks of twice the horizon are drawn, the same for both of a pair. Raises
    ``ValueError`` when the two evaluated different sessions.
    """
    found = []
    for first, second in pairs:
        one, other = evaluated[first].held_out, evaluated[second].held_out
        if not np.array_equal(one.rows, other.rows):
            raise ValueError(f"pairs: {first!r} and {second!r} have evaluated different sessions")
        worse, better = (
            DIRECTION.compute_losses(held.labels, held.values) for held in (other, one)
        )
        gains = worse - better
        hits = _hits(one) - _hits(other)
        log_loss, accuracy = estimate_means(
            np.column_stack([gains, hits]), horizon, seed, level=SIZE / len(pairs)
        )
        windows = count_independent(one.rows, horizon)
        found.append(Pair(first, second, log_loss, accuracy, windows))
    return tuple(found)


def estimate_means(
    columns: npt.NDArray[np.float64], horizon: int, seed: int, *, level: float = SIZE
) -> tuple[Estimate, ...]:
    """Return the mean of each of `columns` [session, column] with a block-bootstrap interval.

    The interval misses with a chance of `level`; blocks are circular, of twice the horizon.
    """
    drawn = bootstrap(
        lambda rows: rows.mean(axis=0), columns, block=BLOCK_HORIZONS * horizon, seed=seed
    )
    lower, upper = np.quantile(drawn, [level / 2.0, 1.0 - level / 2.0], axis=0)
    return tuple(
        Estimate(float(value), float(low), float(high))
        for value, low, high in zip(columns.mean(axis=0), lower, upper, strict=True)
    )


def pair_rows(pairs: Sequence[Pair]) -> tuple[Mapping[str, Cell], ...]:
    """Return one table row for each of `pairs`."""
    return tuple(
        {
            "first": pair.first,
            "second": pair.second,
            "log loss lower by": pair.log_loss,
            "accuracy higher by": pair.accuracy,
            "difference": SHOWN if pair.is_shown else "not shown",
        }
        for pair in pairs
    )


def time_rows(
    evaluated: Mapping[str, ContestantResult], column: str
) -> tuple[Mapping[str, Cell], ...]:
    """Return one row for each of `evaluated`, with the seconds of its trainings and forecasts."""
    return tuple(
        {column: name, "seconds": round(one.seconds, 1)} for name, one in evaluated.items()
    )


def _hits(held_out: HeldOut) -> npt.NDArray[np.float64]:
    hits = (held_out.values["p_up"] > 0.5) == (held_out.labels == 1)
    return np.asarray(hits, dtype=np.float64)
