"""Backtests of the contest's forecasts, by several rules; it decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from factorprism.core.arrays import DayArray, as_days
from factorprism.core.contest import FoldForecasts
from factorprism.evaluation.backtest import (
    BacktestRule,
    Comparison,
    Prices,
    compare_forecasts,
    count_sessions_per_year,
)
from factorprism.learning import TrainingSet
from factorprism.pipelines._run import Run
from factorprism.selection.contest import pool_folds

RULES: Mapping[str, Mapping[str, Any]] = {
    "long or flat, by threshold": {"sides": "long_flat", "sizing": "threshold"},
    "long or short, by threshold": {"sides": "long_short", "sizing": "threshold"},
    "long or flat, half Kelly": {"sides": "long_flat", "sizing": "kelly"},
    "long or short, half Kelly": {"sides": "long_short", "sizing": "kelly"},
}


def run_backtests(
    run: Run, training_set: TrainingSet, folds: Sequence[FoldForecasts]
) -> dict[str, Comparison]:
    """Return the backtests of all entrants on the out-of-sample sessions, by the name of the rule.

    None where the target says no probability of a rise, which the rules trade by.
    """
    if not training_set.target.probability:
        return {}
    prices = load_prices(run, as_days(training_set.image_set.sessions))
    columns = _spread(training_set, folds)
    out_of_sample = np.flatnonzero(~np.isnan(next(iter(columns.values()))))
    first, last = (training_set.session_at(int(row)) for row in out_of_sample[[0, -1]])
    yearly = count_sessions_per_year(run.calendar, first, last)
    return {
        name: compare_forecasts(
            prices,
            columns,
            BacktestRule(horizon=training_set.horizon, **rule),
            sessions_per_year=yearly,
            seed=run.config.seed,
        )
        for name, rule in RULES.items()
    }


def describe_backtests(backtests: Mapping[str, Comparison]) -> list[dict[str, Any]]:
    """Return the figures of `backtests` in a JSON-safe form."""
    return [
        {
            "rule": name,
            **RULES[name],
            "best": comparison.best,
            "deflated": comparison.deflated,
            "results": [
                {
                    "name": result.name,
                    **asdict(result.statistics),
                    "excess_return": [result.excess_return, result.lower, result.upper],
                }
                for result in comparison.results
            ],
        }
        for name, comparison in backtests.items()
    ]


def load_prices(run: Run, days: DayArray) -> Prices:
    """Return open and close of the target on `days` as they are held now, NaN without a bar."""
    first, last = (day.astype(date) for day in days[[0, -1]])
    bars = run.ports.warehouse.bars.load_bars([run.universe.target], first, last)
    held = bars.set_index("session").reindex(days.astype("datetime64[us]"))
    return Prices(days, held["open"].to_numpy("float64"), held["close"].to_numpy("float64"))


def _spread(
    training_set: TrainingSet, folds: Sequence[FoldForecasts]
) -> dict[str, npt.NDArray[np.float64]]:
    """Return each entrant's probabilities on all sessions, NaN where nothing was evaluated."""
    real = [fold for fold in folds if not fold.placebo]
    columns = {}
    for name in dict.fromkeys(fold.entrant for fold in real):
        pooled = pool_folds([fold for fold in real if fold.entrant == name], training_set)
        columns[name] = np.full(len(training_set.closes), np.nan)
        columns[name][pooled.rows] = pooled.values[training_set.target.probability]
    return columns
