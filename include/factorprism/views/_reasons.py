"""What an explanation holds, as a page shows it, with the past images drawn again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from factorprism.core.arrays import DayArray, FloatArray
from factorprism.core.contest import Explanation
from factorprism.factors import Normaliser
from factorprism.forecasts.explain import Attribution, Shares
from factorprism.pipelines import Run
from factorprism.views._window import load_target_window

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NearestNeighbour:
    """A past image and what followed; `picture` is float32 [lookback, factor] of the target in z.

    `distance` is in standard deviations of the embedding, `forward_return` a fraction. `picture`
    is None, and `sessions` empty, where its factors are no longer held.
    """

    session: date
    outcome_end: date
    distance: float
    forward_return: float
    sessions: DayArray = field(repr=False)
    picture: FloatArray | None = field(repr=False)


@dataclass(frozen=True, eq=False)
class Reasons:
    """Why the forecast came out as it did; each part is None or empty where it was not kept.

    `baselines` gives for each its forecast, the one that the target ranks by, and by factor what it
    adds to the score, summed over channels. `agreement` is the rank correlation with networks of
    other seeds by kind, -1 to 1; `lacks_members` tells that there are no such networks.
    """

    attribution: Attribution | None
    shapley: Shares | None
    surrogate: Shares | None
    baselines: Mapping[str, tuple[float, Values]]
    agreement: Mapping[str, float]
    lacks_members: bool
    seeds: tuple[int, ...]
    novel: bool
    distance: float | None
    threshold: float | None
    nearest_neighbours: tuple[NearestNeighbour, ...]


def build_reasons(run: Run, explanation: Explanation, normaliser: Normaliser | None) -> Reasons:
    baselines: Mapping[str, Any] = explanation.baselines
    stability: Mapping[str, Any] = explanation.stability
    nearest_neighbours: Mapping[str, Any] = explanation.nearest_neighbours
    return Reasons(
        attribution=(
            Attribution.from_dict(explanation.attribution) if explanation.attribution else None
        ),
        shapley=Shares.from_dict(explanation.shapley) if explanation.shapley else None,
        surrogate=Shares.from_dict(explanation.surrogate) if explanation.surrogate else None,
        baselines={
            name: (held[run.target.ranked], np.asarray(held["values"], np.float64).sum(axis=1))
            for name, held in baselines.items()
        },
        agreement=stability.get("agreement", {}),
        lacks_members="absent" in stability,
        seeds=tuple(stability.get("seeds", ())),
        novel=bool(nearest_neighbours.get("novel", False)),
        distance=nearest_neighbours.get("distance"),
        threshold=nearest_neighbours.get("threshold"),
        nearest_neighbours=tuple(
            _build_neighbour(run, held, normaliser)
            for held in nearest_neighbours.get("neighbours", ())
        ),
    )


def _build_neighbour(
    run: Run, held: Mapping[str, Any], normaliser: Normaliser | None
) -> NearestNeighbour:
    session = date.fromisoformat(held["session"])
    window = load_target_window(replace(run, session=session), run.signal.lookback)
    drawn = None
    if window is not None and normaliser is not None:
        # The target is the first channel.
        own = Normaliser(normaliser.centre[:, :1], normaliser.scale[:, :1], normaliser.clip)
        drawn = own.transform(window.values)[..., 0]
    return NearestNeighbour(
        session,
        date.fromisoformat(held["outcome_end"]),
        float(held["distance"]),
        float(held["forward_return"]),
        np.array([], "datetime64[D]") if window is None else window.sessions,
        drawn,
    )
