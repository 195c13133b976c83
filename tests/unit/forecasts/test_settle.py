"""Outcomes: only of forecasts whose horizon has passed, by the same rule as the labels."""

from __future__ import annotations

from datetime import date

import pytest

from factorprism.core.schemas import Forecast, ForecastState
from factorprism.forecasts import settle_forecasts

START, END = date(2025, 12, 11), date(2025, 12, 31)


def _forecast() -> Forecast:
    return Forecast("000300.SH", START, 14, END, "m", ForecastState.ISSUED, p_up=0.5)


@pytest.mark.parametrize(("end_close", "went_up"), [(101.0, True), (100.0, False), (99.0, False)])
def test_up_means_a_close_above_the_forecast_sessions_close(
    end_close: float, went_up: bool
) -> None:
    (outcome,) = settle_forecasts([_forecast()], {START: 100.0, END: end_close}, END)
    assert outcome.went_up is went_up
    assert outcome.forward_return == pytest.approx(end_close / 100.0 - 1.0)


def test_nothing_is_settled_before_its_horizon_has_passed() -> None:
    closes = {START: 100.0, END: 101.0}
    assert settle_forecasts([_forecast()], closes, date(2025, 12, 30)) == []


def test_a_missing_close_leaves_the_forecast_open() -> None:
    assert settle_forecasts([_forecast()], {START: 100.0}, END) == []
