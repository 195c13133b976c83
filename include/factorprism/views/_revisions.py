"""Revised bars, and what had been said before: the forecasts and models that read the old value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from factorprism.core.arrays import as_days
from factorprism.core.calendar import TradingCalendar, calendar_of
from factorprism.core.ledger import IssuedForecast
from factorprism.core.models import KeptModel
from factorprism.core.universe import Universe
from factorprism.factors import CATALOGUE
from factorprism.market.bars import RevisedValue
from factorprism.warehouse import PostgresWarehouse

# Values that one page shows; older ones stand in the table bar_revisions.
SHOWN_VALUES = 200
Array = npt.NDArray[Any]


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
    warehouse: PostgresWarehouse, universe: Universe, signal: str
) -> tuple[RevisedBar, ...]:
    """Return the bars of `universe` that were revised last, the newest revision first."""
    values = warehouse.bars.list_revisions(universe.channels, SHOWN_VALUES)
    if not values:
        return ()
    models = warehouse.models.list_kept_models(signal, ())
    sessions = [value.session for value in values]
    longest = max((_sessions_read(model) for model in models), default=0)
    issued = warehouse.forecasts.list_issued(
        signal,
        min(sessions),
        # A year of calendar days holds 240 sessions or more.
        max(sessions) + timedelta(days=2 * longest),
        max(value.revised_at for value in values),
    )
    reading = _Reading(models, issued, calendar_of(universe.target), universe.channels)
    return tuple(_join(values, reading))


def _join(values: Sequence[RevisedValue], reading: _Reading) -> Iterator[RevisedBar]:
    for key, group in groupby(
        values, lambda value: (value.symbol, value.session, value.pull_id, value.revised_at)
    ):
        symbol, session, _, revised_at = key
        changes = tuple(Change(item.column, item.old_value, item.new_value) for item in group)
        yield RevisedBar(
            *key,
            changes,
            reading.find_forecasts(symbol, session, revised_at),
            reading.find_models(symbol, session, revised_at),
        )


class _Reading:
    """What each model and each forecast has read, as arrays to be asked for many bars."""

    def __init__(
        self,
        models: Sequence[KeptModel],
        issued: Sequence[IssuedForecast],
        calendar: TradingCalendar,
        symbols: Sequence[str],
    ) -> None:
        self._days = calendar.session_days
        self._models = models
        records = [model.record for model in models]
        self._trained_from = as_days([record.trained_from for record in records])
        self._trained_through = as_days([record.trained_through for record in records])
        self._saved_at = np.array([model.saved_at for model in models], "datetime64[us]")
        index = {record.model_id: row for row, record in enumerate(records)}
        self._issued = [item for item in issued if item.model_id in index]
        self._by = np.array([index[item.model_id] for item in self._issued], np.int64)
        self._session = as_days([item.session for item in self._issued])
        self._row = np.searchsorted(self._days, self._session)
        self._created_at = np.array([item.created_at for item in self._issued], "datetime64[us]")
        self._sessions_read = np.array([_sessions_read(model) for model in models], np.int64)
        self._has_channel = {
            symbol: np.array([symbol in record.channels for record in records], bool)
            for symbol in symbols
        }

    def find_forecasts(
        self, symbol: str, session: date, before: datetime
    ) -> tuple[IssuedForecast, ...]:
        """Return the forecasts issued before `before` that read the bar of `session`."""
        bar = np.searchsorted(self._days, np.datetime64(session, "D"))
        touched = (
            (self._session >= np.datetime64(session, "D"))
            & (self._row - bar < self._sessions_read[self._by])
            & (self._created_at < np.datetime64(before, "us"))
            & self._has_channel[symbol][self._by]
        )
        return tuple(self._issued[row] for row in np.flatnonzero(touched))

    def find_models(self, symbol: str, session: date, before: datetime) -> tuple[str, ...]:
        """Return the ids of the models saved before `before` that were trained on the bar."""
        day = np.datetime64(session, "D")
        touched = (
            (self._trained_from <= day)
            & (day <= self._trained_through)
            & (self._saved_at < np.datetime64(before, "us"))
            & self._has_channel[symbol]
        )
        rows: list[int] = np.flatnonzero(touched).tolist()
        return tuple(self._models[row].record.model_id for row in rows)


def _sessions_read(model: KeptModel) -> int:
    """Return how many sessions a forecast by `model` reads, its own session included."""
    lookbacks = [factor.lookback for factor in CATALOGUE if factor.name in model.record.factors]
    return model.record.lookback + max(lookbacks, default=0)
