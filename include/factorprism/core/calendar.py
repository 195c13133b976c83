"""Trading sessions of an exchange, and the moments at which a session's bars are final."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from factorprism.core.errors import ConfigurationError

if TYPE_CHECKING:
    import exchange_calendars

FIRST_SESSION = "1990-12-19"
# Closing prices are served before they are final; the vendor's bars are taken as final from here.
PUBLICATION_DELAY = {"XSHG": timedelta(hours=3, minutes=30), "XNYS": timedelta(hours=2)}
SUFFIX_EXCHANGES = {".SH": "XSHG", ".SZ": "XSHG"}


def exchange_of(symbol: str) -> str:
    """Return the calendar code of `symbol`: ``.SH`` and ``.SZ`` are XSHG, ``^`` symbols XNYS."""
    if symbol.startswith("^"):
        return "XNYS"
    for suffix, exchange in SUFFIX_EXCHANGES.items():
        if symbol.endswith(suffix):
            return exchange
    raise ConfigurationError(
        f"symbol {symbol!r} belongs to no known exchange",
        remedy="Use codes such as 000300.SH, 399006.SZ or ^GSPC.",
    )


@dataclass(frozen=True)
class TradingCalendar:
    """The sessions of one exchange, ascending ``datetime64[D]`` without duplicates.

    All questions are answered from `session_days`; a day outside its range is an error rather
    than a guess.
    """

    exchange: str
    session_days: npt.NDArray[np.datetime64]
    close_times: npt.NDArray[np.datetime64]  # UTC, datetime64[s], one for each session

    @property
    def first(self) -> date:
        return _to_date(self.session_days[0])

    @property
    def last(self) -> date:
        return _to_date(self.session_days[-1])

    def sessions(self, first: date, last: date) -> npt.NDArray[np.datetime64]:
        """Return the sessions in [`first`, `last`] as ``datetime64[D]``, possibly none."""
        self._check_known(first)
        self._check_known(last)
        left = np.searchsorted(self.session_days, np.datetime64(first, "D"), side="left")
        right = np.searchsorted(self.session_days, np.datetime64(last, "D"), side="right")
        return self.session_days[left:right]

    def is_session(self, day: date) -> bool:
        """Tell whether the exchange trades on `day`."""
        return len(self.sessions(day, day)) == 1

    def session_on_or_before(self, day: date) -> date:
        """Return the last session that is not after `day`."""
        self._check_known(day)
        position = np.searchsorted(self.session_days, np.datetime64(day, "D"), side="right") - 1
        return _to_date(self.session_days[position])

    def offset(self, session: date, n_sessions: int) -> date:
        """Return the session `n_sessions` after (negative: before) `session`.

        Raises
        ------
        ValueError
            If `session` is not a session.
        ConfigurationError
            If the answer lies outside the calendar that is known.
        """
        position = self._position(session) + n_sessions
        if not 0 <= position < len(self.session_days):
            raise self._outside(f"{n_sessions} sessions from {session}")
        return _to_date(self.session_days[position])

    def close_at(self, session: date) -> datetime:
        """Return the moment (naive, UTC) at which trading of `session` ends."""
        moment: datetime = self.close_times[self._position(session)].astype(datetime)
        return moment

    def published_at(self, session: date) -> datetime:
        """Return the moment (naive, UTC) from which the bars of `session` are final."""
        return self.close_at(session) + PUBLICATION_DELAY[self.exchange]

    def last_published(self, now: datetime) -> date:
        """Return the last session whose bars are final at `now` (naive, UTC)."""
        final_from = self.close_times + np.timedelta64(PUBLICATION_DELAY[self.exchange])
        position = np.searchsorted(final_from, np.datetime64(now), side="right") - 1
        if position < 0:
            raise self._outside(now.isoformat())
        return _to_date(self.session_days[position])

    def _position(self, session: date) -> int:
        position = int(np.searchsorted(self.session_days, np.datetime64(session, "D")))
        known = position < len(self.session_days)
        if not known or self.session_days[position] != np.datetime64(session, "D"):
            raise ValueError(f"session: {session} is not a trading session of {self.exchange}")
        return position

    def _check_known(self, day: date) -> None:
        # The days around the first and last session are known too, up to the year's ends.
        if not date(self.first.year, 1, 1) <= day <= date(self.last.year, 12, 31):
            raise self._outside(str(day))

    def _outside(self, what: str) -> ConfigurationError:
        return ConfigurationError(
            f"{what} lies outside the {self.exchange} calendar ({self.first} to {self.last})",
            remedy="Update exchange-calendars, or ask for an earlier session.",
        )


@lru_cache(maxsize=8)
def calendar_for(exchange: str) -> TradingCalendar:
    """Return the calendar of `exchange` (``XSHG`` or ``XNYS``), from `exchange_calendars`."""
    if exchange not in PUBLICATION_DELAY:
        raise ConfigurationError(
            f"no trading calendar for exchange {exchange!r}",
            remedy=f"Known: {', '.join(sorted(PUBLICATION_DELAY))}.",
        )
    # Imported here because the module costs most of a second and the timetable must stay light.
    import exchange_calendars

    library: exchange_calendars.ExchangeCalendar = exchange_calendars.get_calendar(
        exchange, start=FIRST_SESSION
    )
    days = library.sessions.to_numpy().astype("datetime64[D]")
    closes = library.closes.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
    return TradingCalendar(exchange, days, closes.astype("datetime64[s]"))


def calendar_of(symbol: str) -> TradingCalendar:
    """Return the calendar of the exchange that `symbol` trades on."""
    return calendar_for(exchange_of(symbol))


def _to_date(value: np.datetime64) -> date:
    day: date = value.astype("datetime64[D]").astype(date)
    return day
