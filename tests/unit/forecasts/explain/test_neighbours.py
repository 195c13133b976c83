"""Neighbours: nothing from the future, nothing from the same days, and honest alarms."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from itertools import pairwise

import numpy as np
import pytest

from factorprism.forecasts import encode_window
from factorprism.forecasts.explain import build_neighbour_index, embed_windows
from factorprism.market.panels import ImageSet

LOOKBACK, HORIZON, N = 6, 4, 900
DAYS = np.datetime64("2015-01-01") + np.arange(N)


def _embed(windows: np.ndarray) -> np.ndarray:
    """Average each factor over the days, and one dimension that never moves."""
    means = windows.mean(axis=1)[:, :, 0].astype(np.float64)
    return np.concatenate([means, np.full((len(means), 1), 3.0)], axis=1)


def _market(seed: int = 0) -> tuple[ImageSet, np.ndarray]:
    rng = np.random.default_rng(seed)
    cube = rng.normal(size=(N, 3, 1)).astype(np.float32)
    closes = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.01, N)))
    return ImageSet(("T.SH",), ("a", "b", "c"), DAYS, cube, LOOKBACK), closes


def _at(place: int) -> date:
    return DAYS[place].astype(object)


def test_nothing_that_follows_as_of_is_read():
    image_set, closes = _market()
    as_of = _at(600)
    index = build_neighbour_index(image_set, closes, HORIZON, as_of, _embed)
    assert index.outcome_ends.max() == DAYS[600]
    image_set.cube[601:], closes[601:] = 99.0, 1e9
    again = build_neighbour_index(image_set, closes, HORIZON, as_of, _embed)
    assert index.points.tobytes() == again.points.tobytes()
    assert index.forward_returns.tobytes() == again.forward_returns.tobytes()
    assert index.threshold == again.threshold


@pytest.mark.parametrize("place", [100, 300, 600, 899])
def test_no_neighbour_has_an_outcome_after_the_session_or_as_of(place):
    image_set, closes = _market()
    index = build_neighbour_index(image_set, closes, HORIZON, _at(600), _embed)
    window = encode_window(image_set, _at(place))
    found = index.find(window)
    assert len(found.neighbours) == 5
    for neighbour in found.neighbours:
        assert neighbour.outcome_end <= min(_at(600), window.session)
        assert neighbour.session < window.sessions[0].astype(object)
        row = int(np.searchsorted(DAYS, np.datetime64(neighbour.session)))
        assert neighbour.outcome_end == _at(row + HORIZON)
        assert neighbour.forward_return == pytest.approx(closes[row + HORIZON] / closes[row] - 1)


def test_an_equal_image_whose_outcome_is_not_known_yet_is_no_neighbour():
    image_set, closes = _market()
    image_set.cube[783:789] = image_set.cube[795:801]
    index = build_neighbour_index(image_set, closes, 14, _at(899), _embed)
    early = index.find(encode_window(image_set, _at(800)))
    assert all(neighbour.outcome_end <= _at(800) for neighbour in early.neighbours)
    assert early.distance > 0.01
    image_set.cube[817:823] = image_set.cube[795:801]
    later = index.find(encode_window(image_set, _at(822)), count=1)
    assert later.neighbours[0].session == _at(788)


def test_an_image_that_shares_days_with_the_sessions_own_is_no_neighbour():
    image_set, closes = _market()
    image_set.cube[790:801] = 0.5
    index = build_neighbour_index(image_set, closes, 1, _at(899), _embed)
    found = index.find(encode_window(image_set, _at(800)))
    assert all(neighbour.session < _at(795) for neighbour in found.neighbours)


def test_an_image_seen_before_is_found_first_and_its_neighbours_do_not_overlap():
    image_set, closes = _market()
    image_set.cube[795:801] = image_set.cube[195:201]
    index = build_neighbour_index(image_set, closes, HORIZON, _at(899), _embed)
    found = index.find(encode_window(image_set, _at(800)))
    assert found.neighbours[0].session == _at(200)
    assert found.distance == pytest.approx(0.0, abs=1e-9)
    distances = [neighbour.distance for neighbour in found.neighbours]
    assert distances == sorted(distances)
    days = sorted(neighbour.session for neighbour in found.neighbours)
    assert min((b - a).days for a, b in pairwise(days)) >= LOOKBACK
    assert json.loads(json.dumps(found.to_dict()))["neighbours"][0]["distance"] == distances[0]


def test_a_distance_of_one_is_one_standard_deviation_in_each_moving_dimension():
    image_set, closes = _market()
    index = build_neighbour_index(image_set, closes, HORIZON, _at(899), _embed)
    window = encode_window(image_set, _at(899))
    nearest = index.find(window, count=1).neighbours[0]
    row = int(np.searchsorted(DAYS, np.datetime64(nearest.session)))
    past = encode_window(image_set, _at(row))
    rows = np.arange(LOOKBACK - 1, N - HORIZON)
    spread = np.array([_embed(image_set.cube[np.newaxis, r - 5 : r + 1])[0] for r in rows]).std(0)
    gap = (_embed(window.values[np.newaxis]) - _embed(past.values[np.newaxis]))[0, :3] / spread[:3]
    assert nearest.distance == pytest.approx(np.sqrt(np.mean(gap**2)), rel=1e-6)


def test_the_alarm_rate_on_images_like_those_of_training_is_near_its_nominal():
    rates = []
    for seed in range(4):
        image_set, closes = _market(seed)
        index = build_neighbour_index(image_set, closes, HORIZON, _at(600), _embed, quantile=0.9)
        later = range(600 + LOOKBACK, N)
        found = [index.find(encode_window(image_set, _at(r)), count=1) for r in later]
        rates.append(np.mean([nearest_neighbours.novel for nearest_neighbours in found]))
    assert 0.05 < np.mean(rates) < 0.16


def test_an_image_unlike_any_seen_is_novel_and_a_common_one_is_not():
    image_set, closes = _market()
    index = build_neighbour_index(image_set, closes, HORIZON, _at(600), _embed)
    window = encode_window(image_set, _at(800))
    far = index.find(replace(window, values=window.values + 5.0))
    assert far.novel
    assert far.distance > far.threshold
    near = index.find(replace(window, values=window.values * 0.0))
    assert not near.novel
    assert near.distance <= near.threshold


def test_incomplete_images_and_unknown_closes_are_no_nearest_neighbours():
    image_set, closes = _market()
    image_set.cube[100, 0, 0] = np.nan
    closes[300] = np.nan
    index = build_neighbour_index(image_set, closes, HORIZON, _at(600), _embed)
    assert not set(range(100, 106)) & set(index.rows.tolist())
    assert not {300, 296} & set(index.rows.tolist())
    assert index.rows.max() == 600 - HORIZON


def test_what_cannot_be_compared_is_refused():
    image_set, closes = _market()
    with pytest.raises(ValueError, match="too few"):
        build_neighbour_index(image_set, closes, HORIZON, _at(12), _embed)
    with pytest.raises(ValueError, match="closes"):
        build_neighbour_index(image_set, closes[1:], HORIZON, _at(50), _embed)
    with pytest.raises(ValueError, match="quantile"):
        build_neighbour_index(image_set, closes, HORIZON, _at(50), _embed, quantile=1.0)
    index = build_neighbour_index(image_set, closes, HORIZON, _at(600), _embed)
    with pytest.raises(ValueError, match="no image of the index"):
        index.find(encode_window(image_set, _at(8)))
    window = encode_window(image_set, _at(700))
    with pytest.raises(ValueError, match="missing"):
        index.find(replace(window, values=window.values * np.nan))
    with pytest.raises(ValueError, match="count"):
        index.find(window, count=0)


def test_a_network_that_tells_no_images_apart_calls_none_novel():
    image_set, closes = _market()
    index = build_neighbour_index(
        image_set, closes, HORIZON, _at(600), lambda windows: np.zeros((len(windows), 4))
    )
    found = index.find(encode_window(image_set, _at(800)))
    assert (found.novel, found.distance, found.threshold) == (False, 0.0, 0.0)


def test_a_bundle_embeds_windows_at_what_its_logit_sums(inception_bundle, image_set, window):
    bundle = inception_bundle(2)
    points = embed_windows(bundle)(window.values[np.newaxis])
    weights, bias = bundle.network.get_layer("logit").get_weights()
    logit = points @ weights + bias
    np.testing.assert_allclose(
        logit[0, 0], bundle.compute_logits(window.values[np.newaxis])[0], rtol=1e-4, atol=1e-6
    )
    closes = np.linspace(100.0, 120.0, 60)
    as_of = image_set.sessions[-1].astype(object)
    built = [
        build_neighbour_index(image_set, closes, HORIZON, as_of, embed_windows(bundle))
        for _ in range(2)
    ]
    assert built[0].find(window) == built[1].find(window)
    assert all(neighbour.forward_return > 0 for neighbour in built[0].find(window).neighbours)
