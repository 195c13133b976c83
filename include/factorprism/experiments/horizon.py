"""Experiment `horizon`: how far ahead, if at all, do the images say something?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce

import numpy as np

from factorprism.core.errors import ConfigurationError
from factorprism.evaluation import Multiplicity, adjust_for_trials, multiplicity_sentence
from factorprism.experiments.comparison import (
    Contestant,
    ContestantResult,
    cut_folds,
    evaluate_contestants,
    find_skilled,
    tabulate,
    time_rows,
)
from factorprism.experiments.conclusion import level_sentence
from factorprism.experiments.experiment import (
    Cell,
    Experiment,
    ExperimentSize,
    Result,
    ResultTable,
    Tell,
)
from factorprism.experiments.history import History
from factorprism.experiments.pictures import draw_contestants
from factorprism.learning import TrainingSet, TrainingSettings
from factorprism.targets import DIRECTION

HORIZONS = (5, 14, 20, 60)


def compare_horizons(
    history: History, size: ExperimentSize, tell: Tell, horizons: Sequence[int] = HORIZONS
) -> Result:
    """Train for each of `horizons` (sessions) and evaluate all on the same sessions.

    Each has its own labels and base rate, so that the horizons are not compared with one another
    but each with its base rate, and each is adjusted for all of them.
    """
    network, seed = size.networks[0], size.settings.seed
    sets = cut_alike(history, size, horizons)
    # The longest purge leaves the fewest folds: all evaluate those.
    longest = max(horizons)
    n_folds = len(cut_folds(sets[longest], size))
    size = replace(size, settings=replace(size.settings, n_folds=n_folds))
    evaluated: dict[str, ContestantResult] = {}
    adjusted: dict[int, Multiplicity] = {}
    rows: list[Mapping[str, Cell]] = []
    for horizon, training_set in sets.items():
        name = f"{network}, {horizon} ahead"
        one = Contestant(name, training_set, size.settings_of(network))
        found = evaluate_contestants([one], cut_folds(training_set, size), tell)
        evaluated |= found
        adjusted[horizon] = adjust_for_trials(
            {name: found[name].held_out}, DIRECTION, horizon, seed, n_tried=len(horizons)
        )
        figures = tabulate(found, training_set, adjusted[horizon], seed, column="forecast")
        rows += [{"horizon": horizon, **row} for row in figures]
    return Result(
        tables=(
            ResultTable("", "Figures", tuple(rows)),
            ResultTable("times", "Wall times", time_rows(evaluated, "forecast"), of_times=True),
        ),
        verdict=f"{conclude_horizons(adjusted)} {level_sentence(rows, 'forecast')}".strip(),
        remarks=(
            "All horizons are evaluated on the same sessions. The longer the horizon, the fewer of "
            "its windows do not overlap, and the less a figure says.",
        ),
        figures={
            "": draw_contestants(rows, title="How far ahead the forecast looks", column="forecast")
        },
    )


def cut_alike(
    history: History, size: ExperimentSize, horizons: Sequence[int]
) -> Mapping[int, TrainingSet]:
    """Return a training set for each horizon, with the samples whose labels are known for all."""
    sets = {horizon: history.training_set(horizon=horizon) for horizon in horizons}
    common = reduce(np.intersect1d, [one.samples for one in sets.values()])
    if not len(common):
        raise ConfigurationError(
            f"no session's outcome is known {max(horizons)} sessions ahead",
            remedy="Load a longer history: factorprism backfill --start DATE --end DATE.",
        )
    if size.last_samples is not None:
        common = common[-size.last_samples :]
    return {horizon: replace(one, samples=common) for horizon, one in sets.items()}


def conclude_horizons(adjusted: Mapping[int, Multiplicity]) -> str:
    """Say at which horizons skill is shown, or that none is, and how many windows that rests on."""
    shown = [horizon for horizon, result in adjusted.items() if find_skilled(result)]
    if shown:
        named = " ".join(multiplicity_sentence(adjusted[horizon], DIRECTION) for horizon in shown)
        return f"Skill shown {_list(shown)} sessions ahead. {named}"
    lost = [horizon for horizon, result in adjusted.items() if result.losers]
    windows = ", ".join(
        f"{result.independent_windows} windows of {horizon}" for horizon, result in adjusted.items()
    )
    losing = f"; the forecast loses to the base rate {_list(lost)} sessions ahead" if lost else ""
    return (
        f"No skill shown at any horizon after adjusting for {len(adjusted)} trials{losing}. The "
        f"evaluated sessions hold {windows} that do not overlap."
    )


def _list(horizons: Sequence[int]) -> str:
    *first, last = map(str, horizons)
    return f"{', '.join(first)} and {last}" if first else last


HORIZON = Experiment(
    name="horizon",
    question="Does the forecast know more 5, 14, 20 or 60 sessions ahead?",
    quick=ExperimentSize(
        60,
        TrainingSettings(n_folds=1, fold_epochs=3),
        ("inception",),
        last_samples=1200,
        cut="one fold of 250 sessions on the latest 1,200 samples, three epochs; 60 sessions "
        "ahead that is 5 windows",
    ),
    full=ExperimentSize(480, TrainingSettings(n_folds=6, fold_epochs=8), ("inception",)),
    conduct=compare_horizons,
)
