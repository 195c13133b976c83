"""What every source asks before it hands on bars: are these sessions final yet?"""

from __future__ import annotations

import logging
from datetime import date, datetime

from factorprism.core.calendar import TradingCalendar

logger = logging.getLogger("factorprism.sources")


def require_range(first: date, last: date) -> None:
    """Raise ``ValueError`` unless `first` <= `last`."""
    if first > last:
        raise ValueError(f"first: {first} is after last, {last}; it must not be")


def last_final_day(symbol: str, calendar: TradingCalendar, last: date, now: datetime) -> date:
    """Return `last`, or the last published session where an unpublished one lies before it.

    Bars of a session are served before its close is final; asking for them would store numbers
    that change within the hour.
    """
    published = calendar.last_published(now)
    if last < calendar.offset(published, 1):
        return last
    logger.warning(
        "%s: sessions after %s are not published yet and are left out (asked through %s)",
        symbol,
        published,
        last,
    )
    return published
