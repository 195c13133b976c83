"""Backtests of forecasts on their out-of-sample sessions, costs paid, beside buy-and-hold.

It describes a model and never decides a promotion.
"""

from factorprism.evaluation.backtest._comparison import (
    BUY_AND_HOLD,
    BacktestResult,
    Comparison,
    compare_forecasts,
    run_backtest,
    run_buy_and_hold,
    trade_forecasts,
)
from factorprism.evaluation.backtest._rule import BacktestRule, compute_targets
from factorprism.evaluation.backtest._simulation import Backtest, Prices
from factorprism.evaluation.backtest._statistics import (
    BacktestStatistics,
    compute_statistics,
    count_sessions_per_year,
)

__all__ = [
    "BUY_AND_HOLD",
    "Backtest",
    "BacktestResult",
    "BacktestRule",
    "BacktestStatistics",
    "Comparison",
    "Prices",
    "compare_forecasts",
    "compute_statistics",
    "compute_targets",
    "count_sessions_per_year",
    "run_backtest",
    "run_buy_and_hold",
    "trade_forecasts",
]
