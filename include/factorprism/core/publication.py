"""When a session's bars are to be had, until when they are waited for, and when a forecast is late.

All hours are on the exchange's own clock. Light on purpose: whoever plans runs imports it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from factorprism.core.exchanges import EXCHANGES

MAX_DAYS_LATER = 14
# From publication to a row: what an evening takes on a slow machine.
RUN_TAKES = timedelta(minutes=15)
# A row is called late from so long after it was due, and made afterwards from the next day on.
LATE_FROM = timedelta(minutes=30)
AFTERWARDS_FROM = timedelta(days=1)

_HOUR = r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?"
_CLOCK = re.compile(_HOUR)
_PUBLICATION = re.compile(rf"(?P<clock>{_HOUR})(\+(?P<days>\d{{1,2}}))?")


@dataclass(frozen=True)
class Publication:
    """Bars are final at `clock`, `days_later` days after the session's own date."""

    clock: time
    days_later: int = 0

    def after(self, close: time) -> timedelta:
        """Return how long after a `close` of the session's own day that is, 0 or less: before."""
        day = datetime(2000, 1, 1)
        published = datetime.combine(day, self.clock) + timedelta(days=self.days_later)
        return published - datetime.combine(day, close)


def read_clock(text: str) -> time:
    """Read ``08:30`` or ``08:30:15``; raises ``ValueError`` for anything else."""
    if not _CLOCK.fullmatch(text):
        raise ValueError(f"{text!r} is no hour as 08:30")
    return time.fromisoformat(text)


def read_publication(text: str, exchange: str) -> Publication:
    """Read ``19:15``, or ``09:30+1`` for the morning after.

    Raises ``ValueError`` for what is no such hour, and for one at which `exchange` still trades.
    """
    found = _PUBLICATION.fullmatch(text)
    days_later = int(found["days"] or 0) if found else 0
    if found is None or days_later > MAX_DAYS_LATER:
        raise ValueError(f"{text!r} is no hour as 19:15, or 09:30+1 for the morning after")
    publication = Publication(time.fromisoformat(found["clock"]), days_later)
    close = EXCHANGES[exchange].close
    if publication.after(close) <= timedelta(0):
        raise ValueError(f"{text!r} is not after the close of {exchange} at {close:%H:%M}")
    return publication


def next_moment(moment: datetime, clock: time, exchange: str) -> datetime:
    """Return the first moment after `moment` (both naive, UTC) at which `exchange` has `clock`."""
    zone = ZoneInfo(EXCHANGES[exchange].zone)
    local = moment.replace(tzinfo=UTC).astimezone(zone)
    found = datetime.combine(local.date(), clock, zone)
    if found <= local:
        found = datetime.combine(local.date() + timedelta(days=1), clock, zone)
    return found.astimezone(UTC).replace(tzinfo=None)


def local_words(moment: datetime, exchange: str) -> str:
    """Write `moment` (naive, UTC) on the clock of `exchange`: 2024-07-02 08:30 Asia/Shanghai."""
    zone = EXCHANGES[exchange].zone
    return f"{moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M} {zone}"


class Punctuality(StrEnum):
    IN_TIME = "in time"
    LATE = "late"
    AFTERWARDS = "made afterwards"


def punctuality_of(late_by: timedelta) -> Punctuality:
    """Tell what a row is that was written `late_by` after it was due."""
    if late_by < LATE_FROM:
        return Punctuality.IN_TIME
    return Punctuality.LATE if late_by < AFTERWARDS_FROM else Punctuality.AFTERWARDS


def split_delay(delay: timedelta) -> tuple[int, int]:
    """Return the full hours and the minutes of `delay`."""
    return divmod(int(delay.total_seconds()) // 60, 60)


def punctuality_words(late_by: timedelta) -> str:
    """Say it in English: ``late by 1 h 40 min``, ``made afterwards``; empty for one in time."""
    said = punctuality_of(late_by)
    if said is Punctuality.IN_TIME:
        return ""
    if said is Punctuality.AFTERWARDS:
        return said.value
    hours, minutes = split_delay(late_by)
    return f"late by {f'{hours} h ' if hours else ''}{minutes} min"
