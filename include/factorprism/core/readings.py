"""What the pages read beside the stages' own rows: summaries, moments, states; never written."""

from __future__ import annotations

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
    """One answer of a source without its bars; moments are naive UTC."""

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

    target: str
    session: date
    horizon: int
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
