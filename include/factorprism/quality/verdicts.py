"""What a gate returns: the results on each of its subjects, few or thousands of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain

from factorprism.market.findings import QualityResult

# Of up to so many symbols each result is kept, also of the expectations that hold.
REPORTED_EACH_MAX = 20


@dataclass(frozen=True)
class Verdicts:
    """The results on each subject, in the order in which the subjects were given.

    Of up to `REPORTED_EACH_MAX` symbols each has all its results. Of more, each has those that
    failed, and `shared` has one for each expectation that held, which counts the symbols; its
    symbol is empty. `n_asked` counts every verdict.
    """

    of: tuple[tuple[QualityResult, ...], ...]
    shared: tuple[QualityResult, ...] = field(default=(), repr=False)
    n_asked: int = 0

    @property
    def results(self) -> list[QualityResult]:
        """All results: subject by subject, then those that are shared."""
        return [*chain.from_iterable(self.of), *self.shared]


def tells_each(symbols: Iterable[str]) -> bool:
    """Tell whether so few symbols are checked that each has a result for what holds, too."""
    return len(set(symbols)) <= REPORTED_EACH_MAX
