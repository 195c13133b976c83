"""What a source of bars is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Protocol

from factorprism.market.bars import Pull


class BarSource(Protocol):
    """Fetches daily bars; volume in shares and amount in CNY, whatever the vendor's units are."""

    name: str

    def fetch_bars(self, symbols: Sequence[str], first: date, last: date) -> Iterator[Pull]:
        """Yield pulls, oldest first within a symbol, that together cover [`first`, `last`].

        Each is complete in itself, so that a caller who stores them one by one can go on where
        it was cut off. Raises `SourceError`; never yields a session that is not published yet.
        """
        ...

    def fetch_days(self, exchange: str, first: date, last: date) -> dict[date, bool]:
        """Return whether `exchange` trades, for each day in [`first`, `last`] that is published.

        Empty where the source publishes no calendar of `exchange`. Raises `SourceError`.
        """
        ...

    def latest_session(self, symbol: str, now: datetime) -> date:
        """Return the last session of `symbol` that the source can serve at `now` (naive, UTC)."""
        ...

    def first_session(self, symbol: str) -> date:
        """Return the first session worth asking for."""
        ...

    def final_session(self, symbol: str) -> date | None:
        """Return the last session of `symbol` that there will ever be; None: more are to come."""
        ...
