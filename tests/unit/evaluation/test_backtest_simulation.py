"""The backtest of a forecast: rules, execution at the next open, costs, and no look-ahead."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from factorprism.core.calendar import calendar_for
from factorprism.evaluation.backtest import (
    BacktestRule,
    Prices,
    compute_targets,
    run_backtest,
    run_buy_and_hold,
)

NONE = np.nan
# Fees of 6 and slippage of 4 bps: 0.1% of every trade's value.
LATEST = BacktestRule(horizon=2, holding="latest", cost_bps=6.0, slippage_bps=4.0)
# Kelly stakes that stay below the cap show all that they have read.
RULES = [
    replace(LATEST, horizon=5, sides=sides, sizing=sizing, holding=holding, kelly_fraction=0.02)
    for sides in ("long_flat", "long_short")
    for sizing in ("threshold", "kelly")
    for holding in ("latest", "tranches")
]


def days(n_sessions: int) -> np.ndarray:
    return calendar_for("XSHG").sessions(date(2020, 1, 1), date(2024, 12, 31))[:n_sessions]


def make_prices(opens: list[float], closes: list[float]) -> Prices:
    return Prices(days(len(opens)), np.array(opens), np.array(closes))


@pytest.fixture(scope="module")
def market() -> tuple[Prices, np.ndarray]:
    """Prices of 600 sessions, and forecasts of chance from session 300 to 590 with gaps."""
    generator = np.random.default_rng(14)
    closes = 1000.0 * np.exp(np.cumsum(generator.normal(0.0, 0.012, 600)))
    opens = closes * np.exp(generator.normal(0.0, 0.004, 600))
    y_prob = np.full(600, NONE)
    y_prob[300:590] = generator.uniform(0.3, 0.7, 290)
    y_prob[[310, 311, 400]] = NONE
    return Prices(days(600), opens, closes), y_prob


FIVE = make_prices([100, 102, 101, 104, 103], [101, 103, 100, 105, 102])


def test_five_sessions_worked_out_by_hand_to_the_cent():
    # 100,000 CNY. The forecast of the first session buys at the second open, 102, for
    # 100,000 / 1.001 = 99,900.10 and a cost of 99.90: 979.41274412 units. They close at 103 and,
    # held on, at 100. The third session's forecast sells at 104 for 101,858.93 less 101.86.
    backtest = run_backtest(FIVE, np.array([0.6, 0.6, 0.4, 0.4, NONE]), LATEST)
    cents = np.round(100_000 * backtest.equity, 2)
    np.testing.assert_array_equal(cents, [100_879.51, 97_941.27, 101_757.07, 101_757.07])
    np.testing.assert_array_equal(np.round(100_000 * backtest.costs, 2), [99.90, 0, 101.86, 0])
    np.testing.assert_allclose(backtest.positions, [1.0, 1.0, 0.0, 0.0], atol=1e-12)
    np.testing.assert_array_equal(backtest.sessions, FIVE.sessions[1:])


def test_a_short_worked_out_by_hand_to_the_cent():
    # Wanted: -equity after cost. Sold at 102 for 100,000 / 1.001, cost 99.90: 979.41274412 units
    # due. At 103 they cost 100,879.51 of the 199,800.20 in cash; at 100 97,941.27.
    rule = replace(LATEST, sides="long_short", drift_tolerance=1.0)
    backtest = run_backtest(FIVE, np.array([0.4, 0.4, 0.5, NONE, NONE]), rule)
    # Bought back at 104 for 101,858.93 and 101.86: 97,839.42 is left.
    cents = np.round(100_000 * backtest.equity, 2)
    np.testing.assert_array_equal(cents, [98_920.69, 101_858.93, 97_839.42])
    assert backtest.positions[0] == pytest.approx(-100_879.51 / 98_920.69, abs=1e-6)


def test_a_forecast_is_traded_at_the_next_open_and_not_before():
    backtest = run_backtest(FIVE, np.array([0.4, 0.6, 0.4, 0.4, 0.4]), LATEST)
    assert backtest.traded[0] == 0.0
    assert backtest.positions[0] == 0.0  # the session whose close gave the forecast
    assert backtest.traded[1] == pytest.approx(1 / 1.001)
    # Bought at the open of 101, valued at the close of 100, sold at the open of 104.
    assert backtest.equity[1] == pytest.approx(100 / 101 / 1.001)
    assert backtest.equity[2] == pytest.approx(104 / 101 / 1.001 * 0.999)


def test_nothing_bought_is_sold_on_the_same_session():
    # One trade a session, at its open: whatever changes, a purchase is kept over the close.
    backtest = run_backtest(FIVE, np.array([0.6, 0.4, 0.6, 0.4, NONE]), LATEST)
    assert (backtest.traded > 0).all()
    np.testing.assert_allclose(backtest.positions, [1.0, 0.0, 1.0, 0.0], atol=1e-12)


def test_tranches_hold_each_forecast_for_its_horizon():
    rule = BacktestRule(horizon=3)
    y_prob = np.array([0.6, 0.4, 0.6, NONE, NONE, NONE, NONE])
    targets = compute_targets(np.full(7, 100.0), y_prob, rule)
    np.testing.assert_allclose(targets, np.array([0, 1, 1, 2, 1, 1, 0]) / 3)
    latest = compute_targets(np.full(7, 100.0), y_prob, replace(rule, holding="latest"))
    np.testing.assert_array_equal(latest, [0, 1, 0, 1, 0, 0, 0])


def test_long_and_short_start_beyond_the_threshold_and_never_pass_the_cap():
    rule = BacktestRule(holding="latest", sides="long_short", threshold=0.55, cap=0.8)
    y_prob = np.array([0.55, 0.56, 0.45, 0.44, 1.0, 0.0, 0.5])
    targets = compute_targets(np.full(7, 100.0), y_prob, rule)
    np.testing.assert_array_equal(targets, [0, 0, 0.8, 0, -0.8, 0.8, -0.8])
    low = replace(rule, sides="long_flat", threshold=0.3)
    np.testing.assert_array_equal(
        compute_targets(np.full(3, 100.0), np.array([0.5, 0.2, 0.5]), low), [0, 0.8, 0]
    )


def test_kelly_stakes_what_thorp_gives_for_the_moves_known_by_then():
    # Moves alternate: +10% and, back again, -1/11. p = 1/2: 0.5 * 11 - 0.5 * 10 = 1/2; half of it.
    closes = np.where(np.arange(200) % 2 == 0, 100.0, 110.0)
    rule = BacktestRule(horizon=1, holding="latest", sides="long_short", sizing="kelly")
    targets = compute_targets(closes, np.full(200, 0.5), rule)
    np.testing.assert_allclose(targets[122:], 0.25)
    np.testing.assert_array_equal(targets[:119], 0.0)  # fewer than 60 moves of each kind
    # A rise is expected less often than it takes to break even: p = 10 / 21.
    even = compute_targets(closes, np.full(200, 10 / 21), rule)
    np.testing.assert_allclose(even, 0.0, atol=1e-12)
    sure = compute_targets(closes, np.full(200, 0.0), rule)
    np.testing.assert_array_equal(sure[122:], -1.0)


@pytest.mark.parametrize("rule", RULES)
def test_what_comes_after_a_session_changes_nothing_up_to_it(market, rule):
    prices, y_prob = market
    backtest = run_backtest(prices, y_prob, rule)
    for row in (301, 309, 355, 400, 401, 589):
        opens, closes, later = prices.opens.copy(), prices.closes.copy(), y_prob.copy()
        opens[row + 1 :] *= 0.9
        closes[row + 1 :] *= 1.1
        # The forecast of the session itself is known only after its close.
        later[row:590] = 1.0 - y_prob[row:590]
        changed = run_backtest(Prices(prices.sessions, opens, closes), later, rule)
        known = row - 300
        for name in ("equity", "net_returns", "positions", "traded", "costs"):
            before, after = getattr(backtest, name), getattr(changed, name)
            np.testing.assert_array_equal(before[:known], after[:known])
        cut = Prices(prices.sessions[: row + 1], prices.opens[: row + 1], prices.closes[: row + 1])
        np.testing.assert_array_equal(
            run_backtest(cut, y_prob[: row + 1], rule).equity[:known], backtest.equity[:known]
        )


@pytest.mark.parametrize("rule", RULES)
def test_the_dearer_the_trade_the_less_is_left(market, rule):
    finals = [
        run_backtest(*market, replace(rule, cost_bps=cost, slippage_bps=slippage)).equity[-1]
        for cost, slippage in [(0, 0), (0, 2), (5, 2), (20, 2), (20, 50)]
    ]
    assert (np.diff(finals) < 0).all()


@pytest.mark.parametrize("holding", ["latest", "tranches"])
@pytest.mark.parametrize("sides", ["long_flat", "long_short"])
def test_perfect_foresight_beats_buy_and_hold(market, sides, holding):
    prices, _ = market
    rule = BacktestRule(horizon=5, sides=sides, holding=holding)
    y_prob = np.full(600, NONE)
    y_prob[300:590] = prices.closes[305:595] > prices.closes[300:590]
    backtest = run_backtest(prices, y_prob, rule)
    assert backtest.equity[-1] > run_buy_and_hold(prices, y_prob, rule).equity[-1] + 0.2


def test_forecasts_that_ask_for_nothing_leave_the_backtest_flat(market):
    prices, y_prob = market
    for sides in ("long_flat", "long_short"):
        rule = BacktestRule(sides=sides)
        backtest = run_backtest(prices, np.where(np.isnan(y_prob), NONE, 0.5), rule)
        np.testing.assert_array_equal(backtest.equity, 1.0)
        np.testing.assert_array_equal(backtest.traded, 0.0)


def test_buy_and_hold_pays_once_and_then_follows_the_index(market):
    prices, y_prob = market
    backtest = run_buy_and_hold(prices, y_prob, LATEST)
    assert len(backtest) == 290  # the sessions after the forecasts of 300 to 589
    followed = prices.closes[301:591] / prices.opens[301] / 1.001
    np.testing.assert_allclose(backtest.equity, followed, rtol=1e-12)
    assert np.count_nonzero(backtest.traded) == 1


def test_equity_is_the_product_of_its_net_returns(market):
    backtest = run_backtest(*market, LATEST)
    np.testing.assert_allclose(np.cumprod(1 + backtest.net_returns), backtest.equity, rtol=1e-12)


def test_a_drifted_short_is_brought_back_to_what_is_wanted():
    rising = list(100.0 * 1.02 ** np.arange(60))
    prices = make_prices(rising, rising)
    rule = replace(LATEST, sides="long_short")
    backtest = run_backtest(prices, np.full(60, 0.2), rule)
    assert (np.abs(backtest.positions + 1.0) < 0.08).all()
    assert np.count_nonzero(backtest.traded) > 10


def test_a_short_that_loses_all_is_refused():
    prices = make_prices([100, 100, 100, 250], [100, 100, 100, 250])
    rule = replace(LATEST, sides="long_short")
    with pytest.raises(ValueError, match=r"the short lost more than all"):
        run_backtest(prices, np.full(4, 0.2), rule)


def test_an_order_waits_for_a_session_with_prices():
    prices = make_prices([100, NONE, 101, 104, 103], [101, NONE, 100, 105, 102])
    backtest = run_backtest(prices, np.array([0.6, 0.6, 0.6, 0.6, NONE]), LATEST)
    np.testing.assert_array_equal(backtest.traded > 0, [False, True, False, False])
    held = make_prices([100, 102, NONE, 104, 103], [101, 103, NONE, 105, 102])
    backtest = run_backtest(held, np.array([0.6, 0.6, 0.6, 0.6, NONE]), LATEST)
    assert backtest.net_returns[1] == 0.0
    assert backtest.net_returns[2] == pytest.approx(105 / 103 - 1)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sides", "short"),
        ("sizing", "all"),
        ("holding", "ever"),
        ("horizon", 0),
        ("threshold", 1.0),
        ("cap", 1.5),
        ("kelly_fraction", 0.0),
        ("cost_bps", -1.0),
        ("slippage_bps", float("nan")),
        ("drift_tolerance", -0.1),
    ],
)
def test_a_rule_that_cannot_be_is_refused(field, value):
    with pytest.raises(ValueError, match=field):
        replace(LATEST, **{field: value})
    with pytest.raises(ValueError, match="threshold"):
        BacktestRule(sides="long_short", threshold=0.4)


def test_prices_and_forecasts_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="closes"):
        make_prices([100, 101], [100])
    with pytest.raises(ValueError, match="opens"):
        make_prices([0, 101], [100, 100])
    with pytest.raises(ValueError, match="sessions"):
        Prices(FIVE.sessions[::-1], FIVE.opens, FIVE.closes)
    for y_prob in ([0.5] * 4, [1.1] * 5, [NONE] * 5, [NONE] * 4 + [0.6]):
        with pytest.raises(ValueError, match="y_prob"):
            run_backtest(FIVE, np.array(y_prob), LATEST)
