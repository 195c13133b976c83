"""The gate's first half: proves one pull of bars fit for use before it is merged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pandas as pd

from factorprism.core.calendar import TradingCalendar
from factorprism.core.schemas import NO_BAR, DayArray, QualityResult, empty_bars, make_bars
from factorprism.core.symbols import is_index
from factorprism.quality._findings import name_findings
from factorprism.quality._judge import Subject, judge_rows
from factorprism.quality._measures import measure_bars, measure_calendar
from factorprism.quality._rules import CRITICAL, Rule
from factorprism.quality.bar_rules import bar_rules
from factorprism.quality.schema_rules import calendar_rules, schema_rules

SCHEMA_SUITE = "bars_schema"
CALENDAR_SUITE = "bars_calendar"
BARS_SUITE = "bars"


def check_bars(
    bars: pd.DataFrame,
    symbol: str,
    first: date,
    last: date,
    *,
    calendar: TradingCalendar,
    history: pd.DataFrame | None = None,
    others: Sequence[pd.DataFrame] = (),
) -> list[QualityResult]:
    """Judge one pull of bars by the expectations of ``docs/quality.md``.

    A measure of session t reads bars through t only. Frames that fail the schema suite critically
    are judged by it alone, since nothing can be measured on them.

    Parameters
    ----------
    bars
        The pull, in the form of `make_bars`; any order, faults and duplicates included.
    symbol
        The symbol that was asked for.
    first, last
        The days that were asked for; each session of `calendar` in between must be held.
    history
        Bars held before the pull. Rows from the pull's first session on are left out, so that a
        pull is never compared with an older copy of itself. Some 270 sessions are of use.
    others
        Bars of the other indices of the market, history included, one frame a symbol: an extreme
        that they share is the market's, and no fault.

    Raises
    ------
    ValueError
        If `first` lies after `last`.
    ConfigurationError
        If the calendar does not know the period.
    """
    if first > last:
        raise ValueError(f"first: {first} lies after last {last}")
    subject = Subject(symbol, first, last)
    results = _judge(bars, schema_rules(symbol), SCHEMA_SUITE, subject)
    if any(not result.success and result.severity == CRITICAL for result in results):
        return results
    ordered = bars.sort_values("session", kind="stable", ignore_index=True)
    results += _check_calendar(ordered, calendar.sessions(first, last), subject)
    measured = measure_bars(
        ordered,
        _history_before(ordered, symbol, history),
        calendar,
        is_index=is_index(symbol),
        others=others,
    )
    return results + _judge(measured, bar_rules(symbol, len(ordered)), BARS_SUITE, subject)


def _judge(
    frame: pd.DataFrame, rules: Sequence[Rule], suite: str, subject: Subject
) -> list[QualityResult]:
    return [name_findings(verdict, frame) for verdict in judge_rows(frame, rules, suite, subject)]


def _check_calendar(
    bars: pd.DataFrame, sessions: DayArray, subject: Subject
) -> list[QualityResult]:
    days = measure_calendar(bars, sessions)
    missing = days.loc[days["rows"] == 0, "session"].dt.strftime("%Y-%m")
    results = _judge(days, calendar_rules(), CALENDAR_SUITE, subject)
    return [
        replace(result, details={**result.details, "missing_by_month": dict(Counter(missing))})
        if result.expectation == NO_BAR
        else result
        for result in results
    ]


def _history_before(bars: pd.DataFrame, symbol: str, history: pd.DataFrame | None) -> pd.DataFrame:
    if history is None or history.empty:
        return empty_bars()
    held = make_bars(history)
    earlier = (held["symbol"] == symbol) & (held["session"] < bars["session"].iloc[0])
    before: pd.DataFrame = held.loc[earlier]
    return before
