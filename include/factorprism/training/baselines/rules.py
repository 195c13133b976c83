"""Forecasts that need no model: the base rate, always a rise, and the sign of the momentum."""

from __future__ import annotations

import numpy as np

from factorprism.training.baselines.scoring import Score
from factorprism.training.dataset import Rows, TrainingSet
from factorprism.training.recipe import compute_base_rate
from factorprism.training.returns import Column
from factorprism.training.splits import Split

# A rule that was wrong more often than not keeps its call, with hardly any confidence: turned
# round it would be another rule.
LEAST_CONFIDENCE = 0.501


def fit_base_rate(training_set: TrainingSet, split: Split, seed: int) -> Score:
    """Return a score that says nothing, whose calibration is the base rate of all learned rows."""
    del training_set, split, seed
    return lambda _, rows: np.zeros(len(rows))


def fit_always_up(training_set: TrainingSet, split: Split, seed: int) -> Score:
    """Return the call of a rise on every session, with its hit rate on the training rows."""
    del seed
    logit = _confidence(training_set.labels[split.train] == 1)
    return lambda _, rows: np.full(len(rows), logit)


def fit_momentum_sign(training_set: TrainingSet, split: Split, seed: int) -> Score:
    """Return the call that the sign of the image's own return goes on.

    That is the close of the last session of the image against that of its first, lookback - 1
    sessions earlier; without a change, or with a close missing, neither is called (a half). The
    probability of the call is its hit rate on the training rows (Moskowitz, Ooi and Pedersen 2012
    measure the sign over a year; the image shows a quarter).
    """
    del seed
    signs = _momentum_signs(training_set, split.train)
    called = signs != 0.0
    hits = (signs > 0.0) == (training_set.labels[split.train] == 1)
    logit = _confidence(hits[called])
    return lambda judged_set, rows: logit * _momentum_signs(judged_set, rows)


def _momentum_signs(training_set: TrainingSet, rows: Rows) -> Column:
    closes = training_set.closes
    earlier = closes[rows - training_set.image_set.lookback + 1]
    return np.nan_to_num(np.sign(closes[rows] - earlier))


def _confidence(hits: np.ndarray) -> float:
    """Return the log-odds of the share of `hits`, bool [sample], at least `LEAST_CONFIDENCE`."""
    rate = max(compute_base_rate(hits.astype(np.int8)), LEAST_CONFIDENCE)
    return float(np.log(rate / (1.0 - rate)))
