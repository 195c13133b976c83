"""The gate itself: lets a run go on, or stops it with every critical failure named."""

from __future__ import annotations

from collections.abc import Sequence

from factorprism.core.errors import QualityError
from factorprism.core.severity import CRITICAL
from factorprism.market.findings import QualityResult

SENTENCES_REPORTED = 3


def require(results: Sequence[QualityResult]) -> None:
    """Raise `QualityError` where a critical expectation failed; warnings pass.

    Its ``failures`` hold one sentence for each failure, which names
    symbol, sessions and expectation, and the message its first few.
    """
    failed = [item for item in results if not item.success and item.severity == CRITICAL]
    if not failed:
        return
    failures = [_report(item) for item in failed]
    more = len(failures) - SENTENCES_REPORTED
    message = " ".join(failures[:SENTENCES_REPORTED])
    if more > 0:
        message += f" And {more} more critical failures."
    raise QualityError(
        message,
        failures=failures,
        remedy="Nothing downstream was written; the data docs show each finding with its rows.",
    )


def _report(item: QualityResult) -> str:
    checked = f"{item.suite}.{item.expectation}, {item.first} to {item.last}"
    checked += "".join(f", finding {finding.finding_id}" for finding in item.findings[:1])
    return f"{item.sentence.rstrip('.')} ({checked})."
