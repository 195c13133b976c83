"""Reliability and training figures: they draw what they are given and refuse what they cannot."""

from __future__ import annotations

import numpy as np
import pytest

from factorprism.figures import render_reliability, render_training
from factorprism.figures._reliability import _limits, _wilson

HISTORY = [{"loss": 0.70 - i / 100, "val_loss": 0.69 + (i - 3) ** 2 / 1000} for i in range(8)]


@pytest.fixture
def forecasts():
    rng = np.random.default_rng(14)
    prob = np.clip(rng.normal(0.53, 0.06, 300), 0, 1)
    return prob, rng.random(300) < prob


def test_a_reliability_diagram_is_the_same_bytes_again(forecasts, tmp_path):
    drawn = [
        render_reliability(*forecasts, title="x", path=tmp_path / f"{name}.png").read_bytes()
        for name in "ab"
    ]
    assert drawn[0] == drawn[1]
    prob, up = forecasts
    other = render_reliability(prob, ~up, title="x", path=tmp_path / "c.png")
    assert other.read_bytes() != drawn[0]


@pytest.mark.parametrize("prob", [[0.0, 1.0, 1.0], [0.5], [0.0], [1.0, 1.0]])
def test_probabilities_at_the_ends_and_single_forecasts_can_be_drawn(prob, tmp_path):
    path = render_reliability(prob, [True] * len(prob), title="x", path=tmp_path / "a.png")
    assert path.stat().st_size > 0


@pytest.mark.parametrize(
    ("prob", "up"), [([], []), ([0.5, 0.6], [True]), ([1.2], [True]), ([float("nan")], [False])]
)
def test_what_is_no_set_of_forecasts_is_refused(prob, up, tmp_path):
    with pytest.raises(ValueError, match="y_prob"):
        render_reliability(prob, up, title="x", path=tmp_path / "a.png")


def test_the_interval_is_wilsons():
    # Newcombe 1998, Statistics in Medicine 17, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    shares = np.array([81 / 263, 15 / 148, 0 / 20, 1 / 29])
    lower, upper = _wilson(shares, np.array([263, 148, 20, 29]))
    np.testing.assert_allclose(lower, [0.2553, 0.0624, 0.0, 0.0061], atol=5e-5)
    np.testing.assert_allclose(upper, [0.3662, 0.1605, 0.1611, 0.1718], atol=5e-5)


@pytest.mark.parametrize("values", [[0.5], [0.0, 0.02], [0.97, 1.0], [0.05, 0.95], [0.41, 0.58]])
def test_the_limits_hold_all_forecasts_and_at_least_four_tenths(values):
    lower, upper = _limits(np.array(values))
    assert 0.0 <= lower <= min(values)
    assert max(values) <= upper <= 1.0
    assert upper - lower >= 0.4 - 1e-9


def test_training_curves_are_drawn_with_gaps_and_a_reference(tmp_path):
    path = tmp_path / "a.png"
    drawn = render_training(HISTORY, title="x", path=path).read_bytes()
    assert render_training(HISTORY, title="x", path=path).read_bytes() == drawn
    marked = render_training(HISTORY, title="x", path=path, reference=0.69).read_bytes()
    assert marked != drawn
    gaps = [*HISTORY, {"loss": 0.6}]
    assert render_training(gaps, title="x", path=path).read_bytes() != drawn


def test_a_training_of_one_epoch_without_validation_can_be_drawn(tmp_path):
    path = render_training([{"epoch": 0, "loss": 0.7}], title="x", path=tmp_path / "a.png")
    assert path.stat().st_size > 0


@pytest.mark.parametrize("history", [[], [{}], [{"epoch": 1.0}]])
def test_a_history_without_figures_is_refused(history, tmp_path):
    with pytest.raises(ValueError, match="history"):
        render_training(history, title="x", path=tmp_path / "a.png")
