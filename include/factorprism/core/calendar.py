"""Trading sessions of an exchange, and the moments at which a session's bars are final.

`calendar_for` is the one door. What it knows comes from the days that a vendor has published, the
library's calendar, and the bars that have arrived (`extend_calendar` teaches the process the first
and the last). After all that is known, weekdays less the fixed holidays are expected.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, lru_cache
from threading import Lock
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from factorprism.core.errors import ConfigurationError
from factorprism.core.exchanges import EXCHANGES, find_exchange
from factorprism.core.holidays import YEARS_EXPECTED, expected_sessions, load_library
from factorprism.core.publication import Publication, read_publication
from factorprism.core.symbols import exchange_of as exchange_of

if TYPE_CHECKING:
    # For its name alone: the module itself imports pandas, a third of a second.
    from factorprism.core.arrays import DayArray

# Closing prices are served before they are final; bars are taken as final so long after the close,
# an early one too, where nothing else is set.
PUBLICATION_DELAY = {
    code: read_publication(exchange.published_at, code).after(exchange.close)
    for code, exchange in EXCHANGES.items()
}


@dataclass(frozen=True)
class TradingCalendar:
    """The sessions of one exchange, ascending ``datetime64[D]`` without duplicates.

    `session_days` and `known_sessions` are what is known, through `known_through`: labels and
    images are made of these alone. Every other question is answered beyond that day too, from
    `expected_sessions`; `is_expected` tells which answers are. Days between the last known session
    and `known_through` are known to have no trading.
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
        """The last session that is known."""
        return _to_date(self.session_days[-1])

    def is_expected(self, day: date) -> bool:
        """Tell whether what is said of `day` is expected, and not known."""
        return day > self.known_through

    def known_sessions(self, first: date, last: date) -> DayArray:
        """Return the sessions in [`first`, `last`]; none of them is only expected.

        Raises `ConfigurationError` where `last` lies beyond what is known.
        """
        if self.is_expected(last):
            raise self._outside(str(last), self.known_through)
        return self.sessions(first, last)

    def count_ahead(self, day: date) -> int:
        """Return how many known sessions lie after `day`."""
        return int((self.session_days > np.datetime64(day, "D")).sum())

    def count_since(self, session: date, last: date) -> int:
        """Return how many sessions follow `session`, up to `last`; -1 where `last` is before it."""
        return len(self.sessions(session, last)) - 1

    def settled_by(self, days: DayArray) -> TradingCalendar:
        """Return this calendar as bars of `days` make it known, through the last of them.

        Beyond `known_through` a weekday with a bar was a session, and one without any was none.
        """
        weekdays = days[np.is_busday(days, weekmask=EXCHANGES[self.exchange].week)]
        traded = np.unique(weekdays[weekdays > np.datetime64(self.known_through, "D")])
        return self._continued(traded, _to_date(traded[-1])) if len(traded) else self

    def sessions(self, first: date, last: date) -> DayArray:
        """Return the sessions in [`first`, `last`] as ``datetime64[D]``, possibly none."""
        self._check_covered(first)
        self._check_covered(last)
        left = np.searchsorted(self._days, np.datetime64(first, "D"), side="left")
        right = np.searchsorted(self._days, np.datetime64(last, "D"), side="right")
        return self._days[left:right]

    def is_session(self, day: date) -> bool:
        """Tell whether the exchange trades on `day`."""
        return len(self.sessions(day, day)) == 1

    def session_on_or_before(self, day: date) -> date:
        """Return the last session that is not after `day`."""
        self._check_covered(day)
        position = np.searchsorted(self._days, np.datetime64(day, "D"), side="right") - 1
        return _to_date(self._days[position])

    def offset(self, session: date, n_sessions: int) -> date:
        """Return the session `n_sessions` after (negative: before) `session`.

        Raises
        ------
        ValueError
            If `session` is not a session.
        ConfigurationError
            If the answer lies before the calendar, or more than `YEARS_EXPECTED` years after it.
        """
        position = self._position(session) + n_sessions
        if not 0 <= position < len(self._days):
            raise self._outside(f"{n_sessions} sessions from {session}", _to_date(self._days[-1]))
        return _to_date(self._days[position])

    def close_at(self, session: date) -> datetime:
        """Return the moment (naive, UTC) at which trading of `session` ends."""
        moment: datetime = self._closes[self._position(session)].astype(datetime)
        return moment

    def published_at(self, session: date) -> datetime:
        """Return the moment (naive, UTC) from which the bars of `session` are final."""
        return self.close_at(session) + self._delay

    def last_published(self, now: datetime) -> date:
        """Return the last session whose bars are final at `now` (naive, UTC)."""
        final_from = self._closes + np.timedelta64(self._delay)
        position = np.searchsorted(final_from, np.datetime64(now), side="right") - 1
        if position < 0:
            raise self._outside(now.isoformat(), _to_date(self._days[-1]))
        return _to_date(self._days[position])

    def known_published(self, moments: npt.NDArray[np.datetime64]) -> DayArray:
        """Return the last known session whose bars are final at each moment (UTC), or NaT."""
        final_from = self.close_times + np.timedelta64(self._delay)
        latest = np.searchsorted(final_from, moments, side="right") - 1
        found = self.session_days[np.maximum(latest, 0)]
        return np.where(latest < 0, np.datetime64("NaT", "D"), found)

    @cached_property
    def _expected(self) -> DayArray:
        return expected_sessions(self.exchange, self.known_through)

    @cached_property
    def _days(self) -> DayArray:
        return np.append(self.session_days, self._expected)

    @cached_property
    def _closes(self) -> npt.NDArray[np.datetime64]:
        return np.append(self.close_times, _regular_closes(self.exchange, self._expected))

    def _continued(self, sessions: DayArray, known_through: date) -> TradingCalendar:
        return replace(
            self,
            session_days=np.append(self.session_days, sessions),
            close_times=np.append(self.close_times, _regular_closes(self.exchange, sessions)),
            known_through=known_through,
        )

    def published_from(self, publication: Publication) -> TradingCalendar:
        """Return this calendar with bars that are final at `publication` of a full trading day.

        A day that closes early is published as much earlier.
        """
        delay = publication.after(EXCHANGES[self.exchange].close)
        return self if delay == self._delay else self._with_delay(delay)

    def published_as_usual(self) -> TradingCalendar:
        """Return this calendar with bars that are final after `PUBLICATION_DELAY`."""
        return self if self.publication_delay is None else self._with_delay(None)

    def _with_delay(self, delay: timedelta | None) -> TradingCalendar:
        # Asked for at every question: what is dear to expect for years ahead is carried over.
        other = replace(self, publication_delay=delay)
        vars(other).update(_expected=self._expected, _days=self._days, _closes=self._closes)
        return other

    @property
    def _delay(self) -> timedelta:
        return self.publication_delay or PUBLICATION_DELAY[self.exchange]

    def _position(self, session: date) -> int:
        position = int(np.searchsorted(self._days, np.datetime64(session, "D")))
        covered = position < len(self._days)
        if not covered or self._days[position] != np.datetime64(session, "D"):
            raise ValueError(f"session: {session} is not a trading session of {self.exchange}")
        return position

    def _check_covered(self, day: date) -> None:
        # The days before the first session are known too, from the year's beginning.
        end = self.known_through
        if day > end:
            end = date(end.year + YEARS_EXPECTED, 12, 31)
        if not date(self.first.year, 1, 1) <= day <= end:
            raise self._outside(str(day), end)

    def _outside(self, what: str, end: date) -> ConfigurationError:
        return ConfigurationError(
            f"{what} lies outside the {self.exchange} calendar ({self.first} to {end})",
            remedy="Ask for a session in between.",
        )


