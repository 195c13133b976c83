"""Names each critical fault, and says which sessions of a pull it is held against."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from hashlib import sha256
from itertools import pairwise

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from factorprism.core.severity import CRITICAL
from factorprism.market.findings import Finding, QualityResult
from factorprism.quality._evaluation import Verdict, tell_value
from factorprism.quality._rules import FindingScope

ID_SIGNS = 12
# So many faults of one expectation are reported one by one; more are one finding.
FINDINGS_MAX = 20
# A unit that returns within so many sessions was the row's, a longer run is another unit.
UNIT_RUN = 3


def name_findings(verdict: Verdict, frame: pd.DataFrame) -> QualityResult:
    """Return the verdict's result with its findings, where a critical expectation failed.

    `frame` is what was checked, ascending by ``session``; bars have a flag ``comes_back``.
    """
    result = verdict.result
    if result.success or result.severity != CRITICAL:
        return result
    findings = tuple(_find(verdict, frame))
    ids = [finding.finding_id for finding in findings]
    return replace(result, findings=findings, details={**result.details, "findings": ids})


def _find(verdict: Verdict, frame: pd.DataFrame) -> Iterator[Finding]:
    scope = verdict.rule.scope
    if scope is FindingScope.FORM or not verdict.failing:
        yield _name(verdict, {}, ())
        return
    days = _days(frame)
    index = {day: row for row, day in enumerate(days)}
    failing = sorted({index[day] for day, _ in verdict.failing})
    if scope is FindingScope.PULL:
        yield _name(verdict, _tell_given(verdict, frame, failing), ())
        return
    runs = list(_split_runs(failing))
    against = [_list_blamed(verdict, frame, run) for run in runs]
    known = [_known(scope, *pair) for pair in zip(runs, against, strict=True)]
    if len(runs) > FINDINGS_MAX:
        known, against = [_join(known)], [_join(against)]
    for rows, held_against in zip(known, against, strict=True):
        sessions = tuple(date.fromisoformat(days[row]) for row in held_against)
        if sessions:
            yield _name(verdict, _tell_given(verdict, frame, rows), sessions)


def _known(scope: FindingScope, run: Sequence[int], held_against: Sequence[int]) -> Sequence[int]:
    """Return the rows that a finding is known by, and that a person accepts.

    Of what lasts they are its beginning, since every evening adds a row to it. Of prices that
    repeat they are the whole run: its first rows fail no less than those from which on it shows.
    """
    if scope is FindingScope.RUN:
        return held_against
    if scope is FindingScope.UNIT:
        return run[:UNIT_RUN]
    lasts = scope is FindingScope.LASTING or (
        scope is FindingScope.SPIKE and len(held_against) > UNIT_RUN
    )
    return run[:1] if lasts else run


def _tell_given(verdict: Verdict, frame: pd.DataFrame, rows: Sequence[int]) -> dict[str, str]:
    """Return what each row gives in the column at fault, in words.

    Not what was measured on it: that changes with the rows before, and so from pull to pull.
    """
    column, days = verdict.rule.column, _days(frame)
    if column in frame and is_numeric_dtype(frame[column]):
        return {days[row]: tell_value(float(frame[column].iloc[row])) for row in rows}
    measured = dict(verdict.failing)
    return {days[row]: measured[days[row]] for row in rows}


def _join(parts: Sequence[Sequence[int]]) -> list[int]:
    return sorted({row for part in parts for row in part})


def _list_blamed(verdict: Verdict, frame: pd.DataFrame, run: Sequence[int]) -> list[int]:
    """Return the rows that a run of failing rows is held against."""
    rule, end = verdict.rule, len(frame)
    begin = max(run[0] - rule.before, 0)
    if rule.scope is FindingScope.LASTING or (
        rule.scope is FindingScope.UNIT and len(run) >= UNIT_RUN
    ):
        return list(range(begin, end))
    if rule.scope is FindingScope.SPIKE:
        return _blame(frame["comes_back"].tolist(), run)
    return list(range(begin, run[-1] + 1))


def _blame(comes_back: Sequence[bool], run: Sequence[int]) -> list[int]:
    """Return the lone wrong rows among moves there and back, or all rows from a move that stays.

    A first row that comes back speaks against the row before it, which is not checked here.
    """
    blamed: list[int] = []
    for row in run:
        if comes_back[row]:
            blamed += [row - 1] if row else []
        elif row + 1 < len(comes_back) and comes_back[row + 1]:
            blamed.append(row)
        else:
            blamed += range(row, len(comes_back))
    return sorted(set(blamed))


def _split_runs(rows: Sequence[int]) -> Iterator[list[int]]:
    run = list(rows[:1])
    for before, row in pairwise(rows):
        if row != before + 1:
            yield run
            run = []
        run.append(row)
    yield run


def _name(verdict: Verdict, rows: Mapping[str, str], sessions: tuple[date, ...]) -> Finding:
    result = verdict.result
    named = [result.symbol, result.suite, result.expectation, result.column]
    named += [f"{session} {value}" for session, value in rows.items()]
    return Finding(
        finding_id=sha256("\n".join(named).encode()).hexdigest()[:ID_SIGNS],
        symbol=result.symbol,
        suite=result.suite,
        expectation=result.expectation,
        column=result.column,
        rows=dict(rows),
        sessions=sessions,
        sentence=_tell(verdict, rows, sessions),
    )


def _tell(verdict: Verdict, rows: Mapping[str, str], sessions: tuple[date, ...]) -> str:
    if not sessions:
        return verdict.result.sentence
    (first, given), *more = rows.items()
    value = dict(verdict.failing).get(first, given)
    rest = f" and {len(more)} more" if more else ""
    lasting = f", held against {sessions[0]} to {sessions[-1]}" if len(sessions) > len(rows) else ""
    return f"{verdict.result.symbol}: {verdict.rule.finding} on {first} ({value}){rest}{lasting}."


def _days(frame: pd.DataFrame) -> list[str]:
    days: list[str] = np.datetime_as_string(frame["session"].to_numpy(), unit="D").tolist()
    return days
