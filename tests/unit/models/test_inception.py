"""The Inception network: shapes, configuration, bytes, and that it can learn at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from factorprism.core.errors import ConfigurationError
from factorprism.models import (
    InceptionConfig,
    InceptionModule,
    build_inception,
    build_network,
    network_config,
    network_names,
)
from factorprism.models.backend import load_keras


@pytest.mark.parametrize("name", network_names())
@pytest.mark.parametrize("shape", [(56, 16, 1), (56, 16, 4), (20, 5, 2)])
def test_a_network_gives_one_logit_for_each_image(name: str, shape: tuple[int, int, int]) -> None:
    network = build_network(name, shape)

    assert network.input_shape == (None, *shape)
    assert network.output_shape == (None, 1)
    assert network(np.zeros((3, *shape), np.float32)).shape == (3, 1)


@pytest.mark.parametrize("name", network_names())
def test_a_configuration_survives_its_json_form(name: str) -> None:
    config = network_config(name, dropout=0.5)

    assert InceptionConfig.from_config(config.get_config()) == config


def test_two_builds_have_the_same_configuration() -> None:
    config = InceptionConfig.tiny()
    first = build_inception((12, 6, 1), config)
    second = build_inception((12, 6, 1), config)

    assert first.get_config() == second.get_config()


def test_a_saved_network_gives_equal_logits(tmp_path: Path) -> None:
    keras = load_keras()
    network = build_inception((12, 6, 2), InceptionConfig.tiny())
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras", safe_mode=True)
    images = np.random.default_rng(1).normal(size=(5, 12, 6, 2)).astype(np.float32)

    assert np.array_equal(np.asarray(network(images)), np.asarray(loaded(images)))


def test_the_tiny_network_overfits_one_batch() -> None:
    keras = load_keras()
    keras.utils.set_random_seed(1)
    network = build_inception((16, 8, 1), InceptionConfig.tiny())
    generator = np.random.default_rng(1)
    images = generator.normal(size=(32, 16, 8, 1)).astype(np.float32)
    labels = generator.integers(0, 2, 32).astype(np.float32)
    network.compile(
        optimizer=keras.optimizers.Adam(0.02),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        jit_compile=False,
    )
    network.fit(images, labels, batch_size=32, epochs=60, verbose=0)

    logits = np.asarray(network(images, training=True)).reshape(-1)
    assert ((logits > 0) == (labels > 0.5)).all()


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"stem_filters": 0}, "stem_filters"),
        ({"stem_strides": (0, 2)}, "stem_strides"),
        ({"stages": ()}, "stages"),
        ({"dropout": 1.0}, "dropout"),
    ],
)
def test_an_impossible_configuration_names_its_field(change: dict[str, object], name: str) -> None:
    with pytest.raises(ValueError, match=name):
        InceptionConfig(**change)  # type: ignore[arg-type]


def test_a_branch_without_filters_is_refused() -> None:
    with pytest.raises(ValueError, match="five"):
        InceptionModule(4, 4, 4, 4, 0, 4)


def test_an_unknown_network_names_those_that_exist() -> None:
    with pytest.raises(ConfigurationError, match="inception_tiny"):
        build_network("resnet", (56, 16, 1))
