"""Settle forecasts: what came of each once its horizon has passed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

import numpy as np

from factorprism.core.calendar import TradingCalendar
from factorprism.core.schemas import Forecast, Outcome


def settle_forecasts(
    forecasts: Iterable[Forecast],
    closes: Mapping[date, float],
    calendar: TradingCalendar,
    as_of: date,
) -> list[Outcome]:
    """Return the outcomes of those `forecasts` whose horizon has passed by `as_of`.

    It ends with the known session of `calendar` that is `horizon` sessions after the forecast's,
    wherever the forecast expected it. `closes` maps the target's sessions to its closing prices.
    A forecast whose first or last close is missing stays open.
    """
    outcomes = []
    for forecast in forecasts:
        end = find_horizon_end(forecast, calendar)
        outcome = settle_at(forecast, end, closes) if end is not None and end <= as_of else None
        if outcome is not None:
            outcomes.append(outcome)
    return outcomes


def find_horizon_end(forecast: Forecast, calendar: TradingCalendar) -> date | None:
    """Return the session that ends the horizon of `forecast`; None where it is not known yet."""
    days = calendar.session_days
    position = int(np.searchsorted(days, np.datetime64(forecast.session, "D"))) + forecast.horizon
    if position >= len(days):
        return None
    end: date = days[position].astype("datetime64[D]").astype(date)
    return end


def settle_at(forecast: Forecast, end: date, closes: Mapping[date, float]) -> Outcome | None:
    """Return what came of `forecast` by the close of session `end`; None where a close is missing.

    Up means close[end] > close[session], as in the labels.
    """
    first, last = closes.get(forecast.session), closes.get(end)
    if first is None or last is None:
        return None
    return Outcome(
        target=forecast.target,
        session=forecast.session,
        horizon=forecast.horizon,
        model_id=forecast.model_id,
        forward_return=last / first - 1.0,
        went_up=last > first,
        horizon_end=end,
    )
