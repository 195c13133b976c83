"""Reliability and training pictures: they draw what they are given and refuse what they cannot."""

from __future__ import annotations

import numpy as np
import pytest

from factorprism.reports import render_reliability, render_training
from factorprism.reports._reliability import _limits

HISTORY = [{"loss": 0.70 - i / 100, "val_loss": 0.69 + (i - 3) ** 2 / 1000} for i in range(8)]


def draw_reliability(path, prob, up=None) -> bytes:
    """Draw forecasts of neighbouring sessions; all of them rose where `up` is not given."""
    prob = np.asarray(prob, dtype=np.float64)
    up = np.ones(len(prob), dtype=bool) if up is None else up
    return render_reliability(np.arange(len(prob)), prob, up, 14, title="x", path=path).read_bytes()


def test_a_reliability_diagram_is_the_same_bytes_again(tmp_path):
    rng = np.random.default_rng(14)
    prob = np.clip(rng.normal(0.53, 0.06, 300), 0, 1)
    up = rng.random(300) < prob

    drawn = draw_reliability(tmp_path / "a.png", prob, up)
    assert draw_reliability(tmp_path / "b.png", prob, up) == drawn
    assert draw_reliability(tmp_path / "c.png", prob, ~up) != drawn


@pytest.mark.parametrize("prob", [[0.0, 1.0, 1.0], [0.5], [0.0], [1.0, 1.0], [0.0, 1.0] * 20])
def test_probabilities_at_the_ends_and_single_forecasts_can_be_drawn(prob, tmp_path):
    assert draw_reliability(tmp_path / "a.png", prob)


@pytest.mark.parametrize("prob", [[], [1.2], [float("nan")]])
def test_what_is_no_set_of_forecasts_is_refused(prob, tmp_path):
    with pytest.raises(ValueError, match="y_prob"):
        draw_reliability(tmp_path / "a.png", prob)


@pytest.mark.parametrize("values", [[0.5], [0.0, 0.02], [0.97, 1.0], [0.05, 0.95], [0.41, 0.58]])
def test_the_limits_hold_all_forecasts_and_at_least_two_tenths(values):
    lower, upper = _limits(np.array(values))
    assert 0.0 <= lower <= min(values)
    assert max(values) <= upper <= 1.0
    assert upper - lower >= 0.2 - 1e-9


def test_training_curves_are_drawn_with_gaps(tmp_path):
    path = tmp_path / "a.png"
    drawn = render_training(HISTORY, title="x", path=path).read_bytes()
    assert render_training(HISTORY, title="x", path=path).read_bytes() == drawn
    gaps = [*HISTORY, {"loss": 0.6}]
    assert render_training(gaps, title="x", path=path).read_bytes() != drawn


def test_a_training_of_one_epoch_without_validation_can_be_drawn(tmp_path):
    path = render_training([{"epoch": 0, "loss": 0.7}], title="x", path=tmp_path / "a.png")
    assert path.stat().st_size > 0


@pytest.mark.parametrize("history", [[], [{}], [{"epoch": 1.0}]])
def test_a_history_without_figures_is_refused(history, tmp_path):
    with pytest.raises(ValueError, match="history"):
        render_training(history, title="x", path=tmp_path / "a.png")
