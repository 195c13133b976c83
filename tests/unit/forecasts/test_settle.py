"""Outcomes: only of forecasts whose horizon has passed, by the same rule as the labels."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from factorprism.core.calendar import TradingCalendar, calendar_for
from factorprism.forecasts import settle_forecasts
from factorprism.targets import DIRECTION
from factorprism.targets.volatility import VOLATILITY
from ledger_rows import make_issued

START, END = date(2025, 12, 11), date(2025, 12, 31)


@pytest.fixture(scope="module")
def xshg() -> TradingCalendar:
    return calendar_for("XSHG")


@pytest.mark.parametrize(("end_close", "went_up"), [(101.0, True), (100.0, False), (99.0, False)])
def test_up_means_a_close_above_the_forecast_sessions_close(
    xshg: TradingCalendar, end_close: float, went_up: bool
) -> None:
    (outcome,) = settle_forecasts(
        [make_issued(START)], DIRECTION, {START: 100.0, END: end_close}, xshg, END
    )
    assert outcome.value == went_up
    assert outcome.forward_return == pytest.approx(end_close / 100.0 - 1.0)


def test_nothing_is_settled_before_its_horizon_has_passed(xshg: TradingCalendar) -> None:
    closes = {START: 100.0, END: 101.0}
    assert settle_forecasts([make_issued(START)], DIRECTION, closes, xshg, date(2025, 12, 30)) == []


def test_a_missing_close_leaves_the_forecast_open(xshg: TradingCalendar) -> None:
    assert settle_forecasts([make_issued(START)], DIRECTION, {START: 100.0}, xshg, END) == []


def test_a_forecast_of_a_day_that_was_no_session_stays_open(xshg: TradingCalendar) -> None:
    sunday = date(2025, 12, 14)
    closes = {
        day: 100.0 + n for n, day in enumerate(xshg.sessions(START, date(2026, 1, 9)).tolist())
    }
    row = replace(make_issued(START), session=sunday)
    assert settle_forecasts([row], DIRECTION, closes, xshg, date(2026, 1, 9)) == []


@pytest.mark.parametrize("expected", [date(2025, 12, 26), date(2026, 1, 9)])
def test_the_horizon_ends_with_the_session_that_came_and_not_with_the_expected_one(
    xshg: TradingCalendar, expected: date
) -> None:
    row = make_issued(START, horizon_end=expected, horizon_end_expected=True)
    closes = {START: 100.0, END: 101.0, expected: 90.0}
    (outcome,) = settle_forecasts([row], DIRECTION, closes, xshg, date(2026, 1, 9))
    assert (outcome.horizon_end, outcome.value) == (END, 1.0)


def test_a_horizon_whose_end_is_only_expected_stays_open(xshg: TradingCalendar) -> None:
    known = xshg.session_days <= np.datetime64("2025-12-30")
    early = TradingCalendar(
        "XSHG", xshg.session_days[known], xshg.close_times[known], date(2025, 12, 30)
    )
    closes = {START: 100.0, END: 101.0}
    assert early.offset(START, 14) == END
    assert settle_forecasts([make_issued(START)], DIRECTION, closes, early, date(2026, 1, 9)) == []


def test_an_outcome_reads_the_closes_that_its_target_does(xshg: TradingCalendar) -> None:
    """A direction needs the first and the last close, a volatility all between."""
    days = xshg.sessions(START, END).tolist()
    closes = {day: 100.0 + number for number, day in enumerate(days)}
    holed = {day: close for day, close in closes.items() if day != days[5]}
    assert len(settle_forecasts([make_issued(START)], DIRECTION, holed, xshg, END)) == 1
    assert settle_forecasts([make_issued(START)], VOLATILITY, holed, xshg, END) == []
    (outcome,) = settle_forecasts([make_issued(START)], VOLATILITY, closes, xshg, END)
    assert outcome.forward_return == pytest.approx(0.14)
