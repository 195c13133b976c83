"""Reliability and training figures: they draw what they are given and refuse what they cannot."""

from __future__ import annotations

import numpy as np
import pytest

from _directions import hold_probabilities
from factorprism.figures import render_reliability, render_training
from factorprism.figures._reliability import _limits
from factorprism.learning.samples import HeldOut

HISTORY = [{"loss": 0.70 - i / 100, "val_loss": 0.69 + (i - 3) ** 2 / 1000} for i in range(8)]


def judge(prob, up=None) -> HeldOut:
    """Return forecasts of neighbouring sessions; all of them rose where `up` is not given."""
    prob = np.asarray(prob, dtype=np.float64)
    labels = np.ones(len(prob), dtype=np.int8) if up is None else up.astype(np.int8)
    return hold_probabilities(labels, prob, 0.5)


def test_a_reliability_diagram_is_the_same_bytes_again(tmp_path):
    rng = np.random.default_rng(14)
    prob = np.clip(rng.normal(0.53, 0.06, 300), 0, 1)
    up = rng.random(300) < prob

    def draw(name, up):
        path = tmp_path / f"{name}.png"
        return render_reliability(judge(prob, up), "p_up", 14, title="x", path=path).read_bytes()

    drawn = draw("a", up)
    assert draw("b", up) == drawn
    assert draw("c", ~up) != drawn


@pytest.mark.parametrize("prob", [[0.0, 1.0, 1.0], [0.5], [0.0], [1.0, 1.0], [0.0, 1.0] * 20])
def test_probabilities_at_the_ends_and_single_forecasts_can_be_drawn(prob, tmp_path):
    path = render_reliability(judge(prob), "p_up", 14, title="x", path=tmp_path / "a.png")
    assert path.stat().st_size > 0


@pytest.mark.parametrize("prob", [[], [1.2], [float("nan")]])
def test_what_is_no_set_of_forecasts_is_refused(prob, tmp_path):
    with pytest.raises(ValueError, match="p_up"):
        render_reliability(judge(prob), "p_up", 14, title="x", path=tmp_path / "a.png")


@pytest.mark.parametrize("values", [[0.5], [0.0, 0.02], [0.97, 1.0], [0.05, 0.95], [0.41, 0.58]])
def test_the_limits_hold_all_forecasts_and_at_least_two_tenths(values):
    lower, upper = _limits(np.array(values))
    assert 0.0 <= lower <= min(values)
    assert max(values) <= upper <= 1.0
    assert upper - lower >= 0.2 - 1e-9


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
