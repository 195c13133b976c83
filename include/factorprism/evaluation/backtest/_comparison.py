"""From several models' forecasts to their backtests on the same sessions, beside buy-and-hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from factorprism.evaluation.backtest._rule import BacktestRule, compute_targets
from factorprism.evaluation.backtest._simulation import Backtest, Prices, simulate_trades
from factorprism.evaluation.backtest._statistics import (
    BacktestStatistics,
    compute_sharpe,
    compute_statistics,
)
from factorprism.evaluation.resampling import BLOCK_HORIZONS, bootstrap_interval
from factorprism.targets import Column

BUY_AND_HOLD = "buy and hold"


@dataclass(frozen=True)
class BacktestResult:
    """One forecast's backtest and figures.

    `excess_return` is its yearly mean log return above buy-and-hold's, `lower` and `upper` the ends
    of the 95% interval, a circular block bootstrap of the paired sessions; all three are 0 for
    buy-and-hold itself.
    """

    name: str
    backtest: Backtest = field(repr=False)
    statistics: BacktestStatistics
    excess_return: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Comparison:
    """Backtests on the same sessions, buy-and-hold first, the others in the order they came.

    `best` names the forecast of the highest Sharpe ratio and `deflated` is the probability that
    its true ratio is above zero, adjusted for the number that was tried; "" and NaN where no
    backtest's returns vary.
    """

    results: tuple[BacktestResult, ...]
    best: str
    deflated: float


def run_backtest(prices: Prices, y_prob: Column, rule: BacktestRule) -> Backtest:
    """Return the backtest that follows `y_prob` [session], NaN where there is no forecast.

    It opens on the session after the first forecast and ends on the one after the last, its
    position valued at that close. Sessions between without a forecast count. Row t of the result
    reads prices up to its session and forecasts before it. Raises ``ValueError`` for other shapes,
    values outside [0, 1], or where no forecast is followed by a session.
    """
    period = _period(prices, y_prob)
    targets = compute_targets(prices.closes, y_prob, rule)
    return _trade(prices, targets, period, rule)


def run_buy_and_hold(prices: Prices, y_prob: Column, rule: BacktestRule) -> Backtest:
    """Return the backtest that buys all it can on the sessions of `run_backtest` and keeps it."""
    return _trade(prices, np.ones(len(prices)), _period(prices, y_prob), rule)


def trade_forecasts(
    prices: Prices, forecasts: Mapping[str, Column], rule: BacktestRule
) -> dict[str, Backtest]:
    """Return the backtest of each of `forecasts` (name to y_prob [session]), buy-and-hold's first.

    A session that one of them lacks is taken from all, so that all are evaluated alike. Raises as
    `run_backtest` does, and for a forecast named as buy-and-hold is.
    """
    if not forecasts or BUY_AND_HOLD in forecasts:
        raise ValueError(f"forecasts: {sorted(forecasts)}, expected names but {BUY_AND_HOLD!r}")
    for name, y_prob in forecasts.items():
        _check(prices, y_prob, f"forecasts[{name!r}]")
    lacking = np.any([np.isnan(y_prob) for y_prob in forecasts.values()], axis=0)
    shared = {name: np.where(lacking, np.nan, y_prob) for name, y_prob in forecasts.items()}
    held = run_buy_and_hold(prices, next(iter(shared.values())), rule)
    own = {name: run_backtest(prices, y_prob, rule) for name, y_prob in shared.items()}
    return {BUY_AND_HOLD: held, **own}


def compare_forecasts(
    prices: Prices,
    forecasts: Mapping[str, Column],
    rule: BacktestRule,
    *,
    sessions_per_year: float,
    seed: int,
) -> Comparison:
    """Return the backtest of each of `forecasts` (name to y_prob [session]) by `rule`.

    Excess is over buy-and-hold. Raises as `trade_forecasts` does.
    """
    backtests = trade_forecasts(prices, forecasts, rule)
    held = backtests[BUY_AND_HOLD]
    results = tuple(
        BacktestResult(
            name,
            backtest,
            compute_statistics(backtest, sessions_per_year),
            *_measure_excess_return(backtest, held, sessions_per_year, rule.horizon, seed),
        )
        for name, backtest in backtests.items()
    )
    return Comparison(results, *_deflate(backtests))


def _measure_excess_return(
    backtest: Backtest, other: Backtest, sessions_per_year: float, horizon: int, seed: int
) -> tuple[float, float, float]:
    gaps = np.log1p(backtest.net_returns) - np.log1p(other.net_returns)

    def yearly(drawn: Column) -> Column:
        return np.array([drawn.mean() * sessions_per_year])

    block = BLOCK_HORIZONS * horizon
    lower, upper = bootstrap_interval(yearly, gaps, block=block, seed=seed)
    return float(yearly(gaps)[0]), float(lower[0]), float(upper[0])


def _deflate(backtests: Mapping[str, Backtest]) -> tuple[str, float]:
    """Name the best forecast and its deflated Sharpe ratio (Bailey and Lopez de Prado 2014)."""
    from skfolio.measures import deflated_sharpe_ratio

    sharpes = {
        name: compute_sharpe(backtest.net_returns)[0]
        for name, backtest in backtests.items()
        if name != BUY_AND_HOLD
    }
    known = {name: sharpe for name, sharpe in sharpes.items() if not np.isnan(sharpe)}
    if not known:
        return "", float("nan")
    best = max(known, key=known.__getitem__)
    trials = np.array(list(known.values()))
    return best, float(deflated_sharpe_ratio(backtests[best].net_returns, trials))


def _trade(prices: Prices, targets: Column, period: slice, rule: BacktestRule) -> Backtest:
    shown = Prices(prices.sessions[period], prices.opens[period], prices.closes[period])
    return simulate_trades(
        shown,
        targets[period],
        cost_share=rule.cost_share,
        drift_tolerance=rule.drift_tolerance,
    )


def _period(prices: Prices, y_prob: Column) -> slice:
    _check(prices, y_prob, "y_prob")
    out_of_sample = np.flatnonzero(~np.isnan(y_prob))
    if not len(out_of_sample) or out_of_sample[0] + 1 >= len(prices):
        raise ValueError("y_prob: no forecast is followed by a session")
    return slice(int(out_of_sample[0]) + 1, min(int(out_of_sample[-1]) + 2, len(prices)))


def _check(prices: Prices, y_prob: Column, name: str) -> None:
    if y_prob.shape != prices.sessions.shape:
        raise ValueError(f"{name}: shape {y_prob.shape}, expected {prices.sessions.shape}")
    if ((y_prob < 0.0) | (y_prob > 1.0)).any():
        raise ValueError(f"{name}: values lie outside [0, 1]")
