"""Attribution: the reason is found where it was put, and nothing divides by nothing."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from factorprism.forecasts.explain import (
    Attribution,
    compute_agreement,
    compute_attribution,
    compute_grad_cam,
    compute_input_gradient,
)
from factorprism.models import build_network, cut_before_logit, split_at_map
from factorprism.models.backend import load_keras

SHAPE = (16, 6, 2)


def agree(attributions: list[Attribution], kind: str) -> float:
    return compute_agreement([attribution.select(kind) for attribution in attributions])


def _weights(*part) -> np.ndarray:
    weights = np.zeros(SHAPE, dtype=np.float32)
    weights[part] = 0.5
    return weights


def test_a_logit_of_one_factor_is_attributed_to_that_factor_alone(linear_bundle, window):
    attribution = compute_attribution(linear_bundle(_weights(slice(None), 2, 0)), window)
    assert np.flatnonzero(attribution.by_factor).tolist() == [2]
    assert np.flatnonzero(attribution.by_channel).tolist() == [0]
    assert attribution.groups[int(np.flatnonzero(attribution.by_group)[0])] == "volatility"
    assert np.count_nonzero(attribution.by_group) == 1
    effect = attribution.output - attribution.median_output
    np.testing.assert_allclose(attribution.by_factor[2], effect, atol=1e-5)
    cells = attribution.cells["gradient_x_input"]
    assert np.count_nonzero(cells[:, [0, 1, 3, 4, 5]]) == 0
    np.testing.assert_allclose(cells.sum(), effect, atol=1e-4)


def test_a_logit_of_the_last_days_is_attributed_to_the_last_block(linear_bundle, window):
    bundle = linear_bundle(_weights(slice(14, 16)))
    attribution = compute_attribution(bundle, window, block_sessions=7)
    assert np.flatnonzero(attribution.by_day).tolist() == [2]
    days = window.sessions.astype(object)
    assert attribution.day_blocks == ((days[0], days[1]), (days[2], days[8]), (days[9], days[15]))


def test_grad_cam_points_at_the_cells_that_a_convolution_finds(make_bundle, window):
    keras = load_keras()
    image = keras.layers.Input(SHAPE)
    x = keras.layers.Conv2D(1, (2, 1), strides=(2, 1), use_bias=False)(image)
    x = keras.layers.ReLU()(x)
    x = keras.layers.MaxPooling2D((2, 1))(x)
    network = keras.Model(image, keras.layers.Dense(1)(keras.layers.Flatten()(x)))
    network.set_weights([np.full((2, 1, 2, 1), 0.25), np.ones((24, 1)), np.zeros(1)])
    values = np.broadcast_to(make_bundle(network).normaliser.centre, SHAPE).copy()
    assert split_at_map(network)[0].output_shape == (None, 8, 6, 1)  # before it is pooled
    values[8:10, 3] += 60.0
    cam = compute_grad_cam(make_bundle(network), values)
    assert cam.shape == SHAPE[:2]
    assert np.abs(cam).max() <= 1.0
    row, column = np.unravel_index(np.argmax(cam), cam.shape)
    assert (row in (8, 9), column) == (True, 3)
    assert np.count_nonzero(cam[:, [0, 1, 2, 4, 5]]) == 0
    against = make_bundle(network)
    against.network.set_weights([np.full((2, 1, 2, 1), 0.25), -np.ones((24, 1)), np.zeros(1)])
    np.testing.assert_allclose(compute_grad_cam(against, values), -cam)


@pytest.mark.parametrize("name", ["mlp_tiny", "inception_time_tiny"])
def test_a_network_without_a_convolution_over_the_image_has_no_grad_cam(name, make_bundle, window):
    bundle = make_bundle(build_network(name, SHAPE))
    assert split_at_map(bundle.network) is None
    assert compute_grad_cam(bundle, window.values) is None
    attribution = compute_attribution(bundle, window)
    assert attribution.grad_cam is None
    assert "grad_cam" not in attribution.kinds
    text = json.dumps(attribution.to_dict(), allow_nan=False)
    assert json.dumps(Attribution.from_dict(json.loads(text)).to_dict()) == text
    with pytest.raises(ValueError, match="kind: 'grad_cam', allowed are channel"):
        attribution.select("grad_cam")


@pytest.mark.parametrize(
    "name", ["inception_tiny", "lenet5_tiny", "googlenet_tiny", "resnet_tiny", "nin_tiny"]
)
def test_every_other_network_of_the_zoo_has_one(name):
    body, _ = split_at_map(build_network(name, (56, 16, 4)))
    assert any("Conv" in type(layer).__name__ for layer in body.layers)


def test_a_convolution_inside_a_network_used_as_a_layer_counts(make_bundle, window):
    keras = load_keras()
    inner = keras.Sequential([keras.layers.Conv2D(2, 3, padding="same")])
    image = keras.layers.Input(SHAPE)
    logit = keras.layers.Dense(1)(keras.layers.Flatten()(inner(image)))
    assert compute_grad_cam(make_bundle(keras.Model(image, logit)), window.values) is not None


def test_a_logit_that_depends_on_nothing_is_attributed_to_nothing(linear_bundle, window):
    attribution = compute_attribution(linear_bundle(np.zeros(SHAPE)), window)
    assert all(not attribution.select(kind).any() for kind in attribution.kinds)
    assert all(agree([attribution] * 2, kind) == 0.0 for kind in attribution.kinds)


def test_an_image_at_the_median_is_attributed_to_nothing(inception_bundle, window):
    bundle = inception_bundle(1)
    median = np.broadcast_to(bundle.normaliser.centre, SHAPE).copy()
    attribution = compute_attribution(bundle, replace(window, values=median))
    assert attribution.output == attribution.median_output
    assert not attribution.by_day.any()
    assert np.isfinite(attribution.grad_cam).all()


def test_an_attribution_is_the_same_bytes_again_and_survives_json(inception_bundle, window):
    texts = [
        json.dumps(compute_attribution(inception_bundle(1), window).to_dict(), allow_nan=False)
        for _ in range(2)
    ]
    assert texts[0] == texts[1]
    again = Attribution.from_dict(json.loads(texts[0]))
    assert json.dumps(again.to_dict()) == texts[0]
    assert "-0.0," not in texts[0]


def test_another_method_by_cell_stands_under_its_name(inception_bundle, window):
    methods = {"shap": lambda bundle, values: np.ones(values.shape)}
    attribution = compute_attribution(inception_bundle(1), window, methods=methods)
    assert attribution.kinds[-1] == "shap"
    assert attribution.select("shap").sum() == np.prod(SHAPE)
    with pytest.raises(ValueError, match="kind"):
        attribution.select("lime")


def test_missing_cells_have_no_attribution(inception_bundle, window):
    values = window.values.copy()
    values[3, 2, 1] = np.nan
    with pytest.raises(ValueError, match="missing"):
        compute_attribution(inception_bundle(1), replace(window, values=values))
    with pytest.raises(ValueError, match="block_sessions"):
        compute_attribution(inception_bundle(1), window, block_sessions=0)


def test_the_gradient_is_that_of_finite_differences(inception_bundle, window):
    bundle = inception_bundle(4)
    cells = compute_input_gradient(bundle, window.values)
    image = bundle.normaliser.transform(window.values)
    place = np.unravel_index(np.argmax(np.abs(cells)), cells.shape)
    step = 1e-2
    pair = np.repeat(image[np.newaxis], 2, axis=0)
    pair[0][place] += step
    pair[1][place] -= step
    up, down = np.asarray(bundle.network(pair, training=False), dtype=np.float64).ravel()
    slope = (up - down) / (2 * step)
    np.testing.assert_allclose(cells[place], slope * image[place], rtol=0.05)


def test_equal_models_agree_fully_and_opposite_ones_not_at_all(inception_bundle, window):
    one = compute_attribution(inception_bundle(1), window)
    other = replace(one, by_factor=-one.by_factor)
    assert agree([one, one], "factor") == pytest.approx(1.0)
    assert agree([one, other], "factor") == pytest.approx(-1.0)
    assert agree([one, one, other], "factor") == pytest.approx(-1 / 3)
    # Spearman's coefficient of 1 2 3 and 1 3 2 is 1 - 6 * 2 / (3 * 8).
    first, second = (replace(one, by_channel=np.array(order)) for order in ([1, 2, 3], [1, 3, 2]))
    assert agree([first, second], "channel") == pytest.approx(0.5)
    seeds = [compute_attribution(inception_bundle(seed), window) for seed in (1, 2, 3)]
    assert all(-1.0 <= agree(seeds, kind) < 1.0 for kind in one.kinds)
    with pytest.raises(ValueError, match="two or more"):
        agree([one], "factor")


def test_a_network_is_cut_at_its_last_map_and_before_its_logit(inception_bundle, window):
    network = inception_bundle(1).network
    body, head = split_at_map(network)
    image = np.random.default_rng(0).normal(size=(3, *SHAPE)).astype(np.float32)
    features = np.asarray(body(image, training=False))
    assert features.ndim == 4
    whole = np.asarray(network(image, training=False))
    np.testing.assert_allclose(np.asarray(head(features, training=False)), whole, rtol=1e-5)
    hidden = np.asarray(cut_before_logit(network)(image, training=False))
    np.testing.assert_allclose(hidden, features.mean(axis=(1, 2)), rtol=1e-4, atol=1e-6)


def test_a_shortcut_around_the_last_maps_moves_the_cut_behind_it(make_bundle):
    keras = load_keras()
    image = keras.layers.Input(SHAPE)
    stem = keras.layers.Conv2D(4, 3, padding="same", name="stem")(image)
    inner = keras.layers.Conv2D(4, 3, padding="same", name="inner")(stem)
    averages = [keras.layers.GlobalAveragePooling2D()(x) for x in (stem, inner)]
    logit = keras.layers.Dense(1)(keras.layers.Concatenate()(averages))
    body, _ = split_at_map(keras.Model(image, logit))
    assert body.layers[-1].name == "stem"
