"""How much of a forecast's log loss is its own miscalibration: what the promotion rule compares."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from factorprism.training.metrics import SMALLEST, bootstrap, compute_log_losses
from factorprism.training.returns import Column

Labels = npt.NDArray[np.int8]

ITERATIONS = 25
# Standard deviations of the logit; beyond it the labels are told apart and no slope is best.
STEEPEST = 20.0


def compute_miscalibration(labels: Labels, y_prob: Column) -> float:
    """Return the mean log loss of `y_prob` less that of its best recalibration, nats, from 0.

    Both arguments [sample], `labels` in {0, 1}. The recalibration is Cox's (1958): the logit
    stretched by a slope, never negative, and shifted. It needs two numbers where ten bins or an
    isotonic fit need ten and more, and a few dozen windows that do not overlap teach no more.
    """
    loss = float(compute_log_losses(labels, y_prob).mean())
    return max(0.0, loss - _recalibrated_loss((labels == 1).astype(np.float64), y_prob))


def compare_miscalibration(
    labels: Labels, champion: Column, candidate: Column, *, block: int, seed: int
) -> tuple[float, float, float]:
    """Return by how much the candidate's miscalibration exceeds the champion's, and its interval.

    Nats; the 95% interval is of circular blocks, of both forecasts at once. A fit on few labels
    finds miscalibration in any forecast, the more the wider it is spread, and finds it once more
    in each resample: the excess is drawn back by that bias, the resamples by twice as much
    (Efron and Tibshirani 1993, chapter 10).
    """

    def excess(labels: Labels, champion: Column, candidate: Column) -> Column:
        worse = compute_miscalibration(labels, candidate)
        return np.array([worse - compute_miscalibration(labels, champion)])

    seen = float(excess(labels, champion, candidate)[0])
    drawn = bootstrap(excess, labels, champion, candidate, block=block, seed=seed)[:, 0]
    bias = float(drawn.mean()) - seen
    lower, upper = np.percentile(drawn - 2.0 * bias, [2.5, 97.5])
    return seen - bias, float(lower), float(upper)


def _recalibrated_loss(up: Column, y_prob: Column) -> float:
    share = up.mean()
    if share in (0.0, 1.0):
        return 0.0
    clipped = np.clip(y_prob, SMALLEST, 1.0 - SMALLEST)
    logits = np.log(clipped) - np.log1p(-clipped)
    spread = logits.std()
    flat = float(-share * np.log(share) - (1.0 - share) * np.log1p(-share))
    if spread < 1e-9:
        return flat
    standard = (logits - logits.mean()) / spread
    # The loss is convex: its fall at slope 0 tells on which side of 0 the best slope lies.
    if (up - share) @ standard <= 0.0:
        return flat
    return min(flat, _fit_slope(up, standard, float(np.log(share / (1.0 - share)))))


def _fit_slope(up: Column, standard: Column, shift: float) -> float:
    """Return the least mean log loss of slope * `standard` + shift, by Newton's steps."""
    point = np.array([0.0, shift])
    design = np.stack([standard, np.ones_like(standard)], axis=1)
    for _ in range(ITERATIONS):
        y_prob = 0.5 * (1.0 + np.tanh(0.5 * (design @ point)))
        slopes = design.T @ (up - y_prob)
        curvature = (design * (y_prob * (1.0 - y_prob))[:, np.newaxis]).T @ design
        step = np.linalg.solve(curvature + 1e-9 * np.eye(2), slopes)
        point = np.clip(point + np.clip(step, -2.0, 2.0), -STEEPEST, STEEPEST)
        if np.abs(step).max() < 1e-6:
            break
    return float(np.logaddexp(0.0, np.where(up == 1.0, -1.0, 1.0) * (design @ point)).mean())
