"""Matured loss: have the champion's forecasts become worse than they were, or than the base?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import inf, sqrt

import numpy as np
import pandas as pd

from factorprism.core.arrays import DayArray, as_days
from factorprism.core.models import Evaluation
from factorprism.evaluation.resampling import BLOCK_HORIZONS, Z_95, bootstrap_interval
from factorprism.learning.samples import HeldOut
from factorprism.targets import LABEL, Column, Target, TargetWords

LATEST_SESSIONS = 250
# Below this many blocks no interval means anything.
LEAST_BLOCKS = 4


@dataclass(frozen=True)
class GainEstimate:
    """A mean loss below the reference's, a session, with its 95% interval."""

    value: float
    lower: float
    upper: float

    def describe(self, unit: str) -> str:
        return f"{self.value:+.4f} {unit}, {self.lower:+.4f} to {self.upper:+.4f}"


@dataclass(frozen=True)
class MaturedLoss:
    """The gain on the reference of the latest matured forecasts, and how far it fell.

    `fall` is that gain less the gain of the held-out estimate that was stored with the model, None
    without an estimate. Both are infinitely wide when fewer than `LEAST_BLOCKS` blocks matured.
    """

    gain: GainEstimate
    fall: GainEstimate | None
    loss: float
    reference_loss: float
    n_sessions: int
    words: TargetWords

    @property
    def measured(self) -> bool:
        """Whether enough forecasts have matured to say anything."""
        return bool(np.isfinite(self.gain.upper))

    @property
    def worsened(self) -> bool:
        """Whether, with 95% confidence, it loses to the reference or fell below its estimate."""
        return self.gain.upper < 0.0 or (self.fall is not None and self.fall.upper < 0.0)

    @property
    def sentence(self) -> str:
        """What was found, in one sentence with its numbers."""
        if not self.measured:
            return f"{self.n_sessions} matured forecasts are too few to tell its loss"
        words = self.words
        over = (
            f"over {self.n_sessions} matured forecasts its {words.loss} is {self.loss:.4f}, the "
            f"{words.reference}'s {self.reference_loss:.4f} (gain {self.gain.describe(words.unit)})"
        )
        if self.gain.upper < 0.0:
            return f"it loses to the {words.reference}: {over}"
        if self.fall is not None and self.fall.upper < 0.0:
            below = self.fall.describe(words.unit)
            return f"its matured loss has worsened: {over}, below its estimate by {below}"
        return f"its matured loss has not worsened: {over}"


def hold_out_issued(
    outcomes: pd.DataFrame, model_id: str, session: date, days: DayArray, target: Target
) -> HeldOut:
    """Return the ledger's forecasts of a model that matured by `session`, beside what came of them.

    `outcomes` is `ForecastRepository.load_outcomes`; `days` are the sessions that rows are counted
    by.
    """
    matured = outcomes["horizon_end"] <= np.datetime64(session, "us")
    own = outcomes[(outcomes["model_id"] == model_id) & matured]
    sessions = as_days(own["session"])
    values, reference = target.recall(
        {name: own[name].to_numpy(np.float64) for name in target.values}
    )
    return HeldOut(
        np.searchsorted(days, sessions),
        np.repeat(sessions[:1], len(sessions)),
        {LABEL: own["value"].to_numpy(np.float64)},
        values,
        reference,
    )


def measure_matured_loss(
    matured: HeldOut, estimate: GainEstimate | None, target: Target, *, horizon: int, seed: int
) -> MaturedLoss:
    """Evaluate the last `LATEST_SESSIONS` forecasts of `matured` (by session, one each).

    The losses are compared with the reference's on the same sessions, since some years are easier
    than others; `estimate` is the gain that the model was stored with. The interval is a circular
    block bootstrap over blocks of twice the `horizon`. A year of sessions has about nine such
    blocks, for which percentiles are too narrow: its ends are moved out as Student's t with that
    many blocks reaches beyond the normal. The interval of the fall joins those of both gains as
    if they were independent (Zou and Donner 2008, Statistics in Medicine 27); sessions that are
    in both make it wider than need be.
    """
    late = matured.take(slice(-LATEST_SESSIONS, None))
    losses = target.compute_losses(late.labels, late.values)
    references = target.compute_losses(late.labels, late.reference)
    gain = _estimate_gain(references - losses, BLOCK_HORIZONS * horizon, seed)
    return MaturedLoss(
        gain=gain,
        fall=_subtract(gain, estimate) if estimate is not None else None,
        loss=float(losses.mean()) if len(losses) else float("nan"),
        reference_loss=float(references.mean()) if len(losses) else float("nan"),
        n_sessions=len(losses),
        words=target.words,
    )


def find_estimate(evaluations: Sequence[Evaluation], target: Target) -> GainEstimate | None:
    """Return the gain on the reference that a model was stored with: its latest walk-forward."""
    wanted = ("walk_forward", target.gain)
    found = [item for item in evaluations if (item.kind, item.metric) == wanted]
    if not found:
        return None
    latest = max(found, key=lambda item: item.last)
    return GainEstimate(latest.value, latest.lower, latest.upper)


def _estimate_gain(gains: Column, block: int, seed: int) -> GainEstimate:
    blocks = len(gains) / block
    if blocks < LEAST_BLOCKS:
        return GainEstimate(float(gains.mean()) if len(gains) else 0.0, -inf, inf)
    from scipy.stats import t

    value = float(gains.mean())
    lower, upper = bootstrap_interval(
        lambda drawn: np.array([drawn.mean()]), gains, block=block, seed=seed
    )
    # Resampled blocks vary about their own mean, which the second factor makes good.
    half_width = float(t.ppf(0.975, blocks - 1.0)) / Z_95 * sqrt(blocks / (blocks - 1.0))
    return GainEstimate(
        value,
        value + half_width * float(lower[0] - value),
        value + half_width * float(upper[0] - value),
    )


def _subtract(gain: GainEstimate, estimate: GainEstimate) -> GainEstimate:
    below = sqrt((gain.value - gain.lower) ** 2 + (estimate.upper - estimate.value) ** 2)
    above = sqrt((gain.upper - gain.value) ** 2 + (estimate.value - estimate.lower) ** 2)
    fall = gain.value - estimate.value
    return GainEstimate(fall, fall - below, fall + above)
