"""What the pages read beside the stages' own rows: summaries, moments, states; never written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np
import numpy.typing as npt

from factorprism.core.schemas import DayArray, Evaluation, ModelRecord, Promotion, PullState


@dataclass(frozen=True, eq=False)
class HeldBars:
    """Which bars of one symbol are there, ascending by day.

    `missing` is bool [day, column]: whether the value of `BAR_VALUES`' column is absent (NaN).
    """

    days: DayArray = field(repr=False)
    missing: npt.NDArray[np.bool_] = field(repr=False)


@dataclass(frozen=True)
class GateSummary:
    """What the expectations under one `run_key` came to, by number; moments are naive UTC."""

    run_key: str
    suite: str
    n_results: int
    n_critical: int  # failed ones, and so the next
    n_warnings: int
    recorded_at: datetime


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


@dataclass(frozen=True)
class IssuedForecast:
    """The key of an issued forecast and when it was written (naive, UTC)."""

    signal: str
    session: date
    model_id: str
    created_at: datetime


@dataclass(frozen=True)
class KeptModel:
    """A model with some of its figures, saved at `saved_at` (naive, UTC)."""

    record: ModelRecord
    saved_at: datetime
    has_training: bool
    evaluations: tuple[Evaluation, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class DatedDecision:
    """A decision on the title, and when it was written (naive, UTC)."""

    promotion: Promotion
    decided_at: datetime


@dataclass(frozen=True)
class ForecastLine:
    """One signal in the ledger: what is asked of whom, from what, how far ahead.

    `target` is the target's name, `symbol` the index that it is about. `first` and `last` are its
    sessions, `issued` and `withheld` count them; a session that was withheld before it was issued
    counts as issued.
    """

    signal: str
    target: str
    universe: str
    horizon: int
    symbol: str
    first: date
    last: date
    issued: int
    withheld: int


@dataclass(frozen=True, eq=False)
class Record:
    """A signal's forecasts and outcomes, arrays [session], ascending.

    Days are ``datetime64[D]``. `values` has the target's values by their names, NaN where
    withheld; `outcome` (the label) and `forward_return` (a fraction) are NaN before the horizon
    has ended. `late_seconds` is how long after it was due a row was written, NaN where that is
    not known.
    """

    sessions: npt.NDArray[np.datetime64]
    horizon_end: npt.NDArray[np.datetime64]
    values: Mapping[str, npt.NDArray[np.float64]]
    outcome: npt.NDArray[np.float64]
    forward_return: npt.NDArray[np.float64]
    late_seconds: npt.NDArray[np.float64]

    @property
    def issued(self) -> npt.NDArray[np.bool_]:
        known = ~np.isnan(next(iter(self.values.values())))
        return np.asarray(known, bool)

    @property
    def settled(self) -> npt.NDArray[np.bool_]:
        return ~np.isnan(self.outcome)


@dataclass(frozen=True, eq=False)
class JudgedForecasts:
    """An entrant's walk-forward forecasts, arrays [session], ascending.

    `columns` are those of `core.contest.FoldForecasts`.
    """

    sessions: npt.NDArray[np.datetime64]
    columns: Mapping[str, npt.NDArray[np.float64]]


@dataclass(frozen=True)
class Head:
    """The last row of a signal's chain; whoever keeps it elsewhere can tell a rewritten ledger."""

    signal: str
    position: int
    row_hash: str

    def __str__(self) -> str:
        return f"{self.signal}:{self.position}:{self.row_hash}"


@dataclass(frozen=True)
class LedgerFault:
    """The first row of a signal that does not fit, and why, in one sentence."""

    signal: str
    position: int
    sentence: str


@dataclass(frozen=True)
class LedgerReport:
    """What a walk over the chains came to, signals in their order."""

    n_rows: int
    heads: tuple[Head, ...]
    faults: tuple[LedgerFault, ...]
