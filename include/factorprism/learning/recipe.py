"""The one recipe: scale, fit, stop early and calibrate on a split's parts, each on its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from factorprism.factors import Normaliser
from factorprism.images import gather_windows
from factorprism.learning.batches import Samples
from factorprism.learning.fine_tuning import check_frozen_layers
from factorprism.learning.fit import FitResult, fit, predict_outputs
from factorprism.learning.samples import HeldOut, TrainingSet
from factorprism.learning.settings import TrainingSettings
from factorprism.learning.splits import Split, audit_purge
from factorprism.models import ModelBundle, build_network, training_form
from factorprism.models.backend import fix_threads, load_keras
from factorprism.targets import LabelScale, Numbers, Outputs, Rows


@dataclass(frozen=True)
class Trained:
    """A network with its scaler and calibration; `bases` are what its target learned of labels."""

    network: Any = field(repr=False)
    normaliser: Normaliser = field(repr=False)
    calibration: Numbers
    bases: Numbers
    fit: FitResult

    def forecast_rows(self, training_set: TrainingSet, rows: Rows) -> HeldOut:
        """Return the calibrated forecasts of `rows` beside what came of them."""
        outputs = predict_outputs(self.network, take_samples(training_set, self.normaliser, rows))
        return hold_out(training_set, rows, outputs, self.calibration, self.bases)


def train_split(
    training_set: TrainingSet,
    split: Split,
    settings: TrainingSettings,
    *,
    fold: bool = False,
    start: ModelBundle | None = None,
) -> Trained:
    """Train on `split`: the scaler and the weights on ``train``, early stopping on ``validation``,
    the calibration on ``calibration``. Nothing of ``out_of_sample`` is read.

    With `start` its weights and its scaler are the beginning, and ``train`` is what the caller
    chose to show it; ``settings.frozen_layers`` then keep their weights to the bit. Raises
    `LookAheadError` when a label of the split reaches into ``out_of_sample``, and
    `ConfigurationError` when a name of the frozen layers fits none, or nothing is left to train.
    """
    audit_purge(split, training_set.horizon, training_set.image_set.sessions)
    target = training_set.target
    normaliser = start.normaliser if start else fit_normaliser(training_set, split.train)
    network = _make_network(training_set, settings, start)
    frozen = check_frozen_layers(network, settings.frozen_layers) if start else ()
    labels = training_set.labels[split.train]
    # A start has learned labels on a scale of its own, and goes on with it.
    scale = target.scale_of(start.calibration) if start else target.scale_labels(labels)
    result = fit(
        network,
        take_samples(training_set, normaliser, split.train, scale),
        take_samples(training_set, normaliser, split.validation, scale),
        settings.fit_settings(fold=fold, fine_tune=start is not None),
        loss=target.head.loss,
        frozen_layers=frozen,
        # Heads that help a network to its first weights are of no use to one that has them.
        training_form=None
        if start
        else training_form(settings.architecture, **network_overrides(training_set, settings)),
    )
    outputs = predict_outputs(network, take_samples(training_set, normaliser, split.calibration))
    calibration, bases = calibrate(training_set, split, outputs, scale)
    return Trained(network, normaliser, calibration, bases, result)


def calibrate(
    training_set: TrainingSet, split: Split, outputs: Outputs, scale: LabelScale
) -> tuple[Numbers, Numbers]:
    """Return the calibration of `outputs`, those of ``split.calibration``, and the bases.

    `scale` is that of the labels from which the outputs were learned.
    """
    target, known = training_set.target, training_set.known
    bases = target.fit_bases(known, split.training_rows)
    calibration = target.fit_calibration(
        outputs,
        training_set.labels[split.calibration],
        target.compute_reference(bases, known, split.calibration),
        bases,
        scale,
        training_set.horizon,
    )
    return calibration, bases


def hold_out(
    training_set: TrainingSet,
    rows: Rows,
    outputs: Outputs,
    calibration: Numbers,
    bases: Numbers,
) -> HeldOut:
    """Return the forecasts that follow from `outputs` for `rows`, one fold, beside what came.

    A row whose label is unknown has no place here: pass samples of `training_set`.
    """
    target = training_set.target
    reference = target.compute_reference(bases, training_set.known, rows)
    days = training_set.image_set.sessions[rows].astype("datetime64[D]")
    return HeldOut(
        rows,
        np.repeat(days[:1], len(rows)),
        {name: column[rows] for name, column in training_set.outcomes.items()},
        target.compute_values(outputs, calibration, bases, reference),
        reference,
    )


def forecast_rows(bundle: ModelBundle, training_set: TrainingSet, rows: Rows) -> HeldOut:
    """Return what a saved model issues for `rows`, each image by itself, beside what came of them.

    The reference is the one that the model's own training gave.
    """
    images = training_set.image_set
    bases = training_set.target.read_bases(bundle.spec)
    outputs = bundle.compute_outputs(gather_windows(images.cube, rows, images.lookback))
    return hold_out(training_set, rows, outputs, bundle.calibration, bases)


def network_overrides(training_set: TrainingSet, settings: TrainingSettings) -> Mapping[str, Any]:
    """Return what changes in the network's configuration; masks follow the seed."""
    outputs = training_set.target.head.outputs
    return {"dropout_seed": settings.seed, "n_outputs": outputs, **settings.network}


def _make_network(
    training_set: TrainingSet, settings: TrainingSettings, start: ModelBundle | None
) -> Any:
    # Both before the backend's first computation: the number of threads, and the seed.
    fix_threads(settings.threads, strict=True)
    keras = load_keras()
    keras.utils.set_random_seed(settings.seed)
    if start is None:
        overrides = network_overrides(training_set, settings)
        return build_network(settings.architecture, training_set.input_shape, **overrides)
    network = keras.models.clone_model(start.network)
    network.set_weights(start.network.get_weights())
    return network


def fit_normaliser(training_set: TrainingSet, train: Rows) -> Normaliser:
    """Fit on the sessions that the training images show, and on no later one."""
    image_set = training_set.image_set
    return Normaliser.fit(image_set.cube[train[0] - image_set.lookback + 1 : train[-1] + 1])


def take_samples(
    training_set: TrainingSet,
    normaliser: Normaliser,
    rows: Rows,
    scale: LabelScale | None = None,
) -> Samples:
    """Return the images that end at `rows`, ascending, and their labels on `scale`.

    Only the sessions that they show are copied and normalised.
    """
    image_set = training_set.image_set
    shown = _shown_sessions(rows, image_set.lookback, len(image_set.cube))
    cube = np.ascontiguousarray(image_set.cube[shown])
    labels = (scale or LabelScale()).apply(training_set.labels[rows])
    return Samples(
        normaliser.transform(cube, out=cube),
        np.searchsorted(shown, rows),
        labels.astype(np.float32),
        image_set.lookback,
    )


def _shown_sessions(rows: Rows, lookback: int, n_sessions: int) -> Rows:
    """Return the rows, ascending, of all sessions that the images ending at `rows` show."""
    # One up where an image begins, one down behind its end.
    edges = np.bincount(rows - lookback + 1, minlength=n_sessions + 1)
    edges -= np.bincount(rows + 1, minlength=n_sessions + 1)
    return np.flatnonzero(np.cumsum(edges[:-1]) > 0)
