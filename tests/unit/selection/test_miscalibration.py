"""Miscalibration: nothing where probabilities are right, its cost where not, few false alarms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from factorprism.selection import pairing
from factorprism.targets import DIRECTION
from factorprism.targets.direction import compute_log_losses, compute_miscalibration
from held_out_directions import hold_probabilities

HORIZON = 14
TOLERANCE = 0.01
Column = np.ndarray


def make_labels(*shares: tuple[float, int]) -> tuple[Column, Column]:
    """Return labels and forecasts: groups of `count` sessions, of which `share` rose."""
    labels = [np.arange(count) < share * count for share, count in shares]
    forecasts = [np.full(count, share) for share, count in shares]
    return np.concatenate(labels).astype(np.float64), np.concatenate(forecasts)


def make_world(seed: int, n_sessions: int, strength: float) -> tuple[Column, Column]:
    """Return a persistent signal and labels of overlapping horizons that it foretells a little."""
    generator = np.random.default_rng(seed)
    signal = np.zeros(n_sessions + 200)
    for session in range(1, len(signal)):
        signal[session] = 0.95 * signal[session - 1] + 0.31 * generator.normal()
    signal = signal[200:]
    daily = generator.normal(size=n_sessions + HORIZON) / np.sqrt(HORIZON)
    ahead = np.convolve(daily, np.ones(HORIZON), "valid")[1 : n_sessions + 1]
    return signal, (strength * signal + ahead > 0.0).astype(np.float64)


def compare_miscalibration(
    labels: Column, champion: Column, candidate: Column, *, block: int, seed: int
) -> tuple[float, float, float]:
    held, new = (hold_probabilities(labels, p_up, 0.5) for p_up in (champion, candidate))
    return pairing.compare_miscalibration(DIRECTION, held, new, block=block, seed=seed)


def test_probabilities_that_are_right_cost_nothing() -> None:
    labels, y_prob = make_labels((0.25, 40), (0.5, 40), (0.75, 40))
    assert compute_miscalibration(labels, y_prob) == pytest.approx(0.0, abs=1e-6)


def test_a_level_that_is_off_costs_its_share_of_the_log_loss() -> None:
    labels, y_prob = make_labels((0.5, 100))
    off = np.full_like(y_prob, 0.57)
    expected = compute_log_losses(labels, off).mean() - np.log(2.0)
    assert compute_miscalibration(labels, off) == pytest.approx(expected)
    assert expected == pytest.approx(TOLERANCE, abs=3e-4)  # what the rule allows


def test_odds_that_are_too_bold_cost_what_a_recalibration_would_save() -> None:
    labels, y_prob = make_labels((0.25, 80), (0.75, 80))
    odds = np.log(y_prob / (1.0 - y_prob))
    bold = 1.0 / (1.0 + np.exp(-3.0 * odds))
    saved = compute_log_losses(labels, bold).mean() - compute_log_losses(labels, y_prob).mean()
    assert compute_miscalibration(labels, bold) == pytest.approx(saved, abs=1e-6)


def test_forecasts_the_wrong_way_round_are_worth_their_level_alone() -> None:
    labels, y_prob = make_labels((0.25, 80), (0.75, 80))
    turned = 1.0 - y_prob
    saved = compute_log_losses(labels, turned).mean() - np.log(2.0)
    assert compute_miscalibration(labels, turned) == pytest.approx(saved)


@pytest.mark.parametrize("labels", [np.zeros(30, np.float64), np.ones(30, np.float64)])
def test_labels_that_are_all_alike_are_no_obstacle(labels: Column) -> None:
    y_prob = np.linspace(0.4, 0.6, 30)
    expected = compute_log_losses(labels, y_prob).mean()
    assert compute_miscalibration(labels, y_prob) == pytest.approx(expected)


def test_labels_that_are_distinguished_are_no_obstacle() -> None:
    y_prob = np.linspace(0.4, 0.6, 30)
    labels = (y_prob > 0.5).astype(np.float64)
    found = compute_miscalibration(labels, y_prob)
    assert found == pytest.approx(compute_log_losses(labels, y_prob).mean(), abs=0.05)


def test_noise_alone_is_seldom_held_against_a_bolder_forecast() -> None:
    """Both are right; an in-sample fit finds fault with the one that varies, in all worlds."""
    alarms, faults = 0, 0
    for seed in range(14):
        signal, labels = make_world(seed, 250, 0.5)
        bold, level = norm.cdf(0.5 * signal), np.full(len(labels), 0.5)
        _, lower, _ = compare_miscalibration(labels, level, bold, block=28, seed=seed)
        alarms += lower > TOLERANCE
        faults += compute_miscalibration(labels, bold) > TOLERANCE
    assert faults >= 7
    assert alarms <= 2


def test_overconfidence_is_seen_once_there_are_sessions_enough() -> None:
    caught = 0
    for seed in range(5):
        signal, labels = make_world(seed, 870, 0.5)
        right, bold = norm.cdf(0.5 * signal), norm.cdf(1.5 * signal)
        excess, lower, upper = compare_miscalibration(labels, right, bold, block=28, seed=seed)
        assert lower < excess < upper
        caught += lower > TOLERANCE
    assert caught >= 3


def test_a_forecast_is_not_worse_than_itself() -> None:
    signal, labels = make_world(0, 120, 0.5)
    y_prob = norm.cdf(signal)
    assert compare_miscalibration(labels, y_prob, y_prob, block=28, seed=0) == (0.0, 0.0, 0.0)
