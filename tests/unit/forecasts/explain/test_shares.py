"""Shapley values and the local surrogate: they add up, find what was planted, and repeat."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from math import comb

import numpy as np
import pytest

from factorprism.forecasts.explain import Shares, compute_shapley, compute_surrogate
from factorprism.forecasts.explain._feature_groups import FeatureGroups, find_feature_groups
from factorprism.forecasts.explain._shapley import compute_by_pair
from factorprism.models.backend import load_keras

SHAPE = (16, 6, 2)
PLANTED = (0, 2, 1)  # the first channel's natr_14 in the middle block of 7, 2 to 8


def _weights() -> np.ndarray:
    weights = np.zeros(SHAPE, dtype=np.float32)
    weights[2:9, 2, 0] = np.arange(7.0) - 2.0
    return weights


def _and_bundle(make_bundle):
    """A network whose logit is the product of two cells: neither part does anything alone."""
    keras = load_keras()
    image = keras.layers.Input(SHAPE)
    first, second = image[:, 15, 0, 0], image[:, 15, 1, 1]
    product = keras.layers.Reshape((1,))(keras.layers.Multiply()([first, second]))
    dense = keras.layers.Dense(1, name="logit", use_bias=False)
    network = keras.Model(image, dense(product))
    dense.set_weights([np.ones((1, 1))])
    return make_bundle(network)


@pytest.mark.parametrize("compute", [compute_shapley, compute_surrogate])
def test_a_linear_network_is_attributed_to_the_part_that_it_reads(compute, linear_bundle, window):
    shares = compute(linear_bundle(_weights()), window, seed=1)
    effect = shares.output - shares.median_output
    assert abs(effect) > 1.0
    assert shares.groups[PLANTED[1]] == "volatility"
    rest = shares.values.copy()
    rest[PLANTED] = 0.0
    # The ridge draws the surrogate's weights a little towards zero.
    np.testing.assert_allclose(shares.values[PLANTED], effect, rtol=0.02)
    assert np.abs(rest).max() < 0.01 * abs(effect)


def test_shapley_values_of_any_network_sum_to_its_logit(inception_bundle, window):
    for seed in (1, 2):
        shares = compute_shapley(inception_bundle(4), window, seed=seed, forwards=100)
        assert shares.values.sum() == pytest.approx(shares.output - shares.median_output, abs=1e-4)
        assert np.ptp(shares.values) > 0.0


def test_parts_that_only_act_together_share_what_they_do(make_bundle, window):
    shares = compute_shapley(_and_bundle(make_bundle), window, seed=3)
    effect = shares.output - shares.median_output
    assert abs(effect) > 0.01
    # A random order and its reverse: in one of them the first part comes last, in one the second.
    np.testing.assert_allclose(shares.values[0, 0, -1], effect / 2, atol=1e-5)
    np.testing.assert_allclose(shares.values[1, 1, -1], effect / 2, atol=1e-5)


def _game(count: int, worth: Callable[[np.ndarray], np.ndarray]) -> FeatureGroups:
    """A game of `count` parts in which a coalition, float64 [n, part] of 0 and 1, has a worth."""
    return FeatureGroups(("all",), (), (1, 1, count), lambda shown: worth(shown.astype(np.float64)))


def test_one_pair_is_exact_on_thirty_two_parts_of_which_two_act_together():
    generator = np.random.default_rng(14)
    alone = generator.normal(size=32)
    together = np.triu(generator.normal(size=(32, 32)), 1)

    def worth(shown: np.ndarray) -> np.ndarray:
        return shown @ alone + np.einsum("ni,ij,nj->n", shown, together, shown)

    # Two who act together share it in halves.
    exact = alone + (together.sum(axis=0) + together.sum(axis=1)) / 2.0
    (values,) = compute_by_pair(_game(32, worth), 1, seed=3)
    assert np.abs(values - exact).max() < 1e-15 * 32 * np.abs(worth(np.ones((1, 32))))[0]


def test_many_pairs_are_exact_on_a_small_game_of_all_interactions():
    """Three parts have six orders, of which three pairs are all that there are."""
    worths = np.random.default_rng(14).normal(size=8)
    worths[0] = 0.0

    def worth(shown: np.ndarray) -> np.ndarray:
        return worths[(shown @ [1, 2, 4]).astype(int)]

    exact = np.zeros(3)
    for order in permutations(range(3)):
        shown = np.zeros((1, 3))
        for part in order:
            before = worth(shown)[0]
            shown[0, part] = 1.0
            exact[part] += (worth(shown)[0] - before) / 6.0
    by_pair = compute_by_pair(_game(3, worth), 200, seed=3)
    # Pairs that draw the same orders give the same values: the mean over the three is exact.
    np.testing.assert_allclose(np.unique(by_pair.round(12), axis=0).mean(axis=0), exact, atol=1e-12)


def test_the_worlds_random_numbers_go_on_as_if_nothing_were_explained(linear_bundle, window):
    np.random.seed(7)
    expected = np.random.random(3).tolist()
    np.random.seed(7)
    compute_shapley(linear_bundle(_weights()), window, seed=1)
    assert np.random.random(3).tolist() == expected


def test_sampled_values_come_near_to_those_of_all_coalitions(inception_bundle, window):
    bundle = inception_bundle(4)
    parts = find_feature_groups(bundle, window, block_sessions=16)
    count = parts.count
    assert count == 10
    numbers = np.arange(2**count)
    shown = (numbers[:, np.newaxis] >> np.arange(count) & 1).astype(bool)
    logits = parts.read(shown)
    sizes = shown.sum(axis=1)
    exact = np.empty(count)
    for part in range(count):
        without = numbers[~shown[:, part]]
        # The chance that exactly these parts come before this one in a random order.
        chance = [1.0 / (count * comb(count - 1, int(size))) for size in sizes[without]]
        exact[part] = np.dot(chance, logits[without | 1 << part] - logits[without])
    shares = compute_shapley(bundle, window, seed=1, forwards=1500, block_sessions=16)
    assert exact.sum() == pytest.approx(shares.output - shares.median_output, abs=1e-4)
    away = np.abs(shares.values.reshape(-1) - exact).max()
    assert away < 4.0 * shares.figures["standard_error_max"] < 0.5 * np.abs(exact).max()


@pytest.mark.parametrize("compute", [compute_shapley, compute_surrogate])
def test_the_same_seed_gives_the_same_shares_and_another_others(compute, inception_bundle, window):
    bundle = inception_bundle(4)
    first, again, other = (compute(bundle, window, seed=seed) for seed in (1, 1, 2))
    assert first.to_dict() == again.to_dict()
    assert first.to_dict() != other.to_dict()


def test_the_network_reads_no_more_images_than_it_was_given(inception_bundle, window):
    bundle = inception_bundle(4)
    read: list[int] = []
    counting = replace(bundle)
    object.__setattr__(
        counting,
        "compute_logits",
        lambda images, batch_size: read.append(len(images)) or bundle.compute_logits(images),
    )
    shares = compute_shapley(counting, window, seed=1, forwards=400)
    assert 300 < sum(read) <= 402
    assert shares.figures["images"] == sum(read)
    least = compute_shapley(bundle, window, seed=1, forwards=2)
    assert least.figures["orders"] == 2
    assert "standard_error_max" not in least.figures


def test_a_surrogate_says_how_well_it_imitates(make_bundle, linear_bundle, window):
    straight = compute_surrogate(linear_bundle(_weights()), window, seed=1)
    bent = compute_surrogate(_and_bundle(make_bundle), window, seed=1)
    assert straight.figures["r2"] > 0.99
    assert bent.figures["r2"] < 0.9
    intercept = straight.figures["intercept"]
    assert intercept + straight.values.sum() == pytest.approx(straight.output, abs=0.05)


def test_a_network_that_reads_nothing_is_attributed_to_nothing(linear_bundle, window):
    bundle = linear_bundle(np.zeros(SHAPE))
    for compute in (compute_shapley, compute_surrogate):
        assert not compute(bundle, window, seed=1).values.any()


def test_shares_come_back_from_json(inception_bundle, window):
    shares = compute_shapley(inception_bundle(4), window, seed=1, forwards=50)
    stored = json.dumps(shares.to_dict(), allow_nan=False)
    assert json.dumps(Shares.from_dict(json.loads(stored)).to_dict()) == stored


def test_too_small_a_sample_is_refused(linear_bundle, window):
    with pytest.raises(ValueError, match="samples: 3, allowed are whole numbers from 8"):
        compute_surrogate(linear_bundle(_weights()), window, seed=1, samples=3)
    with pytest.raises(ValueError, match="block_sessions: 0"):
        compute_shapley(linear_bundle(_weights()), window, seed=1, block_sessions=0)
