"""The exchange's coming days: asked of the vendor, kept, and held against the library's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import numpy as np

from factorprism.alerts import catalogue
from factorprism.core.calendar import (
    TradingCalendar,
    calendar_for,
    exchange_of,
    extend_calendar,
    find_differences,
    library_calendar,
)
from factorprism.core.errors import SourceError
from factorprism.core.sessions import utc_now
from factorprism.core.severity import WARNING
from factorprism.core.words import count
from factorprism.pipelines._run import Run, StepContext

# Past sessions that the vendor is asked for again, so that both calendars are compared.
COMPARED_SESSIONS = 40
DAYS_NAMED = 5


def refresh_calendar(run: Run, context: Mapping[str, Any]) -> StepContext:
    """Learn the days that the vendor publishes of every exchange of the universe.

    Asks once a session at most: not again once an answer has come after the session's bars were
    final. A source without a calendar, a refusal and a vendor that is down are logged and change
    nothing: beyond what is known the calendar answers with what it expects.
    """
    channels = run.universe.channels
    exchanges = dict.fromkeys(exchange_of(symbol) for symbol in channels)
    now = utc_now()
    return {
        "calendar_through": {
            name: refresh_exchange(run, name, now).isoformat() for name in exchanges
        }
    }


def refresh_exchange(run: Run, exchange: str, now: datetime) -> date:
    """Do what `refresh_calendar` does for one exchange at `now` (naive, UTC).

    Returns the last day that is known then.
    """
    _ask_vendor(run, exchange, now)
    held = run.ports.warehouse.calendar.load_days(exchange)
    extend_calendar(exchange, held)
    _compare(run, exchange, held)
    calendar = calendar_for(exchange)
    ahead = calendar.count_ahead(run.session)
    run.tell(
        f"calendar: {exchange} is known to {calendar.known_through}, "
        f"{count(ahead, 'session')} ahead"
    )
    return calendar.known_through


def _ask_vendor(run: Run, exchange: str, now: datetime) -> None:
    """Ask and keep the answer, unless it is there already."""
    store, source = run.ports.warehouse.calendar, run.ports.source
    asked_at = store.last_fetched(exchange, source.name)
    if asked_at is not None and asked_at >= _final_at(run, exchange):
        return
    # Vendors publish a year at a time, some weeks before it begins.
    last = date(max(run.session, now.date()).year + 1, 12, 31)
    try:
        days = source.fetch_days(exchange, _first_to_ask(run, exchange), last)
    except SourceError as error:
        run.tell(f"calendar: {source.name} gave no days of {exchange}: {error.message}")
        return
    if days:
        store.save_days(exchange, source.name, days, now)
    else:
        run.tell(f"calendar: the source {source.name} publishes no days of {exchange}")


def _final_at(run: Run, exchange: str) -> datetime:
    calendar = run.config.calendar_for(exchange)
    return calendar.published_at(calendar.session_on_or_before(run.session))


def _first_to_ask(run: Run, exchange: str) -> date:
    """Return the first day to ask for: far enough back to see a disagreement end, too."""
    calendar = calendar_for(exchange)
    position = _count_through(calendar, run.session) - 1
    back: date = calendar.session_days[max(0, position - COMPARED_SESSIONS)].astype(date)
    held = run.ports.warehouse.calendar.load_days(exchange)
    differing = find_differences(library_calendar(exchange), held)
    return min([back, *differing[:1]])


def _count_through(calendar: TradingCalendar, day: date) -> int:
    return int(np.searchsorted(calendar.session_days, np.datetime64(day), side="right"))


def _compare(run: Run, exchange: str, held: Mapping[date, bool]) -> None:
    key = catalogue.CALENDAR.key(exchange=exchange)
    differing = find_differences(library_calendar(exchange), held)
    if not differing:
        run.resolve_alert(key, f"vendor and library agree on the days of {exchange} again")
        return
    named = [f"{day} ({'open' if held[day] else 'closed'})" for day in differing[:DAYS_NAMED]]
    more = len(differing) - len(named)
    sentence = (
        f"the vendor's calendar of {exchange} differs from the library's on {', '.join(named)}"
        + (f" and {more} more days" if more else "")
        + "; the vendor's days are in force until bars decide"
    )
    run.tell(f"calendar: {sentence}")
    run.raise_alert(key, sentence, WARNING)
