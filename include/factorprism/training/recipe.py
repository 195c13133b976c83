"""The one recipe: scale, fit, stop early and calibrate on a split's parts, each on its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from factorprism.factors import Normaliser
from factorprism.models import Calibration, ModelBundle, build_network, training_form
from factorprism.models.backend import fix_threads, load_keras
from factorprism.training.batches import Samples
from factorprism.training.calibration import fit_calibration
from factorprism.training.dataset import Rows, TrainingSet
from factorprism.training.fine_tuning import check_frozen_layers
from factorprism.training.fit import FitResult, fit, predict_logits
from factorprism.training.metrics import HeldOut
from factorprism.training.returns import (
    Column,
    HeldOutReturns,
    ReturnScale,
    fit_return_scale,
)
from factorprism.training.settings import TrainingSettings
from factorprism.training.splits import Split, audit_purge


@dataclass(frozen=True)
class Trained:
    """A network with its scaler and calibration; `base_rate` is that of the labels it has read."""

    network: Any = field(repr=False)
    normaliser: Normaliser = field(repr=False)
    calibration: Calibration
    base_rate: float
    fit: FitResult
    return_scale: ReturnScale

    def judge_rows(self, training_set: TrainingSet, rows: Rows) -> HeldOut:
        """Return the calibrated forecasts of `rows` beside their labels."""
        logits = predict_logits(self.network, take_samples(training_set, self.normaliser, rows))
        y_prob = self.calibration.apply(logits)
        return hold_out(training_set, rows, y_prob, self.base_rate, self.return_scale)


def train_split(
    training_set: TrainingSet,
    split: Split,
    settings: TrainingSettings,
    *,
    fold: bool = False,
    start: ModelBundle | None = None,
) -> Trained:
    """Train on `split`: the scaler and the weights on ``train``, early stopping on ``validation``,
    the calibration on ``calibration``. Nothing of ``judged`` is read.

    With `start` its weights and its scaler are the beginning, and ``train`` is what the caller
    chose to show it; ``settings.frozen_layers`` then keep their weights to the bit. Raises
    `LookAheadError` when a label of the split reaches into ``judged``, and `ConfigurationError`
    when a name of the frozen layers fits none, or nothing is left to train.
    """
    audit_purge(split, training_set.horizon, training_set.image_set.sessions)
    normaliser = start.normaliser if start else fit_normaliser(training_set, split.train)
    network = _make_network(training_set, settings, start)
    frozen = check_frozen_layers(network, settings.frozen_layers) if start else ()
    result = fit(
        network,
        take_samples(training_set, normaliser, split.train),
        take_samples(training_set, normaliser, split.validation),
        settings.fit_settings(fold=fold, fine_tune=start is not None),
        frozen_layers=frozen,
        # Heads that help a network to its first weights are of no use to one that has them.
        training_form=None
        if start
        else training_form(settings.architecture, **network_overrides(settings)),
    )
    base_rate = compute_base_rate(training_set.labels[split.learned])
    calibration = fit_calibration(
        predict_logits(network, take_samples(training_set, normaliser, split.calibration)),
        training_set.labels[split.calibration],
        base_rate,
        training_set.horizon,
    )
    scale = fit_return_scale(training_set.forward_returns[split.learned])
    return Trained(network, normaliser, calibration, base_rate, result, scale)


def hold_out(
    training_set: TrainingSet, rows: Rows, y_prob: Column, base_rate: float, scale: ReturnScale
) -> HeldOut:
    """Return the forecasts `y_prob` of `rows` beside what came of them; `scale` of the same fold.

    A row whose label is unknown has no place here: pass samples of `training_set`.
    """
    base = np.full(len(rows), base_rate)
    returns = HeldOutReturns(
        training_set.forward_returns[rows], scale.estimate(y_prob), scale.estimate(base)
    )
    return HeldOut(rows, training_set.labels[rows], y_prob, base, returns)


def compute_base_rate(labels: npt.NDArray[np.int8]) -> float:
    """Return the share of up labels, drawn to a half by one session of each kind: never 0 or 1."""
    return float((np.sum(labels == 1) + 1.0) / (len(labels) + 2.0))


def network_overrides(settings: TrainingSettings) -> Mapping[str, Any]:
    """Return what the settings change in the network's configuration; masks follow the seed."""
    return {"dropout_seed": settings.seed, **settings.network}


def _make_network(
    training_set: TrainingSet, settings: TrainingSettings, start: ModelBundle | None
) -> Any:
    # Both before the backend's first computation: the number of threads, and the seed.
    fix_threads(settings.threads, strict=True)
    keras = load_keras()
    keras.utils.set_random_seed(settings.seed)
    if start is None:
        return build_network(
            settings.architecture, training_set.input_shape, **network_overrides(settings)
        )
    network = keras.models.clone_model(start.network)
    network.set_weights(start.network.get_weights())
    return network


def fit_normaliser(training_set: TrainingSet, train: Rows) -> Normaliser:
    """Fit on the sessions that the training images show, and on no later one."""
    image_set = training_set.image_set
    return Normaliser.fit(image_set.cube[train[0] - image_set.lookback + 1 : train[-1] + 1])


def take_samples(training_set: TrainingSet, normaliser: Normaliser, rows: Rows) -> Samples:
    """Return the normalised images that end at `rows`, with their labels."""
    image_set = training_set.image_set
    if not len(rows):
        return Samples(image_set.cube[:0], rows, np.empty(0, np.float32), image_set.lookback)
    first = int(rows.min()) - image_set.lookback + 1
    cube = normaliser.transform(image_set.cube[first : int(rows.max()) + 1])
    labels = training_set.labels[rows].astype(np.float32)
    return Samples(cube, rows - first, labels, image_set.lookback)
