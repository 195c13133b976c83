"""The training loop: repeatable to the bit, stopped by the validation part, able to freeze."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from factorprism.learning import FitSettings, fit
from factorprism.learning.batches import Samples, TrainingBatches
from factorprism.learning.fit import lower_precision, predict_outputs
from factorprism.models import build_network
from factorprism.models.backend import load_keras

SETTINGS = FitSettings(epochs=3, batch_size=16, learning_rate=1e-2, seed=4)
SHAPE = (8, 4, 1)


def make_samples(n_samples: int, seed: int, *, chance: bool = False) -> Samples:
    generator = np.random.default_rng(seed)
    cube = generator.normal(size=(n_samples + 7, 4, 1)).astype(np.float32)
    ends = np.arange(7, n_samples + 7)
    labels = (cube[ends, 0, 0] + cube[ends - 1, 0, 0] > 0).astype(np.float32)
    if chance:
        labels = generator.integers(0, 2, n_samples).astype(np.float32)
    return Samples(cube, ends, labels, 8)


def make_network(seed: int = 1) -> Any:
    load_keras().utils.set_random_seed(seed)
    return build_network("inception_tiny", SHAPE, dropout=0.2)


def test_the_same_seed_gives_bit_identical_weights() -> None:
    networks = [make_network() for _ in range(2)]
    for network in networks:
        load_keras().utils.set_random_seed(int(network is networks[0]))
        fit(network, make_samples(80, 0), make_samples(40, 1), SETTINGS, loss="log_loss")

    first, again = (network.get_weights() for network in networks)
    assert all(np.array_equal(*pair) for pair in zip(first, again, strict=True))


def test_another_seed_gives_another_order() -> None:
    orders = [
        next(iter(TrainingBatches(make_samples(64, 0), 32, seed=seed)))[0] for seed in (0, 0, 1)
    ]

    assert np.array_equal(orders[0], orders[1])
    assert not np.array_equal(orders[0], orders[2])


def test_a_rule_in_the_images_is_learned_and_each_epoch_reported() -> None:
    network, validation = make_network(), make_samples(200, 1)
    heard: list[int] = []
    settings = replace(SETTINGS, epochs=8, patience=8)
    result = fit(
        network,
        make_samples(400, 0),
        validation,
        settings,
        on_epoch=lambda e, _: heard.append(e),
        loss="log_loss",
    )

    assert heard == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [int(line["epoch"]) for line in result.history] == heard
    hits = (predict_outputs(network, validation)[:, 0] > 0) == (validation.labels > 0.5)
    assert hits.mean() > 0.85


def test_training_stops_and_keeps_the_weights_of_the_best_epoch() -> None:
    network, validation = make_network(), make_samples(60, 1, chance=True)
    settings = replace(SETTINGS, epochs=30, patience=2, learning_rate=3e-2)
    result = fit(network, make_samples(64, 0, chance=True), validation, settings, loss="log_loss")

    losses = [line["val_log_loss"] for line in result.history]
    assert len(losses) == int(np.argmin(losses)) + 3 < 30
    margins = predict_outputs(network, validation)[:, 0] * (2 * validation.labels - 1)
    assert np.logaddexp(0.0, -margins).mean() == pytest.approx(min(losses), abs=1e-5)


def test_frozen_layers_keep_their_weights() -> None:
    network = make_network()
    before = [layer.get_weights() for layer in network.layers]
    fit(
        network,
        make_samples(64, 0),
        make_samples(32, 1),
        SETTINGS,
        frozen_layers=("stem",),
        loss="log_loss",
    )

    for layer, old in zip(network.layers, before, strict=True):
        same = all(np.array_equal(*pair) for pair in zip(layer.get_weights(), old, strict=True))
        assert same == (layer.name.startswith("stem") or not old), layer.name
        assert layer.trainable


def test_epochs_take_turns_until_every_window_was_read() -> None:
    samples = make_samples(96, 0)
    batches = TrainingBatches(samples, 16, stride=3, seed=0)
    stream = iter(batches)
    epochs = [np.concatenate([next(stream)[0] for _ in range(batches.per_epoch)]) for _ in range(3)]

    assert batches.per_epoch == 2
    last_rows = [set(epoch[:, -1, 0, 0].tolist()) for epoch in epochs]
    assert set().union(*last_rows) == set(samples.cube[samples.ends, 0, 0].tolist())
    assert not last_rows[0] & last_rows[1]


def test_labels_follow_their_images_through_the_shuffle() -> None:
    samples = make_samples(50, 0)
    by_value = dict(zip(samples.cube[samples.ends, 0, 0], samples.labels, strict=True))
    images, labels = next(iter(TrainingBatches(samples, 32, stride=1, seed=0)))

    assert [by_value[value] for value in images[:, -1, 0, 0]] == labels[:, 0].tolist()
    with pytest.raises(ValueError, match="samples"):
        TrainingBatches(samples, 32, stride=2)


def test_lower_precision_keeps_float32_weights_and_logits() -> None:
    network = lower_precision(make_network())
    logits = network(make_samples(4, 0).gather()[0])

    assert network.get_layer("stem_conv").compute_dtype == "bfloat16"
    assert {str(weight.dtype) for weight in network.weights} == {"float32"}
    assert "float32" in str(logits.dtype)


@pytest.mark.parametrize("change", [{"epochs": 0}, {"learning_rate": 0.0}, {"batch_size": 0}])
def test_impossible_settings_name_their_field(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        FitSettings(**change)
