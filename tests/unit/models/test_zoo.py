"""What holds for every network of the zoo."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from factorprism.core.errors import ConfigurationError
from factorprism.factors import Normaliser
from factorprism.models import (
    InceptionModule,
    build_network,
    load_bundle,
    network_config,
    network_names,
    save_bundle,
)
from factorprism.models._keras_file import encode_network
from factorprism.models.backend import load_keras

TINY = [name for name in network_names() if name.endswith("_tiny")]
# Without those that differ from a smaller member in their size alone: they cost seconds to build.
DISTINCT = [name for name in network_names() if name not in ("googlenet_224", "resnet50")]
# Parts that only some configurations have, under the same checks.
VARIANTS = [
    *((name, {}) for name in TINY),
    ("googlenet_tiny", {"normalisation": "lrn"}),
    ("googlenet_tiny", {"padding": "valid", "upsample": (2, 3)}),
    ("nin_tiny", {"batch_norm": False, "block_dropout": 0.1}),
    ("resnet_tiny", {"block": "basic", "biases": False}),
]


def make_images(shape: tuple[int, ...], n: int = 4) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(n, *shape)).astype(np.float32)


@pytest.mark.parametrize("name", network_names())
def test_a_network_gives_one_finite_logit_for_each_image(
    name: str, full_network: Callable[[str], Any]
) -> None:
    network = full_network(name)

    assert network.input_shape == (None, 56, 16, 4)
    assert network.output_shape == (None, 1)
    logits = np.asarray(network(make_images((56, 16, 4), 2)))
    assert logits.shape == (2, 1)
    assert logits.dtype == np.float32
    assert np.isfinite(logits).all()
    assert network.layers[-1].name == "logit"


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("shape", [(56, 16, 1), (20, 5, 2), (7, 3, 1)])
def test_a_network_reads_images_of_other_sizes(name: str, shape: tuple[int, int, int]) -> None:
    assert build_network(name, shape)(make_images(shape, 3)).shape == (3, 1)


@pytest.mark.parametrize("name", network_names())
def test_a_configuration_survives_its_json_form(name: str) -> None:
    config = network_config(name, dropout=0.5, dropout_seed=7)
    again = type(config).from_config(json.loads(json.dumps(config.get_config())))

    assert again == config
    assert again != network_config(name, dropout=0.25)
    assert hash(again) == hash(config)


@pytest.mark.parametrize(("name", "overrides"), VARIANTS)
def test_two_builds_have_the_same_bytes(name: str, overrides: dict[str, Any]) -> None:
    keras = load_keras()
    keras.utils.set_random_seed(3)
    first = encode_network(build_network(name, (16, 8, 2), **overrides))
    keras.layers.Dense(1)  # moves the automatic names on
    keras.ops.power(keras.Input((3,)), 2.0)
    keras.utils.set_random_seed(3)

    assert encode_network(build_network(name, (16, 8, 2), **overrides)) == first


@pytest.mark.parametrize("name", [name for name in DISTINCT if name not in TINY])
def test_two_builds_of_full_size_have_the_same_configuration(
    name: str, full_network: Callable[[str], Any]
) -> None:
    assert build_network(name, (56, 16, 4)).get_config() == full_network(name).get_config()


@pytest.mark.parametrize(("name", "overrides"), VARIANTS)
def test_a_bundle_gives_the_logits_of_the_network(
    tmp_path: Path,
    bundle_parts: dict[str, Any],
    normaliser: Normaliser,
    images: np.ndarray,
    name: str,
    overrides: dict[str, Any],
) -> None:
    shape = images.shape[1:]
    network = build_network(name, shape, **overrides)
    sealed = save_bundle(
        tmp_path / "b",
        network=network,
        normaliser=normaliser,
        calibration=bundle_parts["calibration"],
        spec={**bundle_parts["spec"], "architecture": name},
    )
    bundle = load_bundle(tmp_path / "b", sealed)
    expected = np.asarray(network(normaliser.transform(images[:6]))).reshape(-1)

    assert np.allclose(bundle.compute_logits(images[:6]), expected, rtol=1e-4, atol=1e-6)
    assert np.ptp(expected) > 0


@pytest.mark.parametrize("name", TINY)
def test_a_tiny_network_overfits_one_batch(name: str) -> None:
    keras = load_keras()
    keras.utils.set_random_seed(1)
    network = build_network(name, (16, 8, 1))
    generator = np.random.default_rng(1)
    images = generator.normal(size=(16, 16, 8, 1)).astype(np.float32)
    labels = generator.integers(0, 2, 16).astype(np.float32)
    network.compile(
        optimizer=keras.optimizers.SGD(0.05, momentum=0.9),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        jit_compile=False,
    )
    # One epoch of the same batch over and over: an epoch has a price of its own.
    repeated = np.tile(images, (100, 1, 1, 1)), np.tile(labels, 100)
    network.fit(*repeated, batch_size=16, shuffle=False, verbose=0)

    logits = np.asarray(network(images, training=True)).reshape(-1)
    assert ((logits > 0) == (labels > 0.5)).all()


@pytest.mark.parametrize("name", DISTINCT)
def test_dropout_is_off_at_inference_and_on_in_training(name: str) -> None:
    network = build_network(name, (56, 16, 1), dropout=0.5)
    images = make_images((56, 16, 1))

    assert np.array_equal(np.asarray(network(images)), np.asarray(network(images)))
    trained = [np.asarray(network(images, training=True)) for _ in range(3)]
    assert not (np.array_equal(trained[0], trained[1]) and np.array_equal(trained[0], trained[2]))


@pytest.mark.parametrize("name", DISTINCT)
def test_initial_weights_keep_the_scale_of_the_image(name: str) -> None:
    load_keras().utils.set_random_seed(1)
    network = build_network(name, (56, 16, 1))

    for layer in network.layers:
        if hasattr(layer, "kernel") and layer.kernel is not None:
            kernel = np.asarray(layer.kernel)
            fan_in = kernel.size / kernel.shape[-1]
            if "scale" not in layer.name and kernel.size > 200:
                assert kernel.std() < 1.6 / np.sqrt(fan_in), layer.name
    logits = np.asarray(network(make_images((56, 16, 1), 8), training=True))
    assert np.abs(logits).max() < 10


@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("lenet5", {}),
        ("inception", {}),
        ("googlenet", {}),
        ("googlenet", {"normalisation": "lrn"}),
        ("googlenet_tiny", {"upsample": (4, 14)}),
    ],
)
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_gradients_are_finite_for_either_padding(
    name: str, overrides: dict[str, Any], padding: str
) -> None:
    tensorflow = pytest.importorskip("tensorflow", reason="the gradient is taken by TensorFlow")
    keras = load_keras()
    keras.utils.set_random_seed(1)
    network = build_network(name, (56, 16, 1), padding=padding, **overrides)
    with tensorflow.GradientTape() as tape:
        logits = network(make_images((56, 16, 1)), training=True)
        loss = tensorflow.reduce_mean(tensorflow.nn.softplus(logits))
    gradients = tape.gradient(loss, network.trainable_weights)

    assert np.isfinite(float(loss))
    assert all(np.isfinite(np.asarray(gradient)).all() for gradient in gradients)
    assert np.abs(np.asarray(gradients[0])).max() > 0


@pytest.mark.parametrize("name", ["lenet5", "inception", "googlenet"])
def test_valid_padding_says_when_an_image_is_too_small(name: str) -> None:
    with pytest.raises(ValueError, match="padding: 'valid' leaves"):
        build_network(name, (8, 3, 1), padding="valid")


@pytest.mark.parametrize(
    ("name", "overrides", "field"),
    [
        ("googlenet", {"normalisation": "instance"}, "normalisation"),
        ("googlenet", {"padding": "full"}, "padding"),
        ("googlenet", {"strides": ((2, 2),)}, "strides"),
        ("googlenet", {"modules": ()}, "modules"),
        ("googlenet", {"upsample": (0, 1)}, "upsample"),
        ("googlenet", {"stem_filters": (8, 8)}, "stem_filters"),
        ("lenet5", {"filters": (6,)}, "filters"),
        ("mlp", {"hidden": ()}, "hidden"),
        ("mlp", {"input_dropout": 1.0}, "input_dropout"),
        ("nin", {"kernels": (5,)}, "kernels"),
        ("nin", {"n_outputs": 0}, "n_outputs"),
        ("resnet50", {"block": "wide"}, "block"),
        ("resnet50", {"depths": (1, 1)}, "depths"),
        ("resnet50", {"stem_strides": ((2, 2),)}, "stem_strides"),
        ("inception", {"stem_filters": 0}, "stem_filters"),
        ("inception", {"stem_strides": (0, 2)}, "stem_strides"),
        ("inception", {"stages": ()}, "stages"),
        ("inception", {"dropout": 1.0}, "dropout"),
        ("inception", {"padding": "full"}, "padding"),
        ("inception_time", {"kernels": (0, 4)}, "kernels"),
        ("inception_time", {"width": 3}, "width"),
    ],
)
def test_an_impossible_field_is_named(name: str, overrides: dict[str, Any], field: str) -> None:
    with pytest.raises(ValueError, match=rf"^{field}: "):
        network_config(name, **overrides)


def test_an_inception_module_with_a_branch_without_filters_is_refused() -> None:
    with pytest.raises(ValueError, match="five"):
        InceptionModule(4, 4, 4, 4, 0, 4)


def test_lists_from_json_are_taken_as_tuples() -> None:
    assert network_config("mlp", hidden=[8, 4]) == network_config("mlp", hidden=(8, 4))


def test_an_unknown_network_names_those_that_exist() -> None:
    with pytest.raises(ConfigurationError, match="inception_tiny"):
        build_network("resnet", (56, 16, 1))
