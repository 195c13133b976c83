"""The networks against their papers: parameters, and for some of them the numbers they compute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from factorprism.models import build_network
from factorprism.models.backend import load_keras


def count_trainable(network: Any) -> int:
    return sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)


@pytest.mark.parametrize("normalisation", ["none", "lrn"])
def test_googlenet_has_the_parameters_of_table_1(normalisation: str) -> None:
    network = build_network(
        "googlenet",
        (224, 224, 3),
        n_outputs=1000,
        normalisation=normalisation,
        strides=((2, 2),) * 5,
    )
    shapes = {layer.name: tuple(layer.output.shape[1:]) for layer in network.layers}

    assert network.count_params() == 6_998_552
    # Output sizes of table 1.
    assert shapes["stem1_conv"] == (112, 112, 64)
    assert shapes["stem_pool"] == (56, 56, 64)
    assert shapes["stem3_relu"] == (56, 56, 192)
    assert shapes["pool2"] == (28, 28, 192)
    assert shapes["inception_3b_join"] == (28, 28, 480)
    assert shapes["inception_4a_join"] == (14, 14, 512)
    assert shapes["inception_4d_join"] == (14, 14, 528)
    assert shapes["inception_4e_join"] == (14, 14, 832)
    assert shapes["inception_5b_join"] == (7, 7, 1024)


def test_googlenet_sees_56x16_as_224x224(
    full_network: Callable[[str], Any],
) -> None:
    network = full_network("googlenet_224")
    shapes = {layer.name: tuple(layer.output.shape[1:]) for layer in network.layers}

    assert shapes["upsample"] == (224, 224, 4)
    assert shapes["inception_5b_join"] == (7, 7, 1024)


def test_googlenet_at_native_size_has_a_seventh_of_the_cells(
    full_network: Callable[[str], Any],
) -> None:
    network = full_network("googlenet")
    shapes = {layer.name: tuple(layer.output.shape[1:]) for layer in network.layers}

    assert shapes["inception_3b_join"] == (14, 8, 480)
    assert shapes["inception_4e_join"] == (7, 4, 832)
    assert shapes["inception_5b_join"] == (4, 2, 1024)


def test_the_branches_of_googlenet_have_the_kernels_of_their_names(
    full_network: Callable[[str], Any],
) -> None:
    network = full_network("googlenet")
    kernels = {
        layer.name: getattr(layer, "kernel_size", (1, 1))  # a dense layer reads one cell
        for layer in network.layers
        if layer.name.startswith("inception") and layer.name.endswith("_conv")
    }

    assert len(kernels) == 9 * 6
    for name, kernel in kernels.items():
        side = {"three": 3, "five": 5}.get(name.removesuffix("_conv").split("_", 2)[2], 1)
        assert kernel == (side, side), name


@pytest.mark.parametrize("name", ["googlenet", "inception", "nin"])
def test_a_relu_follows_each_convolution(name: str, full_network: Callable[[str], Any]) -> None:
    network = full_network(name)
    names = {layer.name for layer in network.layers}
    convolutions = [layer for layer in network.layers if layer.name.endswith("_conv")]

    assert convolutions
    assert all(layer.name.removesuffix("_conv") + "_relu" in names for layer in convolutions)


def test_local_responses_are_normalised_as_in_krizhevsky() -> None:
    keras = load_keras()
    network = build_network("googlenet_tiny", (16, 8, 1), normalisation="lrn")
    probe = keras.Model(
        network.input,
        [network.get_layer("stem_pool").output, network.get_layer("stem_lrn1_apply").output],
    )
    images = 300 * np.random.default_rng(1).normal(size=(3, 16, 8, 1)).astype(np.float32)
    before, after = (np.asarray(part) for part in probe(images))
    expected = np.empty_like(before)
    for channel in range(before.shape[-1]):
        window = before[..., max(0, channel - 2) : channel + 3]
        scale = 1.0 + 1e-4 / 5 * np.square(window).sum(axis=-1)
        expected[..., channel] = before[..., channel] / scale**0.75

    assert np.abs(after - before).max() > 1
    assert np.allclose(after, expected, rtol=1e-4)


def test_resnet50_has_the_parameters_of_keras_applications() -> None:
    network = build_network("resnet50", (224, 224, 3), n_outputs=1000)
    peer = load_keras().applications.ResNet50(weights=None)

    assert network.count_params() == peer.count_params() == 25_636_712


def test_resnet50_computes_what_keras_applications_computes() -> None:
    keras = load_keras()
    keras.utils.set_random_seed(1)
    peer = keras.applications.ResNet50(
        weights=None, input_shape=(64, 48, 3), classes=7, classifier_activation=None
    )
    network = build_network(
        "resnet50", (64, 48, 3), n_outputs=7, stem_strides=((2, 2), (2, 2)), dropout=0.0
    )
    for layer in network.layers:
        if layer.weights:
            layer.set_weights(peer.get_layer(name_in_peer(layer.name)).get_weights())
    images = np.random.default_rng(1).normal(size=(2, 64, 48, 3)).astype(np.float32)
    expected = np.asarray(peer(images))

    assert np.allclose(np.asarray(network(images)), expected, atol=1e-4 * np.abs(expected).max())


def name_in_peer(name: str) -> str:
    """Return what `keras.applications` calls the layer `name` of ours."""
    if name == "logit":
        return "predictions"
    kind = {"conv": "conv", "norm": "bn"}[name.rsplit("_", 1)[1]]
    if name.startswith("stem"):
        return f"conv1_{kind}"
    stage, block, step, _ = name.split("_")
    number = 0 if step == "shortcut" else int(step) + 1
    return f"conv{int(stage[5:]) + 2}_block{int(block[5:]) + 1}_{number}_{kind}"


def test_resnet_without_biases_has_the_parameters_of_the_paper() -> None:
    fifty = build_network("resnet50", (224, 224, 3), n_outputs=1000, biases=False)
    eighteen = build_network("resnet18", (224, 224, 3), n_outputs=1000)

    assert count_trainable(fifty) == 25_557_032
    assert count_trainable(eighteen) == 11_689_512


def test_lenet5_has_the_parameters_of_each_layer_of_the_paper() -> None:
    network = build_network("lenet5", (32, 32, 1), padding="valid", n_outputs=10)
    counts = {layer.name: layer.count_params() for layer in network.layers}

    assert counts["stem_conv"] == 156
    assert counts["stem_scale"] == 12
    # The paper's table I cuts C3 to 1,516; all else adds up to its "60,000 free parameters".
    assert counts["stage1_conv"] == 1_516 + 900
    assert counts["stage1_scale"] == 32
    assert counts["c5"] == 48_120
    assert counts["f6"] == 10_164
    assert network.count_params() - counts["logit"] == 60_000 + 900


def test_nin_has_the_parameters_of_its_authors_network_for_cifar_10() -> None:
    network = build_network("nin", (32, 32, 3), n_outputs=10, batch_norm=False)

    assert network.count_params() == 966_986


def test_the_mean_of_maps_and_the_last_layer_of_nin_commute() -> None:
    keras = load_keras()
    network = build_network("nin_tiny", (16, 8, 1), n_outputs=3)
    maps = network.get_layer("average").input
    probe = keras.Model(network.input, [maps, network.output])
    images = np.random.default_rng(1).normal(size=(2, 16, 8, 1)).astype(np.float32)
    before, logits = (np.asarray(part) for part in probe(images))
    kernel, bias = (np.asarray(weight) for weight in network.get_layer("logit").weights)

    assert np.allclose((before @ kernel + bias).mean(axis=(1, 2)), logits, atol=1e-5)


def test_the_perceptron_has_three_layers_of_500(full_network: Callable[[str], Any]) -> None:
    network = full_network("mlp")

    assert network.count_params() == (3584 * 500 + 500) + 2 * (500 * 500 + 500) + (500 + 1)


def test_inception_time_reads_each_session_as_all_factors_of_all_channels(
    full_network: Callable[[str], Any],
) -> None:
    network = full_network("inception_time")
    kernels = sum(kernel * 32 * 32 for kernel in (40, 20, 10))
    first = 64 * 32 + kernels + 64 * 32 + 4 * 128
    later = 128 * 32 + kernels + 128 * 32 + 4 * 128
    shortcuts = (64 * 128 + 4 * 128) + (128 * 128 + 4 * 128)

    assert tuple(network.get_layer("series").output.shape) == (None, 56, 64)
    assert network.count_params() == first + 5 * later + shortcuts + (128 + 1)
