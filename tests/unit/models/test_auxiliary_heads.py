"""GoogLeNet's auxiliary heads: there while it trains, never in what is kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from factorprism.learning.batches import Samples
from factorprism.learning.fit import FitSettings, fit
from factorprism.models import attach_auxiliary_heads, build_network, training_form
from factorprism.models._keras_file import encode_network
from factorprism.models.backend import load_keras

SHAPE = (12, 6, 2)


def log_loss(logits: np.ndarray, labels: np.ndarray) -> float:
    return float(np.mean(np.logaddexp(0, logits) - labels * logits))


@pytest.fixture
def network() -> Any:
    load_keras().utils.set_random_seed(2)
    return build_network("googlenet_tiny", SHAPE, auxiliary_heads=True)


def test_the_heads_of_the_paper_sit_after_4a_and_4d() -> None:
    network = build_network(
        "googlenet",
        (224, 224, 3),
        n_outputs=1000,
        normalisation="none",
        strides=((2, 2),) * 5,
    )
    headed = attach_auxiliary_heads(network)
    shapes = {layer.name: tuple(layer.output.shape[1:]) for layer in headed.layers}
    one = (2048 * 1024 + 1024) + (1024 * 1000 + 1000) + 128

    assert shapes["head_4a_pool"] == (4, 4, 512)
    assert shapes["head_4d_pool"] == (4, 4, 528)
    assert headed.count_params() == 6_998_552 + 2 * one + (512 + 528) * 128


def test_the_losses_of_the_heads_count_three_tenths_in_training_alone(network: Any) -> None:
    keras = load_keras()
    headed = attach_auxiliary_heads(network)
    headed.compile(loss=keras.losses.BinaryCrossentropy(from_logits=True), jit_compile=False)
    logits = np.random.default_rng(1).normal(size=(5, 2)).astype(np.float32)
    labels = np.array([0, 1, 1, 0, 1], np.float32)
    main, head = (log_loss(logits[:, index], labels) for index in range(2))
    args = {"y": labels[:, None], "y_pred": keras.ops.convert_to_tensor(logits)}

    assert headed.output_shape == (None, 2)
    assert float(headed.compute_loss(**args)) == pytest.approx(main + 0.3 * head, abs=1e-5)
    assert float(headed.compute_loss(**args, training=False)) == pytest.approx(main, abs=1e-5)


def test_fit_trains_the_network_and_leaves_the_heads_behind(network: Any) -> None:
    generator = np.random.default_rng(3)
    cube = generator.normal(size=(60, *SHAPE[1:])).astype(np.float32)
    rows = np.arange(11, 59)
    samples = Samples(cube, rows, (rows % 2).astype(np.float32), SHAPE[0])
    before = [np.array(weight) for weight in network.get_weights()]
    form = training_form("googlenet_tiny", auxiliary_heads=True)
    settings = FitSettings(epochs=1, batch_size=16, threads=1)
    result = fit(network, samples, samples, settings, loss="log_loss", training_form=form)
    after = network.get_weights()

    assert network.output_shape == (None, 1)
    assert len(after) == len(before)
    assert not np.array_equal(after[0], before[0])
    assert b"head_" not in encode_network(network)
    last = min(result.history, key=lambda epoch: epoch["val_log_loss"])
    logits = np.asarray(network(samples.gather()[0])).reshape(-1)
    assert last["val_log_loss"] == pytest.approx(log_loss(logits, rows % 2), abs=1e-4)


def test_only_a_network_with_heads_has_another_form_in_training() -> None:
    assert training_form("googlenet") is None
    assert training_form("lenet5") is None
    assert training_form("googlenet", auxiliary_heads=True) is attach_auxiliary_heads
