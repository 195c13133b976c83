"""Learners that see an image as a row of numbers: linear regressions and boosted trees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from factorprism.core.arrays import FloatArray
from factorprism.factors import Normaliser
from factorprism.learning.baselines.protocol import RowScore, ScoreReasons
from factorprism.learning.baselines.shap_loader import load_shap
from factorprism.learning.recipe import fit_normaliser, take_samples
from factorprism.learning.samples import TrainingSet
from factorprism.learning.splits import Split
from factorprism.targets import Column, Outputs, Rows
from factorprism.targets.direction import compute_log_losses

Features = Callable[[FloatArray], FloatArray]
Weighed = tuple[float, npt.NDArray[np.float64]]
# Inverse strengths of the ridge penalty, weakest last; the validation rows choose.
RIDGES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
# Of a regression's mean squared error, in the square of the label's own unit: its log is finite.
LEAST_ERROR = 1e-3
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


def fit_logistic(training_set: TrainingSet, split: Split, seed: int) -> RowScore:
    """Return a ridge logistic regression on the last session's normalised factors."""
    return fit_linear(training_set, split, flatten_last, _Same(), seed)


def fit_pca_logistic(training_set: TrainingSet, split: Split, seed: int) -> RowScore:
    """Return a ridge logistic regression on the first principal components of the whole image."""
    from sklearn.decomposition import PCA

    parts = min(COMPONENTS, len(split.train), int(np.prod(training_set.input_shape)))
    projection = PCA(parts, whiten=True, svd_solver="randomized", random_state=seed)
    return fit_linear(training_set, split, flatten_image, projection, seed)


