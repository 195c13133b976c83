"""Trading sessions of an exchange, and the moments at which a session's bars are final.

`calendar_for` is the one door. The library's calendar ends at some day; `extend_calendar` teaches
the process the days after it, as a vendor has published them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from factorprism.core.errors import ConfigurationError
from factorprism.core.publication import (
    PUBLISHED_AT,
    REGULAR_CLOSE,
    Publication,
    read_publication,
)

if TYPE_CHECKING:
    import exchange_calendars

FIRST_SESSION = "1990-12-19"
# Closing prices are served before they are final; bars are taken as final so long after the close,
# an early one too, where nothing else is set.
PUBLICATION_DELAY = {
    exchange: read_publication(PUBLISHED_AT[exchange], exchange).after(close)
    for exchange, (close, _) in REGULAR_CLOSE.items()
}
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

    All questions are answered from `session_days`; a day after `known_through` is an error rather
    than a guess. Days between the last session and `known_through` are known to have no trading.
    """

    exchange: str
    session_days: npt.NDArray[np.datetime64]
    close_times: npt.NDArray[np.datetime64]  # UTC, datetime64[s], one for each session
    known_through: date
    publication_delay: timedelta | None = None  # after the close; None: `PUBLICATION_DELAY`

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
        return self.close_at(session) + self._delay

    def last_published(self, now: datetime) -> date:
        """Return the last session whose bars are final at `now` (naive, UTC)."""
        final_from = self.close_times + np.timedelta64(self._delay)
        position = np.searchsorted(final_from, np.datetime64(now), side="right") - 1
        if position < 0:
            raise self._outside(now.isoformat())
        return _to_date(self.session_days[position])

    def published_from(self, publication: Publication) -> TradingCalendar:
        """Return this calendar with bars that are final at `publication` of a full trading day.

        A day that closes early is published as much earlier.
        """
        delay = publication.after(REGULAR_CLOSE[self.exchange][0])
        return replace(self, publication_delay=delay)

    @property
    def _delay(self) -> timedelta:
        return self.publication_delay or PUBLICATION_DELAY[self.exchange]

    def _position(self, session: date) -> int:
        position = int(np.searchsorted(self.session_days, np.datetime64(session, "D")))
        known = position < len(self.session_days)
        if not known or self.session_days[position] != np.datetime64(session, "D"):
            raise ValueError(f"session: {session} is not a trading session of {self.exchange}")
        return position

    def _check_known(self, day: date) -> None:
        # The days before the first session are known too, from the year's beginning.
        if not date(self.first.year, 1, 1) <= day <= self.known_through:
            raise self._outside(str(day))

    def _outside(self, what: str) -> ConfigurationError:
        return ConfigurationError(
            f"{what} lies outside the {self.exchange} calendar "
            f"({self.first} to {self.known_through})",
            remedy="Update exchange-calendars, use a source that publishes the coming days "
            "(tushare), or ask for an earlier session.",
        )


# What this process was taught beyond the library, by exchange. A calendar is built from it at the
# first question after a lesson; the lock is held for that alone.
_taught: dict[str, dict[date, bool]] = {}
_built: dict[str, TradingCalendar] = {}
_lock = Lock()


def calendar_for(exchange: str) -> TradingCalendar:
    """Return the calendar of `exchange` (``XSHG`` or ``XNYS``) as far as this process knows it.

    The sessions are those of `exchange_calendars`, and after its last day those that
    `extend_calendar` was given. An answer stays as it is; ask again after a lesson.
    """
    built = _built.get(exchange)
    if built is not None:
        return built
    library = library_calendar(exchange)
    with _lock:
        return _built.setdefault(exchange, _extended(library, _taught.get(exchange, {})))


def extend_calendar(exchange: str, days: Mapping[date, bool]) -> None:
    """Teach this process which `days` (day: whether it trades) come after the library's last one.

    Days that the library knows are left to it. A later lesson corrects a day and never makes the
    calendar shorter; days after a gap are kept until the gap is filled. Cheap: nothing is imported
    or built before the next question.
    """
    _require_exchange(exchange)
    with _lock:
        known = _taught.setdefault(exchange, {})
        if any(known.get(day) is not trades for day, trades in days.items()):
            known.update(days)
            _built.pop(exchange, None)


def forget_extensions() -> None:
    """Forget every lesson, so that the calendars are the library's again."""
    with _lock:
        _taught.clear()
        _built.clear()


@lru_cache(maxsize=8)
def library_calendar(exchange: str) -> TradingCalendar:
    """Return the calendar of `exchange` from `exchange_calendars` alone."""
    _require_exchange(exchange)
    # Imported here because the module costs most of a second and the timetable must stay light.
    import exchange_calendars

    library: exchange_calendars.ExchangeCalendar = exchange_calendars.get_calendar(
        exchange, start=FIRST_SESSION
    )
    days = library.sessions.to_numpy().astype("datetime64[D]")
    closes = library.closes.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
    # The library builds a calendar to the end of its own data, or else a year ahead of today,
    # which may be in the middle of a year.
    end = library.default_end().date()
    return TradingCalendar(exchange, days, closes.astype("datetime64[s]"), end)


def _require_exchange(exchange: str) -> None:
    if exchange not in PUBLICATION_DELAY:
        raise ConfigurationError(
            f"no trading calendar for exchange {exchange!r}",
            remedy=f"Known: {', '.join(sorted(PUBLICATION_DELAY))}.",
        )


def _extended(library: TradingCalendar, days: Mapping[date, bool]) -> TradingCalendar:
    """Return `library` with those of `days` that follow its last known one without a gap."""
    through, sessions = library.known_through, []
    while (day := through + timedelta(days=1)) in days:
        through = day
        if days[day]:
            sessions.append(day)
    if through == library.known_through:
        return library
    closes = [_regular_close(library.exchange, session) for session in sessions]
    return TradingCalendar(
        library.exchange,
        np.append(library.session_days, np.array(sessions, "datetime64[D]")),
        np.append(library.close_times, np.array(closes, "datetime64[s]")),
        through,
    )


def _regular_close(exchange: str, session: date) -> datetime:
    """Return when trading of `session` ends (naive, UTC) unless the exchange closes early."""
    clock, zone = REGULAR_CLOSE[exchange]
    local = datetime.combine(session, clock, ZoneInfo(zone))
    return local.astimezone(UTC).replace(tzinfo=None)


def calendar_of(symbol: str) -> TradingCalendar:
    """Return the calendar of the exchange that `symbol` trades on."""
    return calendar_for(exchange_of(symbol))


def _to_date(value: np.datetime64) -> date:
    day: date = value.astype("datetime64[D]").astype(date)
    return day
