"""Sorts what the gate found in a pull: what refuses it, and which rows stay out of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from factorprism.core.symbols import is_index
from factorprism.market.findings import Finding, QualityResult
from factorprism.quality._rules import TOLERATED_ROWS


@dataclass(frozen=True)
class Sorted:
    """`refused` are the failures of the pull as a whole, `set_aside` the first finding by row.

    `findings` are all that keep something out; the others a person has accepted.
    """

    refused: tuple[QualityResult, ...]
    set_aside: Mapping[date, Finding]
    findings: tuple[Finding, ...]


def sort_out(
    results: Sequence[QualityResult], accepted: Collection[tuple[str, ...]] = frozenset()
) -> Sorted:
    """Sort the critical failures among `results`, those aside that a person has accepted.

    `accepted` holds the keys of accepted findings (`Finding.keys`). A finding that lasts is
    known by its first row; of any other, the rows that were accepted go in. Nor do such rows, or
    those of a finding that was accepted, count among the many that refuse a pull.
    """
    spoken_for = _find_spoken_for(results, accepted)
    refused: list[QualityResult] = []
    set_aside: dict[date, Finding] = {}
    findings: list[Finding] = []
    for result in results:
        for finding in result.findings:
            if _is_accepted(finding, accepted):
                continue
            out = [day for day in finding.sessions if not _is_row_accepted(finding, day, accepted)]
            set_aside = dict.fromkeys(out, finding) | set_aside
            if not finding.sessions and _is_too_often(result, finding, spoken_for):
                refused.append(result)
            elif not out:
                continue
            findings.append(finding)
    return Sorted(tuple(refused), dict(sorted(set_aside.items())), tuple(findings))


def _find_spoken_for(
    results: Sequence[QualityResult], accepted: Collection[tuple[str, ...]]
) -> set[date]:
    """Return the sessions of which a person has said that something found on them is no fault."""
    sessions: set[date] = set()
    for finding in (item for result in results for item in result.findings):
        days = set(map(date.fromisoformat, finding.rows))
        if _is_accepted(finding, accepted):
            sessions |= days.union(finding.sessions)
        sessions |= {day for day in days if _is_row_accepted(finding, day, accepted)}
    return sessions


def _is_too_often(result: QualityResult, finding: Finding, spoken_for: Collection[date]) -> bool:
    """Tell whether a fault of the pull as a whole is one still, without the rows `spoken_for`."""
    left = [day for day in finding.rows if date.fromisoformat(day) not in spoken_for]
    return not finding.rows or len(left) > int(str(result.details.get("tolerated", 0)))


def _is_accepted(finding: Finding, accepted: Collection[tuple[str, ...]]) -> bool:
    """Tell whether a person has accepted each row that `finding` is known by."""
    return bool(finding.keys) and all(key in accepted for key in finding.keys)


def blank_untraded(bars: pd.DataFrame) -> pd.DataFrame:
    """Return `bars` with volume NaN where an index shows none: an open exchange trades."""
    untraded = bars["volume_shares"].eq(0.0) & bars["symbol"].map(is_index).astype(bool)
    return bars.assign(volume_shares=bars["volume_shares"].mask(untraded))


def is_too_much(n_set_aside: int, n_rows: int, ratio_max: float) -> bool:
    """Tell whether so many of `n_rows` were set aside that the pull is not to be trusted."""
    return n_set_aside > max(TOLERATED_ROWS, ratio_max * n_rows)


def _is_row_accepted(
    finding: Finding, session: date, accepted: Collection[tuple[str, ...]]
) -> bool:
    value = finding.rows.get(session.isoformat())
    if value is None or not finding.keys:
        return False
    rule = (finding.symbol, finding.suite, finding.expectation, finding.column)
    return (*rule, session.isoformat(), value) in accepted
