"""Settle forecasts: what came of each once its horizon has passed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

import numpy as np

from factorprism.core.calendar import TradingCalendar
from factorprism.core.ledger import Forecast, Outcome
from factorprism.targets import FORWARD_RETURN, LABEL, Target


def settle_forecasts(
    forecasts: Iterable[Forecast],
    target: Target,
    closes: Mapping[date, float],
    calendar: TradingCalendar,
    as_of: date,
) -> list[Outcome]:
    """Return what came, as `target` defines it, of those `forecasts` whose horizon has passed.

    A horizon has passed by `as_of` when the known session of `calendar` has that is `horizon`
    sessions after the forecast's, wherever the forecast expected it. `closes` maps the symbol's
    sessions to its closing prices. A forecast stays open while a close that its outcome reads is
    missing.
    """
    outcomes = []
    for forecast in forecasts:
        end = find_horizon_end(forecast, calendar)
        if end is None or end > as_of:
            continue
        outcome = settle_at(forecast, target, end, closes, calendar)
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


def settle_at(
    forecast: Forecast,
    target: Target,
    end: date,
    closes: Mapping[date, float],
    calendar: TradingCalendar,
) -> Outcome | None:
    """Return what came of `forecast` by the close of session `end`, by the rule of the labels.

    None where a close is missing that the label of `target` reads, or where the day of the forecast
    was no session after all.
    """
    sessions = calendar.sessions(forecast.session, end).tolist()
    if sessions[:1] != [forecast.session]:
        return None
    path = np.array([closes.get(session, np.nan) for session in sessions])
    came = target.compute_outcomes(path, len(path) - 1)
    label, forward_return = float(came[LABEL][0]), float(came[FORWARD_RETURN][0])
    if np.isnan(label):
        return None
    return Outcome(
        signal=forecast.signal,
        session=forecast.session,
        model_id=forecast.model_id,
        symbol=forecast.symbol,
        value=label,
        forward_return=forward_return,
        horizon_end=end,
    )
