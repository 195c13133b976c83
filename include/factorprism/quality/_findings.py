"""Names each critical fault, and says which sessions of a pull it is held against."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from hashlib import sha256
from itertools import pairwise

import pandas as pd

from factorprism.core.schemas import Finding, QualityResult
from factorprism.quality._judge import Verdict
from factorprism.quality._rules import CRITICAL, Reach

ID_SIGNS = 12
# So many faults of one expectation are told one by one; more are one finding.
FINDINGS_MAX = 20
# A unit that returns within so many sessions was the row's, a longer run is another unit.
UNIT_RUN = 3


def name_findings(verdict: Verdict, frame: pd.DataFrame) -> QualityResult:
    """Return the verdict's result with its findings, where a critical expectation failed.

    `frame` is what was judged, ascending by ``session``; bars have a flag ``comes_back``.
    """
    result = verdict.result
    if result.success or result.severity != CRITICAL:
        return result
    findings = tuple(_find(verdict, frame))
    ids = [finding.finding_id for finding in findings]
    return replace(result, findings=findings, details={**result.details, "findings": ids})


def _find(verdict: Verdict, frame: pd.DataFrame) -> Iterator[Finding]:
    rows = dict(verdict.failing)
    if verdict.rule.reach is Reach.PULL or not rows:
        yield _name(verdict, rows, ())
        return
    days = _days(frame)
    place = {day: row for row, day in enumerate(days)}
    runs = list(_split_runs(sorted({place[day] for day in rows})))
    reached = [_reach(verdict, frame, run) for run in runs]
    if len(runs) > FINDINGS_MAX:
        runs = [[row for run in runs for row in run]]
        reached = [sorted({row for part in reached for row in part})]
    for run, held_against in zip(runs, reached, strict=True):
        # What lasts is known again by its beginning, since every evening adds a row to it.
        known = run[:1] if _lasts(verdict, held_against, len(days)) else run
        sessions = tuple(date.fromisoformat(days[row]) for row in held_against)
        if sessions:
            yield _name(verdict, {days[row]: rows[days[row]] for row in known}, sessions)


def _lasts(verdict: Verdict, held_against: Sequence[int], n_rows: int) -> bool:
    lasting = (Reach.SPIKE, Reach.LASTING, Reach.UNIT)
    return verdict.rule.reach in lasting and len(held_against) > UNIT_RUN


def _reach(verdict: Verdict, frame: pd.DataFrame, run: Sequence[int]) -> list[int]:
    """Return the rows that a run of failing rows is held against."""
    rule, end = verdict.rule, len(frame)
    begin = max(run[0] - rule.before, 0)
    if rule.reach is Reach.LASTING or (rule.reach is Reach.UNIT and len(run) >= UNIT_RUN):
        return list(range(begin, end))
    if rule.reach is Reach.SPIKE:
        return _blame(frame["comes_back"].tolist(), run)
    return list(range(begin, run[-1] + 1))


def _blame(comes_back: Sequence[bool], run: Sequence[int]) -> list[int]:
    """Return the lone wrong rows among moves there and back, or all rows from a move that stays.

    A first row that comes back speaks against the row before it, which is not judged here.
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
    told = [result.symbol, result.suite, result.expectation, result.column]
    told += [f"{session} {value}" for session, value in rows.items()]
    return Finding(
        finding_id=sha256("\n".join(told).encode()).hexdigest()[:ID_SIGNS],
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
    (first, value), *more = rows.items()
    rest = f" and {len(more)} more" if more else ""
    lasting = f", held against {sessions[0]} to {sessions[-1]}" if len(sessions) > len(rows) else ""
    return f"{verdict.result.symbol}: {verdict.rule.finding} on {first} ({value}){rest}{lasting}."


def _days(frame: pd.DataFrame) -> list[str]:
    return list(frame["session"].dt.strftime("%Y-%m-%d"))
