"""Calibration: skill is passed on, the lack of it ends at the base rate."""

from __future__ import annotations

import numpy as np
import pytest

from factorprism.targets.direction import compute_log_losses, fit_platt, to_probability


def apply(calibration: dict[str, float], logits: np.ndarray) -> np.ndarray:
    return to_probability(calibration["slope"] * logits + calibration["intercept"])


def draw(strength: float, n_samples: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    logits = generator.normal(1.0, 5.0, n_samples)
    chance = 1.0 / (1.0 + np.exp(-strength * (logits - 1.0) / 5.0))
    return logits, (generator.random(n_samples) < chance).astype(np.float64)


@pytest.mark.parametrize("strength", [-3.0, 0.0, 0.5, 3.0])
@pytest.mark.parametrize("seed", range(5))
def test_the_slice_is_forecast_no_worse_than_by_the_base_rate(strength: float, seed: int) -> None:
    logits, labels = draw(strength, seed=seed)
    calibration = fit_platt(logits, labels, 0.55, horizon=14)

    calibrated = compute_log_losses(labels, apply(calibration, logits)).mean()
    base = compute_log_losses(labels, np.full(len(labels), 0.55)).mean()
    raw = compute_log_losses(labels, 1.0 / (1.0 + np.exp(-logits))).mean()
    assert calibrated <= base + 1e-9
    # A well-calibrated strong network would lose by the prior; no market has one.
    assert calibrated < raw or strength == 3.0


def test_skill_on_the_slice_keeps_a_slope() -> None:
    logits, labels = draw(2.0)
    forecasts = apply(fit_platt(logits, labels, 0.5, horizon=14), logits)

    assert forecasts[logits > 6].mean() > 0.55
    assert forecasts[logits < -4].mean() < 0.45


def test_a_network_that_is_wrong_gets_no_say() -> None:
    logits, labels = draw(-3.0)
    calibration = fit_platt(logits, labels, 0.5, horizon=14)

    assert calibration["slope"] == 0.0
    assert np.ptp(apply(calibration, logits)) == 0.0


def test_without_skill_forecasts_stay_close_to_the_base_rate() -> None:
    distances = []
    for seed in range(20):
        logits, labels = draw(0.0, 250, seed)
        forecasts = apply(fit_platt(logits, labels, 0.5, horizon=14), logits)
        distances.append(np.abs(forecasts - 0.5).mean())

    assert np.mean(distances) < 0.02


def test_overlapping_labels_count_less() -> None:
    logits, labels = draw(1.0)

    slopes = [fit_platt(logits, labels, 0.5, horizon)["slope"] for horizon in (1, 14, 100)]
    assert slopes[0] > slopes[1] > slopes[2] > 0.0


def test_a_constant_logit_gives_the_base_rate() -> None:
    labels = np.array([0.0, 1, 1, 1])

    calibration = fit_platt(np.full(4, 3.3), labels, 0.6, horizon=2)
    assert np.allclose(apply(calibration, np.array([-9.0, 9.0])), 0.6)


def test_an_impossible_base_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="base_rate"):
        fit_platt(np.ones(3), np.ones(3), 1.0, 14)
