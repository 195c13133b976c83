"""Settle forecasts: what came of each once its horizon has passed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from factorprism.core.schemas import Forecast, Outcome


def settle_forecasts(
    forecasts: Iterable[Forecast], closes: Mapping[date, float], as_of: date
) -> list[Outcome]:
    """Return the outcomes of those `forecasts` whose horizon end is not after `as_of`.

    `closes` maps the target's sessions to its closing prices. A forecast whose first or last close
    is missing stays open. Up means close[horizon_end] > close[session], as in the labels.
    """
    outcomes = []
    for forecast in forecasts:
        start, end = closes.get(forecast.session), closes.get(forecast.horizon_end)
        if forecast.horizon_end > as_of or start is None or end is None:
            continue
        outcomes.append(
            Outcome(
                target=forecast.target,
                session=forecast.session,
                horizon=forecast.horizon,
                model_id=forecast.model_id,
                forward_return=end / start - 1.0,
                went_up=end > start,
                horizon_end=forecast.horizon_end,
            )
        )
    return outcomes
