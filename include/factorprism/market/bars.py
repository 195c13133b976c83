"""Bars: their frame, the pulls that they come by, and what changed of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pandas as pd

from factorprism.core.arrays import DayArray, make_canonical

BAR_KEY = ("symbol", "session")
BAR_PRICES = ("open", "high", "low", "close")
BAR_VALUES = (*BAR_PRICES, "volume_shares", "amount_cny", "pre_close", "pct_chg")
BAR_COLUMNS = (*BAR_KEY, *BAR_VALUES)


def make_bars(frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` as a bar frame: columns `BAR_COLUMNS`, sorted by (symbol, session).

    `symbol` is a string, `session` ``datetime64[us]`` at midnight, every other column float64.
    Columns that the source does not give (`amount_cny`, `pre_close`, `pct_chg` in per cent) are
    NaN. Nothing is repaired here: duplicates, gaps and impossible prices are the gate's to find.

    Raises ``ValueError`` when a key or price column is absent or a value is no number or date.
    """
    absent = [name for name in (*BAR_KEY, *BAR_PRICES, "volume_shares") if name not in frame]
    if absent:
        raise ValueError(f"frame: columns {absent} are missing; it has {list(frame.columns)}")
    bars = pd.DataFrame(
        {
            "symbol": frame["symbol"].astype("str"),
            "session": pd.to_datetime(frame["session"]).dt.normalize().astype("datetime64[us]"),
        }
    )
    for name in BAR_VALUES:
        bars[name] = pd.to_numeric(frame[name]).astype("float64") if name in frame else np.nan
    return bars.sort_values(list(BAR_KEY), kind="stable", ignore_index=True)


def empty_bars() -> pd.DataFrame:
    """Return a bar frame without rows."""
    return make_bars(pd.DataFrame({name: [] for name in BAR_COLUMNS}))


def hash_bars(bars: pd.DataFrame) -> str:
    """Return the SHA-256 (hex) of a bar frame's content.

    The digest covers symbols, sessions and the little-endian bytes of every value; all NaNs count
    as equal. It does not depend on the index, on memory layout, or on the order of the rows.
    """
    ordered = bars.sort_values(list(BAR_KEY), kind="stable")
    digest = hashlib.sha256()
    digest.update("\n".join(ordered["symbol"]).encode())
    digest.update(ordered["session"].to_numpy().astype("datetime64[D]").astype("<i8").tobytes())
    for name in BAR_VALUES:
        digest.update(make_canonical(ordered[name].to_numpy(dtype="<f8")).tobytes())
    return digest.hexdigest()


class PullState(StrEnum):
    """What became of a pull."""

    PULLED = "pulled"
    ACCEPTED = "accepted"
    QUARANTINED = "quarantined"


@dataclass(frozen=True)
class Pull:
    """One answer of a source, kept as it came: `bars` of one symbol for [`first`, `last`]."""

    source: str
    symbol: str
    first: date
    last: date
    bars: pd.DataFrame = field(repr=False)
    fetched_at: datetime
    state: PullState = PullState.PULLED
    pull_id: int | None = None

    @property
    def content_hash(self) -> str:
        return hash_bars(self.bars)


@dataclass(frozen=True)
class Revision:
    """One value of a bar that a later pull changed."""

    symbol: str
    session: date
    column: str
    old_value: float
    new_value: float
    pull_id: int


@dataclass(frozen=True)
class MergeResult:
    """What a merge of bars did; `first_changed` is None when nothing changed."""

    inserted: int
    revisions: tuple[Revision, ...]
    first_changed: date | None


@dataclass(frozen=True, eq=False)
class HeldBars:
    """Which bars of one symbol are there, ascending by day.

    `missing` is bool [day, column]: whether the value of `BAR_VALUES`' column is absent (NaN).
    """

    days: DayArray = field(repr=False)
    missing: npt.NDArray[np.bool_] = field(repr=False)


@dataclass(frozen=True)
class PullSummary:
    """One answer of a source without its bars, for the sessions [`first`, `last`].

    `n_used` counts the bars that still hold its values where that was asked, those of the
    sessions [`first_used`, `last_used`]. Moments are naive UTC.
    """

    pull_id: int
    source: str
    symbol: str
    first: date
    last: date
    content_hash: str
    n_bars: int
    state: PullState
    reason: str
    fetched_at: datetime
    marked_at: datetime | None
    n_used: int = 0
    first_used: date | None = None
    last_used: date | None = None


@dataclass(frozen=True)
class RevisedValue:
    """One value of a bar that pull `pull_id` changed at `revised_at` (naive, UTC)."""

    symbol: str
    session: date
    column: str
    old_value: float
    new_value: float
    pull_id: int
    revised_at: datetime
