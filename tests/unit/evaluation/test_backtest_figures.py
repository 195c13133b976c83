"""The figures of a backtest, and several forecasts on the same sessions."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from factorprism.core.calendar import calendar_for
from factorprism.core.errors import ConfigurationError
from factorprism.evaluation.backtest import (
    BUY_AND_HOLD,
    Backtest,
    BacktestRule,
    Prices,
    compare_forecasts,
    compute_statistics,
    count_sessions_per_year,
)

YEAR = 242.0


def make_backtest(returns: list[float]) -> Backtest:
    net = np.array(returns)
    days = calendar_for("XSHG").sessions(date(2020, 1, 1), date(2024, 12, 31))[: len(net)]
    still = np.zeros(len(net))
    return Backtest(days, np.cumprod(1 + net), net, still + 0.5, still + 0.25, still + 0.001)


def test_the_figures_of_four_sessions_worked_out_by_hand():
    # Mean 0.01, deviations of 0.02: with n - 1 = 3 the standard deviation is 0.04 / sqrt(3), the
    # ratio sqrt(3) / 4. Skew is 0 and kurtosis 1, so that the error is sqrt(1 / 3).
    backtest = make_backtest([0.03, -0.01, 0.03, -0.01])
    figures = compute_statistics(backtest, YEAR)
    grown = 1.03**2 * 0.99**2
    assert figures.n_sessions == 4
    assert figures.total_return == pytest.approx(grown - 1)
    assert figures.annual_return == pytest.approx(grown ** (YEAR / 4) - 1)
    assert figures.annual_volatility == pytest.approx(0.04 / 3**0.5 * YEAR**0.5)
    assert figures.sharpe == pytest.approx(3**0.5 / 4 * YEAR**0.5)
    assert figures.sharpe_error == pytest.approx((YEAR / 3) ** 0.5)
    assert figures.psr == pytest.approx(0.7733726)  # the normal distribution at 3 / 4
    assert figures.max_drawdown == pytest.approx(0.01)
    assert figures.turnover == pytest.approx(0.25 * YEAR)
    assert figures.exposure == pytest.approx(0.5)
    assert figures.cost_paid == pytest.approx(0.004)


def test_the_sharpe_ratios_error_is_that_of_bailey_and_lopez_de_prado():
    # Their hedge fund, 2012: 24 months, ratio 0.458 a month, skewness -2.448, kurtosis 10.164.
    # sqrt((1 + 2.448 * 0.458 + 9.164 / 4 * 0.458^2) / 23) = 0.3363 and PSR(0) = 0.913. These are
    # 24 returns with those moments.
    returns = [-6.766, 1.448, 1.126, 2.876, -0.673, 0.659, 0.84, 2.181, 0.529, 0.613, -1.456]
    returns += [2.315, 2.383, 0.834, 1.718, -0.696, 0.841, 2.773, 1.684, 2.852, 0.314, 2.175]
    returns += [1.251, 2.16]
    figures = compute_statistics(make_backtest([value / 100 for value in returns]), 12.0)
    assert figures.sharpe == pytest.approx(1.59, abs=0.005)
    assert figures.sharpe_error == pytest.approx(0.3363 * 12**0.5, abs=5e-4)
    assert figures.psr == pytest.approx(0.913, abs=5e-4)


def test_drawdown_counts_from_the_start_and_from_each_peak():
    assert compute_statistics(make_backtest([-0.1, 0.05]), YEAR).max_drawdown == pytest.approx(0.1)
    backtest = make_backtest([0.1, -0.1, -0.1, 0.125, 0.3])
    assert compute_statistics(backtest, YEAR).max_drawdown == pytest.approx(0.19)


def test_a_flat_backtest_has_no_sharpe_ratio():
    figures = compute_statistics(make_backtest([0.0] * 10), YEAR)
    assert np.isnan([figures.sharpe, figures.sharpe_error, figures.psr]).all()
    assert (figures.annual_return, figures.annual_volatility, figures.max_drawdown) == (0, 0, 0)


def test_too_little_to_describe_is_refused():
    with pytest.raises(ValueError, match="1 sessions"):
        compute_statistics(make_backtest([0.1]), YEAR)
    with pytest.raises(ValueError, match="sessions_per_year"):
        compute_statistics(make_backtest([0.1, 0.2]), 0.0)


def test_a_year_has_the_sessions_that_its_calendar_gives_it():
    shanghai, new_york = calendar_for("XSHG"), calendar_for("XNYS")
    # The exchanges' own counts of 2019 and 2020: 244 and 243 in Shanghai, 252 and 253 in New York.
    assert count_sessions_per_year(shanghai, date(2019, 6, 3), date(2019, 6, 28)) == 244
    assert count_sessions_per_year(shanghai, date(2019, 6, 3), date(2020, 2, 28)) == 243.5
    assert count_sessions_per_year(new_york, date(2019, 6, 3), date(2020, 2, 28)) == 252.5
    with pytest.raises(ValueError, match="last"):
        count_sessions_per_year(shanghai, date(2020, 1, 2), date(2019, 1, 2))
    with pytest.raises(ConfigurationError):
        count_sessions_per_year(shanghai, date(1980, 1, 2), date(2019, 1, 2))


@pytest.fixture(scope="module")
def market() -> tuple[Prices, dict[str, np.ndarray]]:
    generator = np.random.default_rng(5)
    days = calendar_for("XSHG").sessions(date(2020, 1, 1), date(2024, 12, 31))[:500]
    closes = 1000.0 * np.exp(np.cumsum(generator.normal(0.0, 0.01, 500)))
    opens = closes * np.exp(generator.normal(0.0, 0.001, 500))
    out_of_sample = slice(50, 480)
    knows, chance = np.full(500, np.nan), np.full(500, np.nan)
    knows[out_of_sample] = closes[55:485] > closes[50:480]
    chance[out_of_sample] = generator.uniform(0.3, 0.7, 430)
    return Prices(days, opens, closes), {"knows": knows, "chance": chance}


RULE = BacktestRule(horizon=5)


def test_forecasts_are_compared_on_the_sessions_that_all_of_them_have(market):
    prices, forecasts = market
    forecasts = {**forecasts, "knows": forecasts["knows"].copy()}
    forecasts["knows"][:100] = np.nan
    comparison = compare_forecasts(prices, forecasts, RULE, sessions_per_year=YEAR, seed=1)
    assert [result.name for result in comparison.results] == [BUY_AND_HOLD, "knows", "chance"]
    for result in comparison.results:
        np.testing.assert_array_equal(result.backtest.sessions, prices.sessions[101:481])


def test_knowledge_is_distinguished_from_chance(market):
    prices, forecasts = market
    rule = replace(RULE, sides="long_short")
    comparison = compare_forecasts(prices, forecasts, rule, sessions_per_year=YEAR, seed=1)
    held, knows, chance = comparison.results
    assert (held.excess_return, held.lower, held.upper) == (0.0, 0.0, 0.0)
    assert knows.lower > 0.0
    assert chance.lower < 0.0
    years = len(knows.backtest) / YEAR
    ratio = knows.backtest.equity[-1] / held.backtest.equity[-1]
    assert knows.excess_return == pytest.approx(np.log(ratio) / years)
    assert comparison.best == "knows"
    assert 0.5 < comparison.deflated <= 1.0
    again = compare_forecasts(prices, forecasts, rule, sessions_per_year=YEAR, seed=1)
    assert again.results[1].lower == knows.lower


def test_the_more_is_tried_the_less_the_best_one_proves(market):
    prices, forecasts = market
    generator = np.random.default_rng(8)

    def draw() -> np.ndarray:
        return np.where(np.isnan(forecasts["chance"]), np.nan, generator.uniform(0.3, 0.7, 500))

    few = {"first": forecasts["chance"], "second": draw()}
    many = few | {f"more {number}": draw() for number in range(8)}
    deflated = []
    for tried in (few, many):
        comparison = compare_forecasts(prices, tried, RULE, sessions_per_year=YEAR, seed=1)
        best = next(item for item in comparison.results if item.name == comparison.best)
        assert comparison.deflated < best.statistics.psr
        deflated.append(best.statistics.psr - comparison.deflated)
    assert deflated[1] > deflated[0]


def test_without_a_trade_there_is_no_best(market):
    prices, forecasts = market
    never = np.where(np.isnan(forecasts["chance"]), np.nan, 0.1)
    comparison = compare_forecasts(prices, {"never": never}, RULE, sessions_per_year=YEAR, seed=1)
    assert comparison.best == ""
    assert np.isnan(comparison.deflated)


def test_forecasts_that_cannot_be_compared_are_refused(market):
    prices, forecasts = market
    chance = forecasts["chance"]
    for named, message in [
        ({}, "forecasts"),
        ({BUY_AND_HOLD: chance}, "forecasts"),
        ({"x": chance[:10]}, "'x'"),
        ({"x": chance + 1}, "'x'"),
        ({"x": chance, "y": np.full(500, np.nan)}, "y_prob"),
    ]:
        with pytest.raises(ValueError, match=message):
            compare_forecasts(prices, named, RULE, sessions_per_year=YEAR, seed=1)
