"""The gate's first half: proves pulls of bars fit for use before they are merged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
import pandas as pd

from factorprism.core.arrays import DayArray
from factorprism.core.calendar import TradingCalendar, exchange_of
from factorprism.core.severity import CRITICAL
from factorprism.core.symbols import is_index
from factorprism.market.bars import Pull
from factorprism.market.findings import NO_BAR, QualityResult
from factorprism.quality._evaluation import (
    GateSubject,
    Suite,
    SuiteVerdicts,
    Verdict,
    evaluate_suite,
)
from factorprism.quality._findings import name_findings
from factorprism.quality._forms import find_absent, join_bars, list_owners, measure_forms
from factorprism.quality._measures import make_keys, measure_calendar
from factorprism.quality._measuring import measure_pulls
from factorprism.quality._rules import Rule
from factorprism.quality._segments import IntArray
from factorprism.quality.bar_rules import bar_rules
from factorprism.quality.schema_rules import calendar_rules, schema_rules
from factorprism.quality.verdicts import Verdicts, tells_each

SCHEMA_SUITE = "bars_schema"
CALENDAR_SUITE = "bars_calendar"
BARS_SUITE = "bars"


def check_bars(
    pulls: Sequence[Pull], calendars: Mapping[str, TradingCalendar], held: pd.DataFrame
) -> Verdicts:
    """Check pulls of bars by the expectations of ``docs/quality.md``, each suite in one call.

    The verdicts on a pull do not depend on the others: all that it is compared with is `held`. A
    measure of session t reads bars through t only. Pulls that fail the schema suite critically are
    checked by it alone, since nothing can be measured on them.

    Parameters
    ----------
    pulls
        What was asked for and what came: bars in the form of `make_bars`; any order, faults and
        duplicates included. Each session of the calendar in [`first`, `last`] must be held.
    calendars
        The calendar of each symbol of `pulls`.
    held
        Bars of all symbols of the market, each session of a symbol once. Those of a pull's own
        symbol before its first row are its history, of which 600 days are read. What the other
        symbols share is the market's, and no fault.

    Raises
    ------
    ValueError
        If a pull's `first` lies after its `last`.
    ConfigurationError
        If a calendar does not know the period.
    """
    for pull in pulls:
        if pull.first > pull.last:
            raise ValueError(f"first: {pull.first} lies after last {pull.last}")
    if not pulls:
        return Verdicts(())
    tell_each = tells_each(pull.symbol for pull in pulls)
    schema = _Stage.run(_schema_suite(pulls), range(len(pulls)), tell_each=tell_each)
    stages, sound = [schema], schema.find_sound()
    if sound:
        fit = [pulls[index] for index in sound]
        suites = _suites_of_days_and_measures(fit, calendars, held)
        stages += [_Stage.run(suite, sound, tell_each=tell_each) for suite in suites]
    of: list[list[QualityResult]] = [[] for _ in pulls]
    for stage in stages:
        for index, results in stage.results():
            of[index] += results
    return Verdicts(
        tuple(map(tuple, of)),
        tuple(chain.from_iterable(stage.checked.shared for stage in stages)),
        sum(stage.checked.n_asked for stage in stages),
    )


@dataclass(frozen=True)
class _Stage:
    """One suite as it was checked; its subjects stand at `indices` among the pulls."""

    suite: Suite
    indices: Sequence[int]
    checked: SuiteVerdicts

    @classmethod
    def run(cls, suite: Suite, indices: Sequence[int], *, tell_each: bool) -> _Stage:
        return cls(suite, indices, evaluate_suite(suite, tell_each=tell_each))

    def find_sound(self) -> list[int]:
        """Return the indices of the pulls on which no critical rule has failed."""
        return [
            index
            for index, verdicts in zip(self.indices, self.checked.verdicts, strict=True)
            if all(one.result.success or one.rule.severity != CRITICAL for one in verdicts)
        ]

    def results(self) -> Iterator[tuple[int, list[QualityResult]]]:
        """Yield the index of each pull with its results, whose findings have names."""
        owners = self.suite.rows["subject"].to_numpy()
        ends = np.searchsorted(owners, np.arange(len(self.indices) + 1))
        for subject, index in enumerate(self.indices):
            rows = self.suite.rows.iloc[ends[subject] : ends[subject + 1]]
            yield index, [self._name(one, rows) for one in self.checked.verdicts[subject]]

    def _name(self, verdict: Verdict, rows: pd.DataFrame) -> QualityResult:
        result = name_findings(verdict, rows)
        if result.expectation != NO_BAR:
            return result
        missing = rows.loc[rows["rows"] == 0, "session"].dt.strftime("%Y-%m")
        return replace(
            result, details={**result.details, "missing_by_month": dict(Counter(missing))}
        )


def _schema_suite(pulls: Sequence[Pull]) -> Suite:
    rules = tuple(schema_rules())
    subjects = [_subject(pull, rules, find_absent(pull.bars)) for pull in pulls]
    return Suite(SCHEMA_SUITE, subjects, list_owners(pulls), measure_forms(pulls))


def _suites_of_days_and_measures(
    pulls: Sequence[Pull], calendars: Mapping[str, TradingCalendar], held: pd.DataFrame
) -> tuple[Suite, Suite]:
    bars, rules = join_bars(pulls), tuple(calendar_rules())
    days = measure_calendar(
        make_keys(bars["subject"].to_numpy(), _count_days(bars["session"].to_numpy())),
        np.concatenate(
            [
                make_keys(index, _count_days(_list_sessions(pull, calendars)))
                for index, pull in enumerate(pulls)
            ]
        ),
    )
    measured, wholes = measure_pulls(pulls, bars, calendars, held)
    n_rows = np.bincount(bars["subject"], minlength=len(pulls))
    rules_of = _put_rules_together(pulls, n_rows.tolist())
    return (
        Suite(CALENDAR_SUITE, [_subject(pull, rules) for pull in pulls], days),
        Suite(
            BARS_SUITE,
            [_subject(*pair) for pair in zip(pulls, rules_of, strict=True)],
            measured,
            wholes,
        ),
    )


def _put_rules_together(pulls: Sequence[Pull], n_rows: Sequence[int]) -> list[tuple[Rule, ...]]:
    """Return the rules for each pull; pulls of one kind and length have the very same."""
    known: dict[tuple[bool, str, int], tuple[Rule, ...]] = {}
    rules = []
    for pull, n in zip(pulls, n_rows, strict=True):
        kind = is_index(pull.symbol), exchange_of(pull.symbol), n
        if kind not in known:
            known[kind] = tuple(bar_rules(pull.symbol, n))
        rules.append(known[kind])
    return rules


def _subject(pull: Pull, rules: tuple[Rule, ...], absent: Sequence[str] = ()) -> GateSubject:
    return GateSubject(pull.symbol, pull.first, pull.last, rules, absent=frozenset(absent))


def _list_sessions(pull: Pull, calendars: Mapping[str, TradingCalendar]) -> DayArray:
    return calendars[pull.symbol].sessions(pull.first, pull.last)


def _count_days(days: DayArray) -> IntArray:
    return days.astype("datetime64[D]").astype(np.int64)
