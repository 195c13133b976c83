"""Which session a person or a run may ask for, and which of another exchange an image reads."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np

from factorprism.core.arrays import DayArray
from factorprism.core.calendar import TradingCalendar
from factorprism.core.errors import ConfigurationError


def read_session(text: str, calendar: TradingCalendar, now: datetime) -> date:
    """Read a session typed by a person (YYYY-MM-DD), and check it as `check_session` does."""
    try:
        day = date.fromisoformat(text)
    except ValueError as exc:
        raise ConfigurationError(
            f"session {text[:40]!r} is not a date", remedy="Write it as YYYY-MM-DD."
        ) from exc
    return check_session(day, calendar, now)


def check_session(day: date, calendar: TradingCalendar, now: datetime) -> date:
    """Return `day`, a session of `calendar` whose bars are final at `now` (naive, UTC).

    Where the calendar only expects a session, so does this. Raises `ConfigurationError` for a day
    in the future, one without trading, and one whose bars are not final yet.
    """
    if day > now.date():
        _refuse_future(day, calendar, now)
    if not calendar.is_session(day):
        raise ConfigurationError(
            f"{calendar.exchange} does not trade on {day}",
            remedy=f"The session before it is {calendar.session_on_or_before(day)}.",
        )
    published_at = calendar.published_at(day)
    if published_at > now:
        raise ConfigurationError(
            f"the bars of {day} are not final yet",
            remedy=f"Run this session after {published_at:%Y-%m-%d %H:%M} UTC.",
        )
    return day


def check_end(day: date, calendar: TradingCalendar, now: datetime) -> date:
    """Return the last session through `day` whose bars are final at `now` (naive, UTC).

    Raises `ConfigurationError` for a day in the future.
    """
    if day > now.date():
        _refuse_future(day, calendar, now)
    return min(calendar.session_on_or_before(day), calendar.last_published(now))


def session_read(own: TradingCalendar, target: TradingCalendar, session: date) -> date:
    """Return the session of `own` that an image of `session` of `target` ends with.

    On one exchange it is the same. Of another one it is the last whose bars are final when the
    target's session closes, by the usual hour: the hour that is set for asking plays no part, as
    an image must not depend on a machine's settings.
    """
    if own.exchange == target.exchange:
        return session
    return own.published_as_usual().last_published(target.close_at(session))


def sessions_read(own: TradingCalendar, target: TradingCalendar, sessions: DayArray) -> DayArray:
    """Return what `session_read` does for many known `sessions`, of known ones alone; or NaT."""
    if own.exchange == target.exchange:
        return sessions
    closes = target.close_times[np.searchsorted(target.session_days, sessions)]
    return own.published_as_usual().known_published(closes)


def utc_now() -> datetime:
    """Return the wall clock as a naive UTC moment."""
    return datetime.now(UTC).replace(tzinfo=None)


def _refuse_future(day: date, calendar: TradingCalendar, now: datetime) -> None:
    raise ConfigurationError(
        f"{day} lies in the future",
        remedy=f"The last session whose bars are final is {calendar.last_published(now)}.",
    )
