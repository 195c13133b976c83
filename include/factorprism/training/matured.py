"""Matured loss: have the champion's forecasts become worse than they were, or than the base?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, sqrt

import numpy as np

from factorprism.core.schemas import Evaluation
from factorprism.training.metrics import HeldOut, bootstrap_interval, compute_log_losses
from factorprism.training.returns import Column
from factorprism.training.skill import BLOCK_HORIZONS

GAIN = "log_loss_gain"
LATEST_SESSIONS = 250
# Below this many blocks no interval means anything.
LEAST_BLOCKS = 4
NORMAL_REACH = 1.959963984540054


@dataclass(frozen=True)
class Gain:
    """A mean log loss below the base rate's, in nats a session, with its 95% interval."""

    value: float
    lower: float
    upper: float

    def __str__(self) -> str:
        return f"{self.value:+.4f} nats, {self.lower:+.4f} to {self.upper:+.4f}"


@dataclass(frozen=True)
class MaturedLoss:
    """The gain on the base rate of the latest matured forecasts, and how far it fell.

    `fall` is that gain less the gain of the held-out estimate that was stored with the model, None
    without an estimate. Both are infinitely wide when fewer than `LEAST_BLOCKS` blocks matured.
    """

    gain: Gain
    fall: Gain | None
    log_loss: float
    base_log_loss: float
    n_sessions: int

    @property
    def measured(self) -> bool:
        """Whether enough forecasts have matured to say anything."""
        return bool(np.isfinite(self.gain.upper))

    @property
    def worsened(self) -> bool:
        """Whether, with 95% confidence, it loses to the base rate or fell below its estimate."""
        return self.gain.upper < 0.0 or (self.fall is not None and self.fall.upper < 0.0)

    @property
    def sentence(self) -> str:
        """What was found, in one sentence with its numbers."""
        if not self.measured:
            return f"{self.n_sessions} matured forecasts are too few to tell its loss"
        over = (
            f"over {self.n_sessions} matured forecasts its log loss is {self.log_loss:.4f}, the "
            f"base rate's {self.base_log_loss:.4f} (gain {self.gain})"
        )
        if self.gain.upper < 0.0:
            return f"it loses to the base rate: {over}"
        if self.fall is not None and self.fall.upper < 0.0:
            return f"its matured loss has worsened: {over}, below its estimate by {self.fall}"
        return f"its matured loss has not worsened: {over}"


def measure_matured_loss(
    matured: HeldOut, estimate: Gain | None, *, horizon: int, seed: int
) -> MaturedLoss:
    """Judge the last `LATEST_SESSIONS` forecasts of `matured` (by session, one each).

    The losses are compared with the base rate's on the same sessions, since some years are easier
    than others; `estimate` is the gain that the model was stored with. The interval is a circular
    block bootstrap over blocks of twice the `horizon`. A year of sessions has about nine such
    blocks, for which percentiles are too narrow: its ends are moved out as Student's t with that
    many blocks reaches beyond the normal. The interval of the fall joins those of both gains as
    if they were independent (Zou and Donner 2008, Statistics in Medicine 27); sessions that are
    in both make it wider than need be.
    """
    late = slice(-LATEST_SESSIONS, None)
    labels = matured.labels[late]
    losses = compute_log_losses(labels, matured.y_prob[late])
    references = compute_log_losses(labels, matured.base[late])
    gain = _estimate_gain(references - losses, BLOCK_HORIZONS * horizon, seed)
    return MaturedLoss(
        gain=gain,
        fall=_subtract(gain, estimate) if estimate is not None else None,
        log_loss=float(losses.mean()) if len(losses) else float("nan"),
        base_log_loss=float(references.mean()) if len(losses) else float("nan"),
        n_sessions=len(losses),
    )


def find_estimate(evaluations: Sequence[Evaluation]) -> Gain | None:
    """Return the gain on the base rate that a model was stored with: its latest walk-forward."""
    found = [item for item in evaluations if (item.kind, item.metric) == ("walk_forward", GAIN)]
    if not found:
        return None
    latest = max(found, key=lambda item: item.last)
    return Gain(latest.value, latest.lower, latest.upper)


def _estimate_gain(gains: Column, block: int, seed: int) -> Gain:
    blocks = len(gains) / block
    if blocks < LEAST_BLOCKS:
        return Gain(float(gains.mean()) if len(gains) else 0.0, -inf, inf)
    from scipy.stats import t

    value = float(gains.mean())
    lower, upper = bootstrap_interval(
        lambda drawn: np.array([drawn.mean()]), gains, block=block, seed=seed
    )
    # Resampled blocks vary about their own mean, which the second factor makes good.
    reach = float(t.ppf(0.975, blocks - 1.0)) / NORMAL_REACH * sqrt(blocks / (blocks - 1.0))
    return Gain(
        value, value + reach * float(lower[0] - value), value + reach * float(upper[0] - value)
    )


def _subtract(gain: Gain, estimate: Gain) -> Gain:
    below = sqrt((gain.value - gain.lower) ** 2 + (estimate.upper - estimate.value) ** 2)
    above = sqrt((gain.upper - gain.value) ** 2 + (estimate.value - estimate.lower) ** 2)
    fall = gain.value - estimate.value
    return Gain(fall, fall - below, fall + above)
