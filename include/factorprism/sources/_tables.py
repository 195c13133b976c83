"""The part that `files` and `sample` share: whole histories at hand, cut to what is asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime

import numpy as np
import pandas as pd

from factorprism.core.arrays import DayArray, as_days
from factorprism.core.calendar import TradingCalendar, calendar_of
from factorprism.core.errors import EmptyResponse
from factorprism.core.sessions import utc_now
from factorprism.market.bars import Pull
from factorprism.sources._published import last_final_day, require_range


class TableSource(ABC):
    """A source whose bars of a symbol are one table; implements `market.ports.BarSource`."""

    name: str

    def __init__(
        self,
        *,
        now: Callable[[], datetime] = utc_now,
        calendar_of: Callable[[str], TradingCalendar] = calendar_of,
    ) -> None:
        self._now = now
        self._calendar_of = calendar_of

    @abstractmethod
    def _load(self, symbol: str) -> pd.DataFrame:
        """Return the bar frame of `symbol`; raises `SourceError` where there is none."""

    def fetch_bars(self, symbols: Sequence[str], first: date, last: date) -> Iterator[Pull]:
        """Yield one pull a symbol for [`first`, `last`]; see `market.ports.BarSource`."""
        require_range(first, last)
        return self._fetch(tuple(symbols), first, last)

    def _fetch(self, symbols: tuple[str, ...], first: date, last: date) -> Iterator[Pull]:
        for symbol in symbols:
            final = last_final_day(symbol, self._calendar_of(symbol), last, self._now())
            if final < first:
                continue
            bars = self._load(symbol)
            inside = bars["session"].between(pd.Timestamp(first), pd.Timestamp(final))
            yield Pull(
                source=self.name,
                symbol=symbol,
                first=first,
                last=final,
                bars=bars[inside].reset_index(drop=True),
                fetched_at=self._now(),
            )

    def fetch_days(self, exchange: str, first: date, last: date) -> dict[date, bool]:
        """Return nothing: bars at hand say nothing about days that are still to come."""
        return {}

    def latest_session(self, symbol: str, now: datetime) -> date:
        """Return the last session of `symbol` with a bar that is final at `now` (naive, UTC)."""
        calendar = self._calendar_of(symbol)
        days = self._days(symbol)
        # A row on a day without trading is the gate's to find, but it is no session.
        held = np.intersect1d(days, calendar.settled_by(days).session_days)
        final = held[held <= np.datetime64(calendar.last_published(now), "D")]
        if not len(final):
            raise EmptyResponse(f"source {self.name!r} has no bars of {symbol} published by {now}")
        latest: date = final[-1].astype(date)
        return latest

    def first_session(self, symbol: str) -> date:
        """Return the day of the first bar of `symbol`."""
        first: date = self._days(symbol)[0].astype(date)
        return first

    def final_session(self, symbol: str) -> date | None:
        """Return None: whoever keeps the bars may add to them."""
        return None

    def _days(self, symbol: str) -> DayArray:
        return as_days(self._load(symbol)["session"])
