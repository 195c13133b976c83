"""Revised bars, and what had been said before: the forecasts and models that read the old value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby

import numpy as np

from factorprism.core.calendar import TradingCalendar, calendar_of
from factorprism.core.ports import Warehouse
from factorprism.core.readings import IssuedForecast, KeptModel, RevisedValue
from factorprism.core.universe import Universe
from factorprism.factors import CATALOGUE

# Values that one page shows; older ones stand in the table bar_revisions.
SHOWN_VALUES = 200


@dataclass(frozen=True)
class Change:
    """One column of a revised bar."""

    column: str
    old_value: float
    new_value: float


@dataclass(frozen=True)
class RevisedBar:
    """A bar that a later pull changed, with the forecasts and models made from the old one.

    A forecast is touched when it was issued before the revision and the bar lies in its window or
    in the look-back of a factor before it; a model, when it was saved before the revision, and
    trained through the bar's session. Recursive factors carry a trace of older bars, which is not
    counted.
    """

    symbol: str
    session: date
    pull_id: int
    revised_at: datetime
    changes: tuple[Change, ...]
    forecasts: tuple[IssuedForecast, ...] = field(default=(), repr=False)
    models: tuple[str, ...] = ()


def load_revisions(
    warehouse: Warehouse, universe: Universe, models: Sequence[KeptModel]
) -> tuple[RevisedBar, ...]:
    """Return the bars of `universe` that were revised last, the newest revision first."""
    values = warehouse.readings.list_revisions(universe.channels, SHOWN_VALUES)
    if not values:
        return ()
    calendar = calendar_of(universe.target)
    reach = max((_reach(model) for model in models), default=1)
    first = min(value.session for value in values)
    issued = warehouse.readings.list_issued(
        universe.name,
        first,
        _offset(calendar, max(value.session for value in values), reach),
        max(value.revised_at for value in values),
    )
    by_id = {model.record.model_id: model for model in models}
    return tuple(_join(values, issued, by_id, calendar))


def _join(
    values: Sequence[RevisedValue],
    issued: Sequence[IssuedForecast],
    models: Mapping[str, KeptModel],
    calendar: TradingCalendar,
) -> Iterator[RevisedBar]:
    for key, group in groupby(
        values, lambda value: (value.symbol, value.session, value.pull_id, value.revised_at)
    ):
        symbol, session, _, revised_at = key
        changes = tuple(Change(item.column, item.old_value, item.new_value) for item in group)
        touched = (
            item
            for item in issued
            if item.model_id in models
            and item.created_at < revised_at
            and symbol in models[item.model_id].record.channels
            and _reads(item, session, models[item.model_id], calendar)
        )
        trained = (
            model.record.model_id
            for model in models.values()
            if model.saved_at < revised_at
            and symbol in model.record.channels
            and model.record.trained_from <= session <= model.record.trained_through
        )
        yield RevisedBar(*key, changes, tuple(touched), tuple(trained))


def _reads(
    forecast: IssuedForecast, session: date, model: KeptModel, calendar: TradingCalendar
) -> bool:
    pair = np.array([session, forecast.session], dtype="datetime64[D]")
    bar, last = np.searchsorted(calendar.session_days, pair).tolist()
    return bool(session <= forecast.session and last - bar < _reach(model))


def _reach(model: KeptModel) -> int:
    """Return how many sessions a forecast by `model` reads, its own session included."""
    lookbacks = [factor.lookback for factor in CATALOGUE if factor.name in model.record.factors]
    return model.record.lookback + max(lookbacks, default=0)


def _offset(calendar: TradingCalendar, day: date, n_sessions: int) -> date:
    """Return the session `n_sessions` after `day`, or the calendar's last."""
    place = int(np.searchsorted(calendar.session_days, np.datetime64(day, "D"))) + n_sessions
    last: date = calendar.session_days[min(place, len(calendar.session_days) - 1)].astype(date)
    return last
