"""What is said first of an issued forecast, whatever its target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from factorprism.core.ledger import Forecast, ForecastState, Outcome
from factorprism.targets import Target, find_target


@dataclass(frozen=True)
class Headline:
    """The forecast and its reference's, as fractions.

    90% are expected to come within `interval`, where the target says so; `observed` is what came,
    None while it is not known. `top` is where a scale from 0 may end.
    """

    target: Target
    forecast: float
    reference: float
    interval: tuple[float, float] | None
    observed: float | None
    top: float

    @property
    def words(self) -> tuple[str, str]:
        """The forecast and the reference's in per cent."""
        return f"{self.forecast:.1%}", f"{self.reference:.1%}"


def read_headline(forecast: Forecast | None, outcome: Outcome | None = None) -> Headline | None:
    """Return what `forecast` says, and what came of it; None where nothing was issued."""
    if forecast is None or forecast.state is not ForecastState.ISSUED:
        return None
    target = find_target(forecast.target)
    issued = {name: np.array([forecast.value(name)], dtype=np.float64) for name in target.values}
    own, reference = (float(side[target.headline][0]) for side in target.recall(issued))
    ends = target.compute_interval(issued)
    interval = (float(ends[0][0]), float(ends[1][0])) if ends else None
    observed = float(target.observe(np.array([outcome.value]))[0]) if outcome else None
    drawn = (own, reference, interval[1] if interval else 0.0, observed or 0.0)
    top = 1.0 if target.probability else _round_up(1.1 * max(drawn))
    return Headline(target, own, reference, interval, observed, top)


def _round_up(value: float) -> float:
    """Return the least of 1, 2, 4 and 10 times a power of ten that is not below `value`."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(step * power for step in (1, 2, 4, 10) if step * power >= value))
