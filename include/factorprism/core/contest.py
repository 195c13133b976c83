"""What the weekly contest leaves behind, and the reasons that a forecast came with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np
import numpy.typing as npt

from factorprism.core.schemas import DayArray

Column = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FoldForecasts:
    """One entrant's forecasts of one judged fold, beside what came of them; all arrays [session].

    `fold_key` is the SHA-256 of everything that the forecasts follow from: the images and closes
    up to the last label, the entrant, its settings, the placebo and the judged sessions. `placebo`
    is empty for the true labels. `went_up` is int8 in {0, 1}; the others are float64: `p_up` and
    `base_rate` probabilities, `forward_return` and its two estimates (from the forecast, from the
    base rate) fractions. `device` is what it was computed on; None is not known.
    """

    fold_key: str
    universe: str
    horizon: int
    entrant: str
    placebo: str
    settings: Mapping[str, object]
    sessions: DayArray = field(repr=False)
    went_up: npt.NDArray[np.int8] = field(repr=False)
    p_up: Column = field(repr=False)
    base_rate: Column = field(repr=False)
    forward_return: Column = field(repr=False)
    return_estimate: Column = field(repr=False)
    return_base: Column = field(repr=False)
    begun_at: datetime | None = None
    device: str | None = None

    def __post_init__(self) -> None:
        lengths = {len(getattr(self, name)) for name in FOLD_COLUMNS}
        if len(lengths) != 1:
            raise ValueError(f"sessions: the columns of fold {self.fold_key} differ in length")


FOLD_COLUMNS = (
    "sessions",
    "went_up",
    "p_up",
    "base_rate",
    "forward_return",
    "return_estimate",
    "return_base",
)


@dataclass(frozen=True)
class FoldTime:
    """How long an entrant took to learn and judge one fold."""

    entrant: str
    settings: Mapping[str, object]
    seconds: float


@dataclass(frozen=True)
class ContestReport:
    """What one contest came to: `sentence` first of all, then the tables in `content` (JSON)."""

    universe: str
    horizon: int
    as_of: date
    image_set_hash: str
    sentence: str
    content: Mapping[str, object] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Explanation:
    """What one forecast is owed to; every mapping is JSON.

    `attribution` is the network's own (`forecasts.explain.Attribution`), `shapley` and
    `surrogate` two further readings of it (SHAP, LIME), `baselines` what the plain baselines owe
    theirs to, `stability` how far networks of other seeds agree, `precedents` the past images
    most like the day's and what followed them.
    """

    target: str
    session: date
    horizon: int
    model_id: str
    attribution: Mapping[str, object] = field(default_factory=dict, repr=False)
    shapley: Mapping[str, object] = field(default_factory=dict, repr=False)
    surrogate: Mapping[str, object] = field(default_factory=dict, repr=False)
    baselines: Mapping[str, object] = field(default_factory=dict, repr=False)
    stability: Mapping[str, object] = field(default_factory=dict, repr=False)
    precedents: Mapping[str, object] = field(default_factory=dict, repr=False)
