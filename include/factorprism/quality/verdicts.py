"""What a gate returns: the results on each of its subjects, few or thousands of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain

from factorprism.core.errors import QualityError
from factorprism.core.schemas import QualityResult
from factorprism.quality._rules import CRITICAL

# Up to so many symbols are told each expectation one by one, those that hold too.
TOLD_EACH_MAX = 20
SENTENCES_TOLD = 3


@dataclass(frozen=True)
class Verdicts:
    """The results on each subject, in the order in which the subjects were given.

    Of up to `TOLD_EACH_MAX` symbols each has all its results. Of more, each has those that failed,
    and `shared` has one for each expectation that held, which counts the symbols; its symbol is
    empty. `n_asked` counts every verdict.
    """

    of: tuple[tuple[QualityResult, ...], ...]
    shared: tuple[QualityResult, ...] = field(default=(), repr=False)
    n_asked: int = 0

    @property
    def results(self) -> list[QualityResult]:
        """All results: subject by subject, then those that are shared."""
        return [*chain.from_iterable(self.of), *self.shared]


def tells_each(symbols: Iterable[str]) -> bool:
    """Tell whether so few symbols are judged that each is told what holds for it."""
    return len(set(symbols)) <= TOLD_EACH_MAX


def require(results: Sequence[QualityResult]) -> None:
    """Return when no critical expectation failed; warnings pass.

    Raises `QualityError` otherwise: ``failures`` holds one sentence for each failure, which names
    symbol, sessions and expectation, and the message its first few.
    """
    failed = [item for item in results if not item.success and item.severity == CRITICAL]
    if not failed:
        return
    failures = [_told(item) for item in failed]
    more = len(failures) - SENTENCES_TOLD
    told = " ".join(failures[:SENTENCES_TOLD])
    message = f"{told} And {more} more critical failures." if more > 0 else told
    raise QualityError(
        message,
        failures=failures,
        remedy="Nothing downstream was written; the data docs show each finding with its rows.",
    )


def _told(item: QualityResult) -> str:
    judged = f"{item.suite}.{item.expectation}, {item.first} to {item.last}"
    judged += "".join(f", finding {finding.finding_id}" for finding in item.findings[:1])
    return f"{item.sentence.rstrip('.')} ({judged})."