@dataclass
class _Lesson:
    """What this process was taught of one exchange beyond the library."""

    published: dict[date, bool]
    traded: DayArray


# What this process was taught, by exchange. A calendar is built from it at the first question after
# a lesson; the lock is held for that alone.
_taught: dict[str, _Lesson] = {}
_built: dict[str, TradingCalendar] = {}
_lock = Lock()


def calendar_for(exchange: str) -> TradingCalendar:
    """Return the calendar of `exchange`, as `find_exchange` knows it, and as this process does.

    The sessions are those of `exchange_calendars`, and those that `extend_calendar` was given. An
    answer stays as it is; ask again after a lesson. Built once a process, in 2 s at most (XKRX).
    """
    exchange = find_exchange(exchange).code
    built = _built.get(exchange)
    if built is not None:
        return built
    library = library_calendar(exchange)
    with _lock:
        return _built.setdefault(exchange, _extended(library, _lesson_of(exchange)))


def extend_calendar(
    exchange: str, published: Mapping[date, bool], traded: Iterable[date] = ()
) -> None:
    """Teach this process what a vendor has `published` and on which days bars were `traded`.

    `published` tells of a day whether it trades. It comes before the library's word; where the two
    differ, bars decide once they are held of that day or later. Published days after a gap are
    kept until the gap is filled. Beyond all of these, weekdays up to the last with a bar were
    sessions if any bar of the exchange is held of them. A later lesson corrects a day and never
    makes the calendar shorter. Cheap: nothing is imported or built before the next question.
    """
    exchange = find_exchange(exchange).code
    arrived = np.array(list(traded), "datetime64[D]")
    with _lock:
        lesson = _lesson_of(exchange)
        known = lesson.published
        differs = any(known.get(day) is not trades for day, trades in published.items())
        if differs or not np.isin(arrived, lesson.traded).all():
            both = np.union1d(lesson.traded, arrived)
            _taught[exchange] = _Lesson({**known, **published}, both)
            _built.pop(exchange, None)


