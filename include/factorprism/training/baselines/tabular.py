"""Learners that see an image as a row of numbers: logistic regressions and boosted trees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from factorprism.core.schemas import FloatArray
from factorprism.factors import Normaliser
from factorprism.training.baselines.scoring import Score
from factorprism.training.dataset import Rows, TrainingSet
from factorprism.training.metrics import compute_log_losses
from factorprism.training.recipe import fit_normaliser, take_samples
from factorprism.training.splits import Split

Features = Callable[[FloatArray], FloatArray]
# Inverse strengths of the ridge penalty, weakest last; the validation rows choose.
RIDGES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
COMPONENTS = 20


def flatten_last(images: FloatArray) -> FloatArray:
    """Return the factors of the images' last session: [sample, factor x channel]."""
    return images[:, -1].reshape(len(images), -1)


def flatten_image(images: FloatArray) -> FloatArray:
    """Return whole images as rows: [sample, lookback x factor x channel]."""
    return images.reshape(len(images), -1)


def summarise_window(images: FloatArray) -> FloatArray:
    """Return the last session's factors, then their mean, deviation, least, greatest and change.

    Each over the window: [sample, 6 x factor x channel].
    """
    last = images[:, -1]
    parts = [
        last,
        images.mean(axis=1),
        images.std(axis=1),
        images.min(axis=1),
        images.max(axis=1),
        last - images[:, 0],
    ]
    return np.concatenate([part.reshape(len(images), -1) for part in parts], axis=1)


def fit_logistic(training_set: TrainingSet, split: Split, seed: int) -> Score:
    """Return a ridge logistic regression on the last session's normalised factors."""
    return fit_linear(training_set, split, flatten_last, _Same(), seed)


def fit_pca_logistic(training_set: TrainingSet, split: Split, seed: int) -> Score:
    """Return a ridge logistic regression on the first principal components of the whole image."""
    from sklearn.decomposition import PCA

    parts = min(COMPONENTS, len(split.train), int(np.prod(training_set.input_shape)))
    projection = PCA(parts, whiten=True, svd_solver="randomized", random_state=seed)
    return fit_linear(training_set, split, flatten_image, projection, seed)


def fit_gradient_boosting(training_set: TrainingSet, split: Split, seed: int) -> Score:
    """Return boosted histogram trees on the last session and the window's summary.

    Shallow and slow, since the signal is small; the validation rows stop it.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    normaliser = fit_normaliser(training_set, split.train)
    (train, labels), (validation, judge) = (
        _table(training_set, normaliser, rows, summarise_window)
        for rows in (split.train, split.validation)
    )
    trees = HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_iter=200,
        max_leaf_nodes=8,
        min_samples_leaf=50,
        l2_regularization=1.0,
        early_stopping=True,
        n_iter_no_change=20,
        random_state=seed,
    )
    if len(np.unique(labels)) < 2:
        return _constant
    trees.fit(train, labels, X_val=validation, y_val=judge)
    return _score(normaliser, summarise_window, trees.decision_function)


class _Same:
    """The projection that changes nothing."""

    def fit(self, features: FloatArray) -> _Same:
        return self

    def transform(self, features: FloatArray) -> FloatArray:
        return features


def fit_linear(
    training_set: TrainingSet, split: Split, features: Features, projection: Any, seed: int
) -> Score:
    """Fit for each ridge on the training rows and keep the one best on the validation rows."""
    from sklearn.linear_model import LogisticRegression

    normaliser = fit_normaliser(training_set, split.train)
    train, labels = _table(training_set, normaliser, split.train, features)
    if len(np.unique(labels)) < 2:
        return _constant
    validation, judge = _table(training_set, normaliser, split.validation, features)
    train = projection.fit(train).transform(train)
    validation = projection.transform(validation)
    models = [
        LogisticRegression(C=ridge, max_iter=500, random_state=seed).fit(train, labels)
        for ridge in RIDGES
    ]
    losses = [
        compute_log_losses(judge, model.predict_proba(validation)[:, 1]).mean() for model in models
    ]
    best = models[int(np.argmin(losses))]
    return _score(
        normaliser, features, lambda table: best.decision_function(projection.transform(table))
    )


def _table(
    training_set: TrainingSet, normaliser: Normaliser, rows: Rows, features: Features
) -> tuple[FloatArray, npt.NDArray[np.int8]]:
    images, _ = take_samples(training_set, normaliser, rows).gather()
    return features(images), training_set.labels[rows]


def _score(normaliser: Normaliser, features: Features, decide: Callable[[Any], Any]) -> Score:
    def score(training_set: TrainingSet, rows: Rows) -> npt.NDArray[np.float64]:
        if not len(rows):
            return np.empty(0)
        return np.asarray(decide(_table(training_set, normaliser, rows, features)[0]), np.float64)

    return score


def _constant(training_set: TrainingSet, rows: Rows) -> npt.NDArray[np.float64]:
    """Score nothing, where all training labels are alike."""
    return np.zeros(len(rows))
