"""From a backtest's returns to the figures that describe it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from factorprism.core.calendar import TradingCalendar
from factorprism.evaluation.backtest._simulation import Backtest
from factorprism.targets import Column


@dataclass(frozen=True)
class BacktestStatistics:
    """The figures of one backtest over its `n_sessions`, costs paid.

    Shares, not percent. `annual_return` is the constant yearly growth that gives `total_return`;
    `annual_volatility` and `sharpe` scale with the square root of the sessions in a year, and cash
    returns nothing. `sharpe_error` is the standard error of `sharpe` and `psr` the probability that
    the true one is above zero. `max_drawdown` is the deepest fall from an earlier peak, positive.
    `turnover` is the value traded a year in units of equity, both sides counted; `exposure` the
    mean absolute position at the close; `cost_paid` all costs in units of the equity at the start.
    `sharpe`, `sharpe_error` and `psr` are NaN where the returns do not vary.
    """

    n_sessions: int
    total_return: float
    annual_return: float
    annual_volatility: float
    sharpe: float
    sharpe_error: float
    psr: float
    max_drawdown: float
    turnover: float
    exposure: float
    cost_paid: float


def compute_statistics(backtest: Backtest, sessions_per_year: float) -> BacktestStatistics:
    """Return the figures of `backtest`; moments, drawdown and PSR are those of skfolio.

    The error of the Sharpe ratio allows for skewed and heavy-tailed returns (Mertens 2002;
    Bailey and Lopez de Prado 2012, J. of Risk 15) and takes them as uncorrelated from one
    session to the next. Raises ``ValueError`` for fewer than 2 sessions or a year without any.
    """
    if len(backtest) < 2:
        raise ValueError(f"backtest: {len(backtest)} sessions, expected at least 2")
    if not sessions_per_year > 0:
        raise ValueError(f"sessions_per_year: {sessions_per_year}, allowed are positive numbers")
    # Imported here because the library takes seconds to import and few callers need it.
    from skfolio.measures import get_drawdowns, max_drawdown, standard_deviation

    returns, n_sessions = backtest.net_returns, len(backtest)
    final = float(backtest.equity[-1])
    yearly = float(np.sqrt(sessions_per_year))
    sharpe, error, psr = compute_sharpe(returns)
    return BacktestStatistics(
        n_sessions=n_sessions,
        total_return=final - 1.0,
        annual_return=final ** (sessions_per_year / n_sessions) - 1.0,
        annual_volatility=float(standard_deviation(returns)) * yearly,
        sharpe=sharpe * yearly,
        sharpe_error=error * yearly,
        psr=psr,
        # A flat backtest's drawdown is plainly 0, never -0.
        max_drawdown=abs(float(max_drawdown(get_drawdowns(returns, compounded=True)))),
        turnover=float(backtest.traded.sum()) * sessions_per_year / n_sessions,
        exposure=float(np.abs(backtest.positions).mean()),
        cost_paid=float(backtest.costs.sum()),
    )


def compute_sharpe(returns: Column) -> tuple[float, float, float]:
    """Return the Sharpe ratio of `returns` [session], its standard error, and its PSR over zero.

    All per session, against a rate of zero. The error is the one inside the probabilistic Sharpe
    ratio, sqrt((1 - skew * S + (kurtosis - 1) / 4 * S^2) / (n - 1)), so that PSR = Phi(S / error).
    """
    from skfolio.measures import kurtosis, mean, probabilistic_sharpe_ratio, skew
    from skfolio.measures import standard_deviation as deviation

    if np.ptp(returns) == 0.0:
        return float("nan"), float("nan"), float("nan")
    sharpe = float(mean(returns)) / float(deviation(returns))
    spread = 1.0 - float(skew(returns)) * sharpe + (float(kurtosis(returns)) - 1.0) / 4 * sharpe**2
    error = float(np.sqrt(spread / (len(returns) - 1)))
    return sharpe, error, float(probabilistic_sharpe_ratio(returns))


def count_sessions_per_year(calendar: TradingCalendar, first: date, last: date) -> float:
    """Return the calendar's mean number of sessions in the years that [`first`, `last`] touches.

    Whole years, so that a period around a long holiday is no year of fewer sessions. Raises
    `ConfigurationError` for years outside the calendar.
    """
    years = last.year - first.year + 1
    if years < 1:
        raise ValueError(f"last: {last}, expected not before {first}")
    return len(calendar.sessions(date(first.year, 1, 1), date(last.year, 12, 31))) / years
