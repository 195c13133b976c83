"""The tushare source: the vendor's client asked in windows, at a pace, for published sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime

import numpy as np

from factorprism.core.arrays import DayArray
from factorprism.core.calendar import TradingCalendar, calendar_of, library_calendar
from factorprism.core.errors import EmptyResponse
from factorprism.core.sessions import utc_now
from factorprism.market.bars import Pull
from factorprism.sources._convert import (
    CALENDAR_FIELDS,
    FIELDS,
    convert_bars,
    convert_days,
    day_text,
)
from factorprism.sources._endpoints import (
    BASE_DATES,
    CALENDAR_EXCHANGES,
    CALENDAR_ROW_CAP,
    endpoint_of,
)
from factorprism.sources._pace import Clock, Pace
from factorprism.sources._published import last_final_day, require_range
from factorprism.sources._vendor import Page, Vendor
from factorprism.sources._windows import DayRange, Series, fetch_complete, split_windows


class TushareSource:
    """Daily bars of Chinese indices, funds and stocks; implements `market.ports.BarSource`.

    Prices of funds and stocks are unadjusted. Each pull covers one window of up to five years
    whose end does not depend on the range asked for, so that an interrupted backfill meets the
    same windows again. `token` stands in no representation, log line or error.
    """

    name = "tushare"

    def __init__(
        self,
        token: str,
        *,
        url: str,
        calls_per_minute: int,
        history_start: date,
        now: Callable[[], datetime] = utc_now,
        calendar_of: Callable[[str], TradingCalendar] = calendar_of,
        clock: Clock | None = None,
        timeout_seconds: float = 30.0,
    ) -> None:
        self._vendor = Vendor(token, url, timeout_seconds)
        self._pace = Pace(calls_per_minute, clock)
        self._history_start = history_start
        self._now = now
        self._calendar_of = calendar_of

    def __repr__(self) -> str:
        return f"TushareSource({self._vendor!r})"

    def fetch_bars(self, symbols: Sequence[str], first: date, last: date) -> Iterator[Pull]:
        """Yield one pull a window, oldest first, that together cover [`first`, `last`].

        Sessions that are not published yet are left out with a warning. Sessions that the vendor
        does not have stay absent, for the gate to find.

        Raises
        ------
        Throttled, AccessDenied
            If the vendor refuses beyond what can be waited out.
        EmptyResponse
            If an index of `BASE_DATES` has no row in a window with sessions.
        MalformedResponse
            If an answer is not in the vendor's form, or stays truncated however it is asked for.
        SourceError
            If the vendor cannot be reached, or has no endpoint for a symbol.
        """
        require_range(first, last)
        for symbol in symbols:
            endpoint_of(symbol)
        return self._fetch(tuple(symbols), first, last)

    def _fetch(self, symbols: tuple[str, ...], first: date, last: date) -> Iterator[Pull]:
        for symbol in symbols:
            final = last_final_day(symbol, self._calendar_of(symbol), last, self._now())
            if final < first:
                continue
            series = self._bar_series(symbol)
            for window in split_windows(first, final):
                bars = convert_bars(fetch_complete(series, window), symbol)
                yield Pull(self.name, symbol, window.first, window.last, bars, self._now())

    def _bar_series(self, symbol: str) -> Series:
        endpoint = endpoint_of(symbol)

        def sessions_of(window: DayRange) -> DayArray:
            return _sessions_since_base(symbol, window)

        def ask(window: DayRange, require_rows: bool) -> Page:
            # Stocks and funds may be suspended or not yet listed; an index never is.
            required = require_rows and symbol in BASE_DATES and len(sessions_of(window)) > 0
            params = {"ts_code": symbol, **_bounds(window)}
            return self._ask(endpoint.api_name, params, FIELDS, required)

        return Series(ask, sessions_of, day_column="trade_date", row_cap=endpoint.row_cap)

    def fetch_days(self, exchange: str, first: date, last: date) -> dict[date, bool]:
        """Return whether `exchange` trades, for each day in [`first`, `last`] that is published.

        The vendor is asked for closed days too, since only a day that it names is known to be
        closed. Empty for any exchange but XSHG.
        """
        require_range(first, last)
        if exchange not in CALENDAR_EXCHANGES:
            return {}
        series = self._calendar_series(exchange)
        found: dict[date, bool] = {}
        for window in split_windows(first, last):
            found |= convert_days(fetch_complete(series, window))
        return dict(sorted(found.items()))

    def _calendar_series(self, exchange: str) -> Series:
        calendar = library_calendar(exchange)

        def days_of(window: DayRange) -> DayArray:
            return np.arange(np.datetime64(window.first), np.datetime64(window.last) + 1)

        def ask(window: DayRange, require_rows: bool) -> Page:
            # Of years that are not published yet there may be no row.
            past = window.first <= calendar.last and window.last >= calendar.first
            params = {"exchange": CALENDAR_EXCHANGES[exchange], **_bounds(window)}
            return self._ask("trade_cal", params, CALENDAR_FIELDS, require_rows and past)

        return Series(ask, days_of, day_column="cal_date", row_cap=CALENDAR_ROW_CAP)

    def latest_session(self, symbol: str, now: datetime) -> date:
        """Return the last session of the exchange whose bars are final at `now` (naive, UTC)."""
        endpoint_of(symbol)
        return self._calendar_of(symbol).last_published(now)

    def first_session(self, symbol: str) -> date:
        """Return the base date of `symbol` where it is known, but none before ``history_start``."""
        endpoint_of(symbol)
        return max(self._history_start, BASE_DATES.get(symbol, self._history_start))

    def final_session(self, symbol: str) -> date | None:
        """Return None: the vendor publishes every evening."""
        return None

    def _ask(
        self, api_name: str, params: Mapping[str, str], fields: tuple[str, ...], require_rows: bool
    ) -> Page:
        what = " ".join(("tushare", api_name, *params.values()))

        def ask_once() -> Page:
            page = self._vendor.ask(api_name, params, fields)
            if require_rows and page.frame.empty:
                raise EmptyResponse(
                    f"{what}: no rows, although there were sessions",
                    remedy="The vendor refills such holes later; try again then.",
                )
            return page

        return self._pace.call(what, ask_once)


def _bounds(window: DayRange) -> dict[str, str]:
    return {"start_date": day_text(window.first), "end_date": day_text(window.last)}


def _sessions_since_base(symbol: str, window: DayRange) -> DayArray:
    first = max(window.first, BASE_DATES.get(symbol, window.first))
    if first > window.last:
        return np.array([], "datetime64[D]")
    return calendar_of(symbol).sessions(first, window.last)
