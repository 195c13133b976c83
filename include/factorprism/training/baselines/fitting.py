"""Baselines by name, each fitted and calibrated by the same steps as a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from factorprism.core.schemas import FloatArray
from factorprism.models import Calibration
from factorprism.training.baselines.rocket import fit_rocket
from factorprism.training.baselines.rules import (
    fit_always_up,
    fit_base_rate,
    fit_momentum_sign,
)
from factorprism.training.baselines.scoring import FitScore, Reasons, Score
from factorprism.training.baselines.tabular import (
    TabularScore,
    fit_gradient_boosting,
    fit_logistic,
    fit_pca_logistic,
)
from factorprism.training.calibration import fit_calibration
from factorprism.training.dataset import Rows, TrainingSet
from factorprism.training.metrics import HeldOut
from factorprism.training.recipe import compute_base_rate, hold_out
from factorprism.training.returns import ReturnScale, fit_return_scale
from factorprism.training.splits import Split, audit_purge

BASELINES: Mapping[str, FitScore] = MappingProxyType(
    {
        "base_rate": fit_base_rate,
        "always_up": fit_always_up,
        "momentum_sign": fit_momentum_sign,
        "logistic": fit_logistic,
        "pca_logistic": fit_pca_logistic,
        "gradient_boosting": fit_gradient_boosting,
        "rocket": fit_rocket,
    }
)
# Their probability is a measured hit rate. Calibration would turn the one into the base rate and
# take the sign from the other.
RULES = ("always_up", "momentum_sign")


def baseline_names() -> tuple[str, ...]:
    """Return the names that `Baseline` knows, the simplest first."""
    return tuple(BASELINES)


@dataclass(frozen=True)
class FittedBaseline:
    """A calibrated score, with the base rate and the returns that its fold has learned."""

    score: Score = field(repr=False)
    calibration: Calibration
    base_rate: float
    return_scale: ReturnScale

    def judge_rows(self, training_set: TrainingSet, rows: Rows) -> HeldOut:
        """Return the calibrated forecasts of `rows` beside what came of them."""
        y_prob = self.calibration.apply(self.score(training_set, rows))
        return hold_out(training_set, rows, y_prob, self.base_rate, self.return_scale)

    def explain(self, values: FloatArray) -> Reasons | None:
        """Return what the score of one un-normalised image [lookback, factor, channel] is owed to.

        None for a baseline that reads no image, or that has learned nothing from any.
        """
        return self.score.explain(values) if isinstance(self.score, TabularScore) else None


@dataclass(frozen=True)
class Baseline:
    """The baseline called `name`; `seed` draws what is drawn at random in its fit."""

    name: str
    seed: int = 14

    def __post_init__(self) -> None:
        if self.name not in BASELINES:
            raise ValueError(f"name: {self.name!r}, allowed are {', '.join(BASELINES)}")

    def fit(self, training_set: TrainingSet, split: Split) -> FittedBaseline:
        """Fit on ``train``, choose by ``validation``, calibrate on ``calibration``.

        Raises `LookAheadError` when a label of the split reaches into ``judged``.
        """
        audit_purge(split, training_set.horizon, training_set.image_set.sessions)
        score = BASELINES[self.name](training_set, split, self.seed)
        labels = training_set.labels
        base_rate = compute_base_rate(labels[split.learned])
        calibration = Calibration()
        if self.name not in RULES:
            scores = np.asarray(score(training_set, split.calibration))
            calibration = fit_calibration(
                scores, labels[split.calibration], base_rate, training_set.horizon
            )
        scale = fit_return_scale(training_set.forward_returns[split.learned])
        return FittedBaseline(score, calibration, base_rate, scale)
