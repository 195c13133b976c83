"""The training loop: repeatable to the bit, stopped by the validation part, able to freeze."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from factorprism.learning import FitSettings, fit
from factorprism.learning.batches import Samples, TrainingBatches
from factorprism.learning.fit import lower_precision, predict_outputs
from factorprism.models import build_network
from factorprism.models.backend import load_keras

SETTINGS = FitSettings(epochs=3, batch_size=16, learning_rate=1e-2, seed=4, threads=1)
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
    orders = [TrainingBatches(make_samples(64, 0), 32, seed=seed).draw(0) for seed in (0, 0, 1)]

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
    batches = TrainingBatches(make_samples(96, 0), 16, stride=3, seed=0)
    epochs = [set(batches.draw(epoch).ravel().tolist()) for epoch in range(3)]

    assert batches.per_epoch == 2
    assert set().union(*epochs) == set(range(96))
    assert not epochs[0] & epochs[1]


def test_the_order_is_drawn_over_the_whole_range_and_anew_for_each_epoch() -> None:
    batches = TrainingBatches(make_samples(96, 0), 16, seed=3)
    first, second = batches.draw(0), batches.draw(1)

    assert sorted(first.ravel().tolist()) == sorted(second.ravel().tolist()) == list(range(96))
    assert not np.array_equal(first, second)
    assert np.array_equal(first, np.sort(first, axis=1))
    assert first[0].min() < 24
    assert first[0].max() >= 72


def test_the_stream_holds_the_drawn_images_and_their_labels() -> None:
    samples = make_samples(70, 0)
    batches = TrainingBatches(samples, 16, stride=2, seed=5)
    stream = batches.stream(3)
    # A length that is known beforehand makes another graph, and other last bits of the weights.
    assert {part.shape[0] for part in stream.element_spec} == {None}

    streamed = list(stream)
    drawn = [chosen for epoch in range(3) for chosen in batches.draw(epoch)]
    assert len(streamed) == len(drawn) == 3 * batches.per_epoch
    for parts, chosen in zip(streamed, drawn, strict=True):
        expected = samples.take(chosen).gather()
        assert [np.asarray(part).tobytes() for part in parts] == [
            part.tobytes() for part in expected
        ]


def test_a_stream_gives_the_weights_that_stored_images_give(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def train() -> list[Any]:
        network = make_network()
        load_keras().utils.set_random_seed(0)
        fit(network, make_samples(80, 0), make_samples(40, 1), SETTINGS, loss="log_loss")
        weights: list[Any] = network.get_weights()
        return weights

    def store(self: TrainingBatches, epochs: int) -> Any:
        drawn = [chosen for epoch in range(epochs) for chosen in self.draw(epoch)]
        return (self.samples.take(chosen).gather() for chosen in drawn)

    streamed = train()
    monkeypatch.setattr(TrainingBatches, "stream", store)
    assert all(np.array_equal(*pair) for pair in zip(streamed, train(), strict=True))


TRAIN = """
from dataclasses import replace
import numpy as np
from test_fit import SETTINGS, make_network, make_samples
from factorprism.learning import fit
from factorprism.models.backend import fix_threads
fix_threads(2, strict=True)  # before anything is computed
settings, networks = replace(SETTINGS, threads=2), [make_network() for _ in range(2)]
for network in networks:
    fit(network, make_samples(80, 0), make_samples(40, 1), settings, loss="log_loss")
pairs = zip(*(network.get_weights() for network in networks), strict=True)
print(all(np.array_equal(*pair) for pair in pairs))
"""


def test_two_threads_give_the_same_bits_and_leave_the_allocator_of_their_process_alone() -> None:
    # TensorFlow logs that it lowers glibc's trim threshold, which a Python generator makes it do.
    done = subprocess.run(
        [sys.executable, "-c", TRAIN],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "0", "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == "True\n"
    assert "M_TRIM_THRESHOLD" not in done.stderr


def test_an_epoch_that_no_batch_fills_is_refused() -> None:
    samples = make_samples(50, 0)
    with pytest.raises(ValueError, match="samples"):
        TrainingBatches(samples, 32, stride=2)
    with pytest.raises(ValueError, match="batch_size: 0"):
        TrainingBatches(samples, 0)


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