def fit_gradient_boosting(training_set: TrainingSet, split: Split, seed: int) -> RowScore:
    """Return boosted histogram trees on the last session and the window's summary.

    Shallow and slow, since the signal is small; the validation rows stop it.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    normaliser = fit_normaliser(training_set, split.train)
    (train, labels), (validation, stop_labels) = (
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
    trees.fit(train, labels, X_val=validation, y_val=stop_labels)
    return TabularScore(
        normaliser, summarise_window, trees.decision_function, lambda row: _weigh_trees(trees, row)
    )


@dataclass(frozen=True)
class TabularScore:
    """A learner's score of a row, and what each feature of a row adds to it.

    `weigh` takes one row [1, feature] and returns the score that is expected of any training row,
    with what each feature adds to it, [feature]; None for a learner that is not taken apart.
    """

    normaliser: Normaliser = field(repr=False)
    features: Features = field(repr=False)
    decide: Callable[[Any], Any] = field(repr=False)
    weigh: Callable[[FloatArray], Weighed] | None = field(default=None, repr=False)

    def __call__(self, training_set: TrainingSet, rows: Rows) -> Outputs:
        if not len(rows):
            return np.empty((0, 1))
        table, _ = _table(training_set, self.normaliser, rows, self.features)
        return np.asarray(self.decide(table), np.float64)[:, np.newaxis]

    def explain(self, values: FloatArray) -> ScoreReasons | None:
        """Return what each factor of one un-normalised image adds to its score, if that is
        known."""
        if self.weigh is None:
            return None
        row = self.features(self.normaliser.transform(values)[np.newaxis])
        expected, added = self.weigh(row)
        # Every feature is one number a factor and channel, whatever comes before these axes.
        by_cell = added.reshape(-1, *values.shape[1:]).sum(axis=0)
        return ScoreReasons(float(np.asarray(self.decide(row))[0]), expected, by_cell)


class _Same:
    """The projection that changes nothing."""

    def fit(self, features: FloatArray) -> _Same:
        return self

    def transform(self, features: FloatArray) -> FloatArray:
        return features


def _weigh_trees(trees: Any, row: FloatArray) -> Weighed:
    """Return TreeSHAP's expected score and contributions, exact over the trees' own paths.

    Lundberg et al. 2020, "From local explanations to global understanding with explainable AI for
    trees", algorithm 2; what is expected is weighted by the training rows at each leaf.
    """
    explainer = load_shap().TreeExplainer(trees, feature_perturbation="tree_path_dependent")
    added = np.asarray(explainer.shap_values(row), np.float64).reshape(-1)
    return float(np.ravel(explainer.expected_value)[0]), added


def _slopes(model: Any, projection: Any) -> npt.NDArray[np.float64] | None:
    """Return the weight of each feature in the score of `model`; None behind a bent projection."""
    weights: npt.NDArray[np.float64] = model.coef_[0].astype(np.float64)
    if isinstance(projection, _Same):
        return weights
    components = getattr(projection, "components_", None)
    if components is None:
        return None
    deviations = np.sqrt(projection.explained_variance_)
    return np.asarray((weights / deviations) @ components, np.float64)


def fit_linear(
    training_set: TrainingSet, split: Split, features: Features, projection: Any, seed: int
) -> RowScore:
    """Fit for each ridge on the training rows and keep the one best on the validation rows."""
    from sklearn.linear_model import LogisticRegression

    normaliser = fit_normaliser(training_set, split.train)
    train, labels = _table(training_set, normaliser, split.train, features)
    if len(np.unique(labels)) < 2:
        return _constant
    validation, stop_labels = _table(training_set, normaliser, split.validation, features)
    average = train.mean(axis=0, dtype=np.float64, keepdims=True).astype(np.float32)
    train = projection.fit(train).transform(train)
    validation = projection.transform(validation)
    models = [
        LogisticRegression(C=ridge, max_iter=500, random_state=seed).fit(train, labels)
        for ridge in RIDGES
    ]
    losses = [
        compute_log_losses(stop_labels, model.predict_proba(validation)[:, 1]).mean()
        for model in models
    ]
    best = models[int(np.argmin(losses))]
    slopes = _slopes(best, projection)

    def decide(rows: FloatArray) -> Any:
        return best.decision_function(projection.transform(rows))

    if slopes is None:
        return TabularScore(normaliser, features, decide)
    weights = slopes

    def weigh(row: FloatArray) -> Weighed:
        # SHAP of a linear model whose features are taken as independent, in closed form.
        return float(decide(average)[0]), weights * (row - average)[0]

    return TabularScore(normaliser, features, decide, weigh)


def fit_ridge(training_set: TrainingSet, split: Split, seed: int) -> RowScore:
    """Return a ridge regression on the last session's factors and the target's own features.

    It answers as a head of mean and log variance does; the variance is that of its errors on the
    validation rows, the same for every row. The strength is the one best on these.
    """
    from sklearn.linear_model import Ridge

    del seed
    normaliser = fit_normaliser(training_set, split.train)
    columns = _columns(training_set, normaliser, split.train)
    scaler = Scaler.fit(columns)
    train, labels = scaler.apply(columns), training_set.labels[split.train]
    validation = scaler.apply(_columns(training_set, normaliser, split.validation))
    stop_labels = training_set.labels[split.validation]
    models = [Ridge(alpha=1.0 / ridge).fit(train, labels) for ridge in RIDGES]
    errors = [stop_labels - model.predict(validation) for model in models]
    best = int(np.argmin([(error**2).mean() for error in errors]))
    log_variance = float(np.log(max((errors[best] ** 2).mean(), LEAST_ERROR)))

    def score(shown: TrainingSet, rows: Rows) -> Outputs:
        means = models[best].predict(scaler.apply(_columns(shown, normaliser, rows)))
        return np.stack([means, np.full(len(rows), log_variance)], axis=1)

    return score


@dataclass(frozen=True)
class Scaler:
    """Mean and deviation of each column of a training table, [feature]."""

    mean: Column = field(repr=False)
    deviation: Column = field(repr=False)

    @classmethod
    def fit(cls, table: Outputs) -> Scaler:
        deviation = table.std(axis=0)
        return cls(table.mean(axis=0), np.where(deviation > 0.0, deviation, 1.0))

    def apply(self, table: Outputs) -> Outputs:
        return np.asarray((table - self.mean) / self.deviation)


def _columns(training_set: TrainingSet, normaliser: Normaliser, rows: Rows) -> Outputs:
    """Return the last session's factors of each row, then what the target gives beside them."""
    factors, _ = _table(training_set, normaliser, rows, flatten_last)
    beside = training_set.target.compute_features(training_set.known, rows)
    return np.concatenate([factors.astype(np.float64), beside], axis=1)


def _table(
    training_set: TrainingSet, normaliser: Normaliser, rows: Rows, features: Features
) -> tuple[FloatArray, Column]:
    images, _ = take_samples(training_set, normaliser, rows).gather()
    return features(images), training_set.labels[rows]


def _constant(training_set: TrainingSet, rows: Rows) -> Outputs:
    """Score nothing, where all training labels are alike."""
    return np.zeros((len(rows), 1))
