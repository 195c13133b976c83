"""Sorts what the gate found in a pull: what refuses it, and which rows stay out of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from factorprism.core.schemas import Finding, QualityResult
from factorprism.quality._rules import TOLERATED_ROWS
from factorprism.quality.bar_rules import is_index


@dataclass(frozen=True)
class Sorted:
    """`refused` are the failures of the pull as a whole, `set_aside` the first finding by row."""

    refused: tuple[QualityResult, ...]
    set_aside: Mapping[date, Finding]


def sort_out(
    results: Sequence[QualityResult], accepted: Collection[tuple[str, ...]] = frozenset()
) -> Sorted:
    """Sort the critical failures among `results`, those aside that a person has accepted.

    `accepted` holds the keys of accepted findings (`Finding.keys`). A finding that lasts is
    known by its first row; of any other, the rows that were accepted go in.
    """
    refused: list[QualityResult] = []
    set_aside: dict[date, Finding] = {}
    for result in results:
        for finding in result.findings:
            if is_accepted(finding, accepted):
                continue
            if not finding.sessions:
                refused.append(result)
            for session in finding.sessions:
                if not _is_row_accepted(finding, session, accepted):
                    set_aside.setdefault(session, finding)
    return Sorted(tuple(refused), dict(sorted(set_aside.items())))


def is_accepted(finding: Finding, accepted: Collection[tuple[str, ...]]) -> bool:
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
