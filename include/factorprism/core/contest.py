"""What the weekly contest leaves behind, and what a forecast is explained by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np
import numpy.typing as npt

from factorprism.core.arrays import DayArray

Column = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class OutOfSampleForecasts:
    """An entrant's walk-forward forecasts, arrays [session], ascending.

    `columns` are those of `FoldForecasts`.
    """

    sessions: DayArray
    columns: Mapping[str, Column]


@dataclass(frozen=True, eq=False)
class FoldForecasts:
    """One entrant's forecasts of one fold out of sample, beside what came of them.

    `fold_key` is the SHA-256 of everything that the forecasts follow from: the images and closes
    up to the last label, the entrant, its settings, the placebo and the sessions. `placebo` is
    empty for the true labels. `columns` are float64 [session], named ``outcome.``, ``value.`` (the
    forecasts) or ``base.`` (the reference's) and the target's own name of each. `device` is what it
    was computed on, None where that is not known.
    """

    fold_key: str
    signal: str
    entrant: str
    placebo: str
    settings: Mapping[str, object]
    sessions: DayArray = field(repr=False)
    columns: Mapping[str, Column] = field(repr=False)
    begun_at: datetime | None = None
    device: str | None = None

    def __post_init__(self) -> None:
        lengths = {len(self.sessions), *(len(column) for column in self.columns.values())}
        if len(lengths) != 1:
            raise ValueError(f"columns: those of fold {self.fold_key} differ in length")


@dataclass(frozen=True)
class FoldTime:
    """How long an entrant took to learn and evaluate one fold; `device` is None where unknown."""

    entrant: str
    settings: Mapping[str, object]
    device: str | None
    seconds: float


@dataclass(frozen=True)
class ContestReport:
    """What one contest came to: `sentence` first of all, then the tables in `content` (JSON)."""

    signal: str
    as_of: date
    image_set_hash: str
    sentence: str
    content: Mapping[str, object] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Explanation:
    """The attribution of one forecast; every mapping is JSON.

    `attribution` is the network's own (`forecasts.explain.Attribution`), `shapley` and
    `surrogate` two further readings of it (SHAP, LIME), `baselines` that of the plain
    baselines, `stability` how far networks of other seeds agree, `nearest_neighbours` the past
    images most like the day's and what followed them.
    """

    signal: str
    session: date
    model_id: str
    attribution: Mapping[str, object] = field(default_factory=dict, repr=False)
    shapley: Mapping[str, object] = field(default_factory=dict, repr=False)
    surrogate: Mapping[str, object] = field(default_factory=dict, repr=False)
    baselines: Mapping[str, object] = field(default_factory=dict, repr=False)
    stability: Mapping[str, object] = field(default_factory=dict, repr=False)
    nearest_neighbours: Mapping[str, object] = field(default_factory=dict, repr=False)
