"""Experiment `original`: the study's own run, evaluated on the years that came after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from factorprism.core.errors import ConfigurationError
from factorprism.experiments.comparison import Contestant, ContestantResult, evaluate_contestants
from factorprism.experiments.conclusion import conclude
from factorprism.experiments.experiment import (
    Cell,
    Experiment,
    ExperimentSize,
    Result,
    ResultTable,
    Tell,
)
from factorprism.experiments.history import History
from factorprism.experiments.upsampling import NETWORKS
from factorprism.factors import compute_factors
from factorprism.learning import Split, TrainingSet, TrainingSettings, split_samples
from factorprism.quality import MissingReport, count_missing

# As the original study printed them: its range, the missing cells of its table of 971 sessions by
# 16 factors, and the wall time of its training on its author's CPU.
FIRST, LAST = date(2013, 1, 4), date(2016, 12, 30)
LOOKBACK, HORIZON = 56, 14
STUDY_MISSING, STUDY_CELLS = 726, 15_536
STUDY_SECONDS = 29 * 60 + 19
STUDY_CHANNELS = 4


@dataclass(frozen=True)
class StudyPeriod:
    """The sessions of a run: it learns from [`first`, `last`] and is evaluated on what follows."""

    first: date = FIRST
    last: date = LAST
    horizon: int = HORIZON


def repeat_study(
    history: History, size: ExperimentSize, tell: Tell, period: StudyPeriod | None = None
) -> Result:
    """Train on the study's sessions at native size and upsampled, and evaluate what came after.

    ``size.networks`` are the native one and the upsampled one; the first
    ``size.settings.fold_sessions`` sessions after the period evaluate them. Raises
    `ConfigurationError` where the history does not hold the period or nothing after it.
    """
    period = period or StudyPeriod()
    training_set = history.training_set(horizon=period.horizon)
    split = cut_at_period(training_set, period, size.settings)
    contestants = [Contestant(name, training_set, size.settings_of(name)) for name in size.networks]
    evaluated = evaluate_contestants(contestants, [split], tell)
    native, upsampled = size.networks
    result = conclude(
        evaluated,
        training_set,
        [(upsampled, native)],
        size.settings.seed,
        column="network",
        title=f"Learned {period.first} to {period.last}, evaluated on what followed",
        remarks=describe_run(history, training_set, split, period),
    )
    figures, pairs, _ = result.tables
    missing = ResultTable("missing", "Missing cells", missing_rows(history, period))
    times = ResultTable("times", "Wall times", study_times(evaluated), of_times=True)
    return Result((figures, pairs, missing, times), result.verdict, result.remarks, result.figures)


def cut_at_period(
    training_set: TrainingSet, period: StudyPeriod, settings: TrainingSettings
) -> Split:
    """Return the split that learns from the period alone and evaluates the sessions after it.

    Every image begins, and every label ends, within the period; the out-of-sample sessions follow
    its last one, which purges them by the horizon.
    """
    sessions, samples = training_set.image_set.sessions, training_set.samples
    begin = int(np.searchsorted(sessions, np.datetime64(period.first, "D")))
    after = int(np.searchsorted(sessions, np.datetime64(period.last, "D"), side="right"))
    oldest = begin + training_set.image_set.lookback - 1
    inside = samples[(samples >= oldest) & (samples + period.horizon < after)]
    evaluated = samples[samples >= after][: settings.fold_sessions]
    if not len(inside) or not len(evaluated):
        raise ConfigurationError(
            f"the history from {sessions[0]} to {sessions[-1]} does not hold the study's sessions "
            f"from {period.first} to {period.last} and those that follow",
            remedy="Load them: factorprism backfill --start 2012-01-04 --end 2020-12-31.",
        )
    both = np.concatenate([inside, evaluated])
    return split_samples(both, period.horizon, settings.sizes(len(evaluated)))


def missing_rows(history: History, period: StudyPeriod) -> tuple[Mapping[str, Cell], ...]:
    """Return the missing cells of each index, its factors computed from the period's bars alone."""
    rows = [
        _missing_row("the study, its own table", STUDY_MISSING, STUDY_CELLS),
        *(
            _missing_row(symbol, report.missing, report.cells)
            for symbol, report in count_period(history, period).items()
        ),
    ]
    return tuple(rows)


def count_period(history: History, period: StudyPeriod) -> Mapping[str, MissingReport]:
    """Return the report on the missing cells of each index in the period."""
    bars = history.bars
    inside = (bars["session"] >= pd.Timestamp(period.first)) & (
        bars["session"] <= pd.Timestamp(period.last)
    )
    return {
        symbol: count_missing(compute_factors(bars[inside & (bars["symbol"] == symbol)]))
        for symbol in history.image_set.channels
    }


def study_times(evaluated: Mapping[str, ContestantResult]) -> tuple[Mapping[str, Cell], ...]:
    """Return the wall times here beside the study's."""
    times = {"the study, on its author's CPU": float(STUDY_SECONDS)}
    times |= {name: round(one.seconds, 1) for name, one in evaluated.items()}
    return tuple({"network": name, "seconds": seconds} for name, seconds in times.items())


def describe_run(
    history: History, training_set: TrainingSet, split: Split, period: StudyPeriod
) -> tuple[str, ...]:
    """Say what was run as in the study, and what was not."""
    channels = len(history.image_set.channels)
    target = count_period(history, period)[history.universe.target]
    first, last = (training_set.session_at(int(row)) for row in split.out_of_sample[[0, -1]])
    minutes, seconds = divmod(STUDY_SECONDS, 60)
    return (
        f"Images of {channels} {'index' if channels == 1 else 'indices'}, where the study had "
        f"{STUDY_CHANNELS}; {training_set.image_set.lookback} sessions in, "
        f"{period.horizon} ahead; {len(split.train)} images to train on, evaluated from {first} to "
        f"{last}.",
        f"{history.universe.target} from {period.first} to {period.last}, computed from these "
        f"sessions alone: {target.line}; the study says {STUDY_MISSING} of {STUDY_CELLS:,}. Its "
        "images here know the sessions before, so that no look-back is missing in them.",
        f"The study's wall time is {minutes} min {seconds} s. Its author's CPU, epochs and "
        "batches are not these: it is printed for its size, not as a race.",
    )


def _missing_row(name: str, missing: int, cells: int) -> Mapping[str, Cell]:
    return {
        "index": name,
        "missing": missing,
        "cells": cells,
        "share": round(missing / cells, 4) if cells else float("nan"),
    }


ORIGINAL = Experiment(
    name="original",
    question="Had the original study's network, trained on 2013 to 2016, known what came after?",
    quick=ExperimentSize(
        120,
        TrainingSettings(
            validation_sessions=40,
            calibration_sessions=40,
            fold_sessions=60,
            fold_epochs=1,
            stride=8,
            batch_size=32,
        ),
        NETWORKS,
        cut="one epoch over every eighth image, evaluated on the first 60 sessions of 2017",
    ),
    full=ExperimentSize(
        2100,
        TrainingSettings(epochs=30, fold_epochs=30, fold_sessions=750, stride=1),
        NETWORKS,
    ),
    conduct=repeat_study,
)