def _lesson_of(exchange: str) -> _Lesson:
    return _taught.get(exchange) or _Lesson({}, np.array([], "datetime64[D]"))


def forget_extensions() -> None:
    """Forget every lesson, so that the calendars are the library's again."""
    with _lock:
        _taught.clear()
        _built.clear()


@lru_cache(maxsize=len(EXCHANGES))
def library_calendar(exchange: str) -> TradingCalendar:
    """Return the calendar of `exchange` from `exchange_calendars` alone."""
    exchange = find_exchange(exchange).code
    library = load_library(exchange)
    days = library.sessions.to_numpy().astype("datetime64[D]")
    closes = library.closes.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
    # The library builds a calendar to the end of its own data, or else a year ahead of today,
    # which may be in the middle of a year.
    end = library.default_end().date()
    return TradingCalendar(exchange, days, closes.astype("datetime64[s]"), end)


def _extended(library: TradingCalendar, lesson: _Lesson) -> TradingCalendar:
    calendar = _corrected(library, lesson)
    calendar = _with_published(calendar, lesson.published)
    calendar = calendar.settled_by(_decisive_days(calendar, lesson.traded))
    return _with_published(calendar, lesson.published)


def _decisive_days(calendar: TradingCalendar, traded: DayArray) -> DayArray:
    """Return `traded`, and what is expected before it where nothing known leads up to it."""
    if not len(traded) or not calendar.is_expected(first := _to_date(traded[0])):
        return traded
    return np.append(calendar.sessions(calendar.known_through, first), traded)


def _corrected(library: TradingCalendar, lesson: _Lesson) -> TradingCalendar:
    """Return `library` with the published days that differ from it, unless bars say otherwise."""
    opened: list[date] = []
    closed: list[date] = []
    for day in find_differences(library, lesson.published):
        trades = _trades(day, lesson)
        if trades is not library.is_session(day):
            (opened if trades else closed).append(day)
    if not opened and not closed:
        return library
    stays = ~np.isin(library.session_days, np.array(closed, "datetime64[D]"))
    added = np.array(opened, "datetime64[D]")
    days = np.append(library.session_days[stays], added)
    closes = np.append(library.close_times[stays], _regular_closes(library.exchange, added))
    order = np.argsort(days)
    return TradingCalendar(library.exchange, days[order], closes[order], library.known_through)


def find_differences(library: TradingCalendar, published: Mapping[date, bool]) -> list[date]:
    """Return the days of which `published` and `library` say different things, ascending."""
    known = [day for day in sorted(published) if library.first <= day <= library.known_through]
    return [day for day in known if published[day] is not library.is_session(day)]


def _trades(day: date, lesson: _Lesson) -> bool:
    wanted, traded = np.datetime64(day, "D"), lesson.traded
    if len(traded) and traded[0] <= wanted <= traded[-1]:
        return bool(np.isin(wanted, traded))
    return lesson.published[day]


def _with_published(calendar: TradingCalendar, published: Mapping[date, bool]) -> TradingCalendar:
    """Return `calendar` with those of `published` that follow its last known day without a gap."""
    through, sessions = calendar.known_through, []
    while (day := through + timedelta(days=1)) in published:
        through = day
        if published[day]:
            sessions.append(day)
    if through == calendar.known_through:
        return calendar
    return calendar._continued(np.array(sessions, "datetime64[D]"), through)


def _regular_closes(exchange: str, sessions: DayArray) -> npt.NDArray[np.datetime64]:
    """Return when trading of `sessions` ends (UTC) unless the exchange closes early."""
    zone, close = ZoneInfo(EXCHANGES[exchange].zone), EXCHANGES[exchange].close
    local = [datetime.combine(day, close, zone) for day in sessions.astype(object)]
    moments = [moment.astimezone(UTC).replace(tzinfo=None) for moment in local]
    return np.array(moments, "datetime64[s]")


def calendar_of(symbol: str) -> TradingCalendar:
    """Return the calendar of the exchange that `symbol` trades on."""
    return calendar_for(exchange_of(symbol))


def _to_date(value: np.datetime64) -> date:
    day: date = value.astype("datetime64[D]").astype(date)
    return day
