"""The check of past bars that the source has changed of late, and the forecasts they stand in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

import pandas as pd

from factorprism.alerts import catalogue
from factorprism.core.calendar import calendar_of
from factorprism.core.ledger import Forecast
from factorprism.factors import bars_needed_from
from factorprism.health.result import CheckResult, Level
from factorprism.health.subject import Subject

# Older revisions were checked on the evenings since.
REVISED_WITHIN = timedelta(days=7)
NAMED_SESSIONS = 3


def check_revisions(name: str, subject: Subject) -> Iterator[CheckResult]:
    """Name the past bars that were revised within a week, and the forecasts that had read them."""
    since = subject.now - REVISED_WITHIN
    bars = subject.ports.warehouse.bars
    for symbol in subject.signal.universe.channels:
        found = bars.load_revisions(symbol, calendar_of(symbol).first, subject.session)
        for pull, revised in found[found["revised_at"] >= since].groupby("pull_id"):
            key = catalogue.REVISED.key(symbol=symbol, pull=f"(pull {pull})")
            sentence = _describe_revisions(subject, symbol, revised)
            yield CheckResult(name, sentence, level=Level.NOTE, key=key)


def _describe_revisions(subject: Subject, symbol: str, revised: pd.DataFrame) -> str:
    sessions = sorted(set(revised["session"].dt.date))
    moment: datetime = revised["revised_at"].min().to_pydatetime()
    touched = [row.session for row in _issued_before(subject, sessions[0], moment)]
    touched = [session for session in touched if _reads_any(subject, symbol, session, sessions)]
    named = ", ".join(map(str, touched[-NAMED_SESSIONS:]))
    if len(touched) > NAMED_SESSIONS:
        named = f"{named} and {len(touched) - NAMED_SESSIONS} before"
    read = f"issued forecasts had read them: {named}" if touched else "no issued forecast read them"
    values = "value was" if len(revised) == 1 else "values were"
    span = str(sessions[0]) if len(sessions) == 1 else f"{sessions[0]} to {sessions[-1]}"
    return f"{symbol}: {len(revised)} {values} revised, of {span}; {read}"


def _issued_before(subject: Subject, first: date, moment: datetime) -> Iterator[Forecast]:
    for row in subject.ports.warehouse.forecasts.load_forecasts(subject.signal.name, first):
        early = row.created_at is not None and row.created_at < moment
        if row.issued and early:
            yield row


def _reads_any(subject: Subject, symbol: str, session: date, revised: list[date]) -> bool:
    """Tell whether the image of `session` rests on a bar of `symbol` of the days `revised`."""
    calendar = subject.config.calendar_of(subject.signal.symbol)
    first = calendar.offset(session, 1 - subject.signal.lookback)
    needed = bars_needed_from(first, calendar_of(symbol))
    return any(needed <= day <= session for day in revised)
