"""Equity and drawdown curves: they draw what they are given and refuse what they cannot."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from factorprism.core.calendar import calendar_for
from factorprism.reports import render_backtest
from factorprism.reports._backtest import _compute_fall, _percent, _spread_apart

HELD = "buy and hold"


@pytest.fixture
def accounts():
    rng = np.random.default_rng(14)
    days = calendar_for("XSHG").sessions(date(2020, 1, 1), date(2020, 12, 31))
    names = (HELD, "inception", "logistic")
    return days, {name: np.exp(np.cumsum(rng.normal(0, 0.01, len(days)))) for name in names}


def test_the_same_backtests_are_the_same_bytes(accounts, tmp_path):
    days, equity = accounts
    path = tmp_path / "deep" / "a.png"
    options = {"reference": HELD, "title": "x", "path": path}
    drawn = render_backtest(days, equity, **options).read_bytes()
    assert render_backtest(days, equity, **options).read_bytes() == drawn
    other = {**equity, "inception": equity["inception"][::-1]}
    assert render_backtest(days, other, **options).read_bytes() != drawn


@pytest.mark.parametrize("n_sessions", [2, 5, 240])
def test_flat_and_short_backtests_can_be_drawn(accounts, tmp_path, n_sessions):
    days = accounts[0][:n_sessions]
    equity = {HELD: np.ones(n_sessions), "never": np.ones(n_sessions)}
    path = render_backtest(days, equity, reference=HELD, title="x", path=tmp_path / "a.png")
    assert path.stat().st_size > 0


def test_what_is_no_set_of_backtests_is_refused(accounts, tmp_path):
    days, equity = accounts
    for wrong, reference, message in [
        (equity, "other", "reference"),
        ({}, HELD, "reference"),
        ({HELD: np.ones(3)}, HELD, "shape"),
        ({HELD: np.zeros(len(days))}, HELD, "positive"),
        ({HELD: np.full(len(days), np.nan)}, HELD, "positive"),
        ({HELD: equity[HELD]} | {str(n): equity[HELD] for n in range(7)}, HELD, "8 lines"),
    ]:
        with pytest.raises(ValueError, match=message):
            render_backtest(days, wrong, reference=reference, title="x", path=tmp_path / "a.png")


def test_a_fall_is_counted_from_the_start_or_the_highest_point():
    fall = _compute_fall(np.array([0.9, 1.2, 0.9, 1.5]))
    np.testing.assert_allclose(fall, [-0.1, 0.0, -0.25, 0.0], atol=1e-12)


def test_percentages_have_a_sign_unless_they_round_to_nothing():
    assert [_percent(value) for value in (12.34, -0.04, 0.0)] == ["+12.3%", "0.0%", "0.0%"]
    assert _percent(-20.0, decimals=0) == "\N{MINUS SIGN}20%"


@pytest.mark.parametrize(
    ("wanted", "placed"),
    [
        ([1.0, 2.0, 0.0], [1.0, 2.0, 0.0]),
        ([1.0, 1.0], [0.9, 1.1]),
        ([0.0, 0.05, 2.0], [0.0, 0.2, 2.0]),
        ([3.0, 2.95], [3.0, 2.8]),
        ([1.0, 1.1, 1.15], [0.883, 1.083, 1.283]),
    ],
)
def test_labels_keep_their_order_and_distance_within_the_panel(wanted, placed):
    places = _spread_apart(np.array(wanted), 0.2, 3.0)
    np.testing.assert_allclose(places, placed, atol=1e-3)
