"""Baselines by name, each fitted and calibrated by the same steps as a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from factorprism.core.arrays import FloatArray
from factorprism.learning.baselines.protocol import FitScore, RowScore, ScoreReasons
from factorprism.learning.baselines.rocket import fit_rocket
from factorprism.learning.baselines.tabular import (
    TabularScore,
    fit_gradient_boosting,
    fit_logistic,
    fit_pca_logistic,
    fit_ridge,
)
from factorprism.learning.recipe import calibrate, hold_out
from factorprism.learning.samples import HeldOut, TrainingSet
from factorprism.learning.splits import Split, audit_purge
from factorprism.targets import Baseline, LabelScale, Numbers, Rows

LEARNERS: Mapping[str, FitScore] = MappingProxyType(
    {
        "logistic": fit_logistic,
        "pca_logistic": fit_pca_logistic,
        "gradient_boosting": fit_gradient_boosting,
        "rocket": fit_rocket,
        "ridge": fit_ridge,
    }
)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let OpenMP and BLAS compute with one thread, whatever cores the machine has.

    BLAS orders its sums by the number of threads, so that principal components and ROCKET would
    differ between two machines; and threads that wait for each other cost more than tables of this
    size gain by them.
    """
    import sklearn  # noqa: F401  # what is not loaded yet is not limited
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


@dataclass(frozen=True)
class FittedBaseline:
    """A calibrated score, with what the target learned of its fold's labels."""

    score: RowScore = field(repr=False)
    calibration: Numbers
    bases: Numbers

    def forecast_rows(self, training_set: TrainingSet, rows: Rows) -> HeldOut:
        """Return the calibrated forecasts of `rows` beside what came of them."""
        with one_thread():
            outputs = self.score(training_set, rows)
        return hold_out(training_set, rows, outputs, self.calibration, self.bases)

    def explain(self, values: FloatArray) -> ScoreReasons | None:
        """Return the attribution of the score of one un-normalised image [lookback, factor,
        channel].

        None for a baseline that reads no image, or that has learned nothing from any.
        """
        if not isinstance(self.score, TabularScore):
            return None
        with one_thread():
            return self.score.explain(values)


@dataclass(frozen=True)
class BaselineForecaster:
    """The target's baseline called `name`; `seed` draws what is drawn at random in its fit."""

    name: str
    seed: int = 14

    def fit(self, training_set: TrainingSet, split: Split) -> FittedBaseline:
        """Fit on ``train``, choose by ``validation``, calibrate on ``calibration``.

        Raises `LookAheadError` when a label of the split reaches into ``out_of_sample``, and
        ``ValueError`` when the target has no such baseline.
        """
        baseline = training_set.target.find_baseline(self.name)
        audit_purge(split, training_set.horizon, training_set.image_set.sessions)
        with one_thread():
            score = _fit_score(baseline, training_set, split, self.seed)
            outputs = np.asarray(score(training_set, split.calibration))
        calibration, bases = calibrate(training_set, split, outputs, LabelScale())
        if not baseline.calibrated:
            calibration = training_set.target.identity
        return FittedBaseline(score, calibration, bases)


def _fit_score(baseline: Baseline, training_set: TrainingSet, split: Split, seed: int) -> RowScore:
    if baseline.rule is None:
        return LEARNERS[baseline.name](training_set, split, seed)
    follow = baseline.rule(training_set.known, split.train)
    return lambda shown, rows: follow(shown.known, rows)
