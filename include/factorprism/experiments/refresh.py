"""Experiment `refresh`: is a model better retrained, fine-tuned or left alone, and at what cost?"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from factorprism.core.errors import ConfigurationError
from factorprism.experiments.comparison import (
    ContestantResult,
    adjust_for_all,
    compare_pairs,
    cut_folds,
    pair_rows,
    skill_sentence,
    tabulate,
)
from factorprism.experiments.experiment import (
    Cell,
    Experiment,
    ExperimentSize,
    Result,
    ResultTable,
    Tell,
)
from factorprism.experiments.history import History
from factorprism.experiments.pictures import draw_contestants, draw_pairs
from factorprism.learning import Split, TrainingSet, TrainingSettings
from factorprism.learning.batches import fit_batches
from factorprism.learning.fine_tuning import draw_replay
from factorprism.learning.recipe import Trained, take_samples, train_split
from factorprism.learning.samples import HeldOut, pool_held_out
from factorprism.models import ModelBundle

COLUMN = "refresh"
RETRAIN, FINE_TUNE, NEVER = "retrain", "fine_tune", "never"
PAIRS = ((FINE_TUNE, RETRAIN), (FINE_TUNE, NEVER), (RETRAIN, NEVER))


@dataclass(frozen=True)
class RefreshStep:
    """One refresh: the model in force after it, and what it cost (nothing where none was made)."""

    model: Trained = field(repr=False)
    train: int
    epochs: int = 0
    images: int = 0
    cpu_seconds: float = 0.0


Refresh = Callable[[TrainingSet, Sequence[Split], int, RefreshStep], RefreshStep]


def compare_refreshes(history: History, size: ExperimentSize, tell: Tell) -> Result:
    """Refresh one model in several ways, fold by fold, and evaluate all on the same sessions.

    The first fold gives the model that all start from. At the start of each further fold it is
    refreshed; until the next refresh it forecasts the sessions of the fold.
    """
    settings = size.settings_of(size.networks[0])
    whole = history.training_set(last_samples=size.last_samples)
    folds = cut_folds(whole, size)
    if len(folds) < 2:
        raise ConfigurationError(
            "the history leaves one fold, and a refresh needs an earlier model",
            remedy="Load a longer history: factorprism backfill --start DATE --end DATE.",
        )
    start = _train(whole, folds[0], settings, None)
    first = whole.session_at(int(folds[0].out_of_sample[0]))
    tell(f"the first model, as of {first}: {_cost(start)}")
    ways = plan_ways(settings)
    steps = {name: _walk(name, way, whole, folds, start, tell) for name, way in ways.items()}
    evaluated = _evaluate(steps, whole, folds[1:])
    seed = settings.seed
    adjusted = adjust_for_all(evaluated, whole.horizon, seed)
    rows = tabulate(evaluated, whole, adjusted, seed, column=COLUMN)
    pairs = compare_pairs(evaluated, _pairs(evaluated), whole.horizon, seed)
    answer = "; ".join(pair.sentence for pair in pairs)
    return Result(
        tables=(
            ResultTable("", "Figures", rows),
            ResultTable("pairs", "Paired differences on the same sessions", pair_rows(pairs)),
            ResultTable("costs", "Cost of all refreshes", _cost_rows(steps), of_times=True),
        ),
        verdict=f"After {len(folds) - 1} refreshes: {answer}. {skill_sentence(adjusted)}",
        remarks=(
            f"Refreshed {len(folds) - 1} times, before the out-of-sample sessions from "
            f"{', '.join(str(whole.session_at(int(one.out_of_sample[0]))) for one in folds[1:])}.",
        ),
        figures={
            "": draw_contestants(rows, title="Retrained, fine-tuned or left alone"),
            "pairs": draw_pairs(pairs, title="Ways to refresh, on the same sessions"),
        },
    )


def plan_ways(settings: TrainingSettings) -> Mapping[str, Refresh]:
    """Return the ways to refresh by name; the frozen one keeps ``settings.frozen_layers``."""
    free = replace(settings, frozen_layers=())

    def retrain(
        whole: TrainingSet, folds: Sequence[Split], number: int, last: RefreshStep
    ) -> RefreshStep:
        return _train(whole, folds[number], free, None)

    def fine_tune(
        whole: TrainingSet, folds: Sequence[Split], number: int, last: RefreshStep
    ) -> RefreshStep:
        return _train(whole, _replay(folds, number, free), free, last.model)

    def fine_tune_frozen(
        whole: TrainingSet, folds: Sequence[Split], number: int, last: RefreshStep
    ) -> RefreshStep:
        return _train(whole, _replay(folds, number, settings), settings, last.model)

    def never(
        whole: TrainingSet, folds: Sequence[Split], number: int, last: RefreshStep
    ) -> RefreshStep:
        return RefreshStep(last.model, 0)

    frozen = {f"{FINE_TUNE} ({' '.join(settings.frozen_layers)} frozen)": fine_tune_frozen}
    return {
        RETRAIN: retrain,
        FINE_TUNE: fine_tune,
        **(frozen if settings.frozen_layers else {}),
        NEVER: never,
    }


def _walk(
    name: str,
    way: Refresh,
    whole: TrainingSet,
    folds: Sequence[Split],
    start: RefreshStep,
    tell: Tell,
) -> tuple[RefreshStep, ...]:
    """Return the refreshes of one way, one for each fold but the first."""
    steps = [start]
    for number in range(1, len(folds)):
        steps.append(way(whole, folds, number, steps[-1]))
        day = whole.session_at(int(folds[number].out_of_sample[0]))
        tell(f"{name}, {number} of {len(folds) - 1}, as of {day}: {_cost(steps[-1])}")
    return tuple(steps[1:])


def _train(
    whole: TrainingSet, split: Split, settings: TrainingSettings, last: Trained | None
) -> RefreshStep:
    """Train on `split` from scratch, or from `last`, and count what it cost."""
    start = None
    if last is not None:
        spec = {"architecture": settings.architecture, "input_shape": whole.input_shape}
        start = ModelBundle(last.network, last.normaliser, last.calibration, spec)
    began = time.process_time()
    trained = train_split(whole, split, settings, start=start)
    seconds = time.process_time() - began
    how = settings.fit_settings(fold=False, fine_tune=start is not None)
    samples = take_samples(whole, trained.normaliser, split.train)
    batches = fit_batches(samples, how.batch_size, how.stride, how.seed)
    epochs = len(trained.fit.history)
    images = epochs * batches.per_epoch * batches.batch_size
    return RefreshStep(trained, len(split.train), epochs, images, seconds)


def _replay(folds: Sequence[Split], number: int, settings: TrainingSettings) -> Split:
    """Return the fold with the sessions that the last one did not train on, and a draw of others.

    The chain of fine-tunings has trained on the last fold's training sessions at most.
    """
    split, known = folds[number], folds[number - 1].train[-1]
    seen = int((split.train <= known).sum())
    return replace(split, train=draw_replay(split.train, seen, settings))


def _evaluate(
    steps: Mapping[str, Sequence[RefreshStep]], whole: TrainingSet, folds: Sequence[Split]
) -> dict[str, ContestantResult]:
    """Return what each way forecast on the folds, all beside the base rate known at each refresh.

    A fine-tuning knows the base rate of what it was shown. The reference is the one of all
    earlier labels, that of the retraining.
    """
    held = {
        name: [
            step.model.forecast_rows(whole, fold.out_of_sample)
            for step, fold in zip(made, folds, strict=True)
        ]
        for name, made in steps.items()
    }
    references = [one.reference for one in held[RETRAIN]]
    evaluated = {}
    for name, parts in held.items():
        beside: list[HeldOut] = [
            replace(part, reference=reference)
            for part, reference in zip(parts, references, strict=True)
        ]
        parameters = int(steps[name][0].model.network.count_params())
        seconds = sum(step.cpu_seconds for step in steps[name])
        evaluated[name] = ContestantResult(pool_held_out(beside), parameters, seconds)
    return evaluated


def _pairs(evaluated: Mapping[str, ContestantResult]) -> tuple[tuple[str, str], ...]:
    frozen = [name for name in evaluated if name.endswith("frozen)")]
    return (*PAIRS, *((name, FINE_TUNE) for name in frozen))


def _cost_rows(steps: Mapping[str, Sequence[RefreshStep]]) -> tuple[Mapping[str, Cell], ...]:
    """Return one row for each way; shares are those of the retraining's cost."""
    retrained = sum(step.cpu_seconds for step in steps[RETRAIN])
    rows: list[Mapping[str, Cell]] = []
    for name, made in steps.items():
        seconds = sum(step.cpu_seconds for step in made)
        rows.append(
            {
                COLUMN: name,
                "refreshes": sum(step.epochs > 0 for step in made),
                "epochs": sum(step.epochs for step in made),
                "training images read": sum(step.images for step in made),
                "CPU seconds": round(seconds, 1),
                "share of retraining": round(seconds / retrained, 3),
            }
        )
    return tuple(rows)


def _cost(step: RefreshStep) -> str:
    if not step.epochs:
        return "kept as it is"
    return (
        f"{step.train} sessions, {step.epochs} epochs, {step.images} images read, "
        f"{step.cpu_seconds:.0f} s of CPU"
    )


REFRESH = Experiment(
    name="refresh",
    question="Is a model better retrained from scratch every year, fine-tuned from the last one, "
    "with its stem frozen or not, or left alone, and what does each cost?",
    quick=ExperimentSize(
        60,
        TrainingSettings(
            n_folds=3, fold_sessions=120, epochs=2, fold_epochs=2, frozen_layers=("stem",)
        ),
        ("inception",),
        last_samples=1400,
        cut="two refreshes on the latest 1,400 samples, two epochs each",
    ),
    # Twelve folds of a year of sessions: a model as of 2014, then refreshes from 2015 to 2025.
    full=ExperimentSize(
        600,
        TrainingSettings(n_folds=12, fold_sessions=243, frozen_layers=("stem",)),
        ("inception",),
    ),
    conduct=compare_refreshes,
)
