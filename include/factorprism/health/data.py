"""Checks of an exchange, a universe and a signal: calendar, source, bars, the newest forecast."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from factorprism.alerts import catalogue
from factorprism.core.calendar import calendar_for
from factorprism.core.words import count
from factorprism.health.freshness import Freshness, measure_freshness
from factorprism.health.patience import find_wait
from factorprism.health.result import CheckResult, Level
from factorprism.health.subject import Subject
from factorprism.sources import REAL_DATA, find_final_session

# A calendar that is known for fewer sessions ahead is noted.
CALENDAR_SESSIONS_MIN = 30
# The evening's run has two hours, and then its alert.
FORECAST_GRACE = timedelta(hours=3)


def check_calendar(name: str, subject: Subject) -> Iterator[CheckResult]:
    """Count the sessions that the calendar of the exchange still knows."""
    calendar = calendar_for(subject.exchange)
    left = calendar.count_ahead(subject.session)
    sentence = f"the calendar is known to {calendar.known_through}, {count(left, 'session')} ahead"
    key = catalogue.HORIZON.key(exchange=subject.exchange)
    if left >= CALENDAR_SESSIONS_MIN:
        yield CheckResult(name, sentence, key=key)
        return
    yield CheckResult(
        name,
        f"{sentence}; later ends of horizons are expected",
        catalogue.HORIZON.advice,
        Level.NOTE,
        key,
    )


def check_source(name: str, subject: Subject) -> Iterator[CheckResult]:
    """Ask the source for every symbol of the universe; `SourceError` for one that it lacks."""
    source, universe = subject.ports.source, subject.signal.universe
    latest = source.latest_session(universe.target, subject.now)
    for symbol in universe.channels:
        source.first_session(symbol)
    final = source.final_session(universe.target)
    if final is None:
        yield CheckResult(name, f"{subject.config.source}: latest session {latest}")
        return
    ends = f"a replay that ends at {final}; nothing is scheduled after it"
    yield CheckResult(name, f"{subject.config.source}: {ends}", REAL_DATA, Level.NOTE)


def check_bars(name: str, subject: Subject) -> Iterator[CheckResult]:
    universe, bars = subject.signal.universe, subject.ports.warehouse.bars
    extents = {symbol: bars.load_extent(symbol) for symbol in universe.channels}
    absent = ", ".join(symbol for symbol, extent in extents.items() if extent is None)
    if absent:
        remedy = f"Load them: factorprism backfill --signal {subject.signal.name}."
        yield CheckResult(name, f"none of {absent}", remedy, Level.FAULT)
    elif extent := extents[universe.target]:
        yield CheckResult(name, f"{universe.target} from {extent[0]} to {extent[1]}")


def check_forecast(name: str, subject: Subject) -> Iterator[CheckResult]:
    """Ask for an issued forecast of the last session that must have one by now.

    A run that waits for that session's bars within its patience is healthy.
    """
    config, signal, warehouse = subject.config, subject.signal, subject.ports.warehouse
    newest = warehouse.forecasts.find_newest_issued(signal.name)
    final, calendar = find_final_session(config, signal.symbol), config.calendar_of(signal.symbol)
    at = measure_freshness(newest, calendar, subject.now - FORECAST_GRACE, final)
    command = f"factorprism daily --signal {signal.name}"
    remedy = f"See the last run of {signal.daily_dag}, or make it: {command}."
    if newest is None:
        yield CheckResult(name, f"none of {signal.name} was ever issued", remedy, Level.FAULT)
    elif not at.behind:
        yield CheckResult(name, _describe_newest(newest, at))
    elif at.behind == 1 and (waits := find_wait(config, signal, warehouse, at.due, subject.now)):
        yield CheckResult(name, f"{waits}; the last issued is of {newest}")
    else:
        behind = f"{count(at.behind, 'session')} before {at.due}{_reason_of(subject, at.due)}"
        yield CheckResult(name, f"the last issued is of {newest}, {behind}", remedy, Level.FAULT)


def _describe_newest(newest: date, at: Freshness) -> str:
    if at.replay_is_over:
        ago = f"{count(at.passed, 'session')} ago"
        return f"the last issued is of {newest}, the end of the replay, {ago}"
    return f"the last issued is of {newest}"


def _reason_of(subject: Subject, session: date) -> str:
    """Say why the row of `session` was withheld; empty where there is none."""
    ledger = subject.ports.warehouse.forecasts
    rows = ledger.load_forecasts(subject.signal.name, session, session)
    reasons = [row.reason for row in rows if row.reason]
    return f", which was withheld: {reasons[-1]}" if reasons else ""
