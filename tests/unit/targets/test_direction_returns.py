"""Return estimates worked by hand, and their figures against scikit-learn and scipy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as peer

from factorprism.evaluation.skill import evaluate
from factorprism.learning import TrainingSet
from factorprism.learning.recipe import hold_out
from factorprism.targets import DIRECTION
from factorprism.targets.direction import (
    CLASS_METRICS,
    RETURN_METRICS,
    compute_return_metrics,
    estimate_returns,
    fit_return_scale,
)
from factorprism.targets.weighted import draw_once

ONE = np.zeros(300)  # fold


def measure(*columns: np.ndarray) -> dict[str, float]:
    """Return the figures of probabilities, returns, estimates, base estimates and folds."""
    (values,) = compute_return_metrics(*columns, draw_once(len(columns[0])))
    return dict(zip(RETURN_METRICS, values.tolist(), strict=True))


def test_the_estimate_lies_between_the_mean_rise_and_the_mean_fall() -> None:
    scale = fit_return_scale(np.array([0.04, np.nan, -0.03, 0.02, 0.0]))

    assert scale == {"return_up": pytest.approx(0.03), "return_down": pytest.approx(-0.015)}
    estimate = estimate_returns(scale, np.array([0.0, 0.5, 0.6, 1.0]))["return_estimate"]
    np.testing.assert_allclose(estimate, [-0.015, 0.0075, 0.012, 0.03])
    assert fit_return_scale(np.array([0.01])) == {"return_up": 0.01, "return_down": 0.0}
    assert estimate_returns({"base_rate": 0.5}, np.array([0.5])) == {}


def test_figures_equal_scikit_learn_and_scipy() -> None:
    generator = np.random.default_rng(0)
    forward = generator.normal(0.01, 0.05, 300)
    y_prob = np.round(np.clip(0.5 + forward + generator.normal(0, 0.1, 300), 0.01, 0.99), 2)
    estimate = 0.1 * (y_prob - 0.5)
    base = np.full(300, 0.004)
    figures = measure(y_prob, forward, estimate, base, ONE)

    assert figures["mae"] == pytest.approx(peer.mean_absolute_error(forward, estimate))
    assert figures["mse"] == pytest.approx(peer.mean_squared_error(forward, estimate))
    assert figures["rmse"] == pytest.approx(peer.root_mean_squared_error(forward, estimate))
    assert figures["r2"] == pytest.approx(peer.r2_score(forward, estimate))
    over_base = 1 - ((estimate - forward) ** 2).sum() / ((0.004 - forward) ** 2).sum()
    assert figures["r2_skill"] == pytest.approx(over_base)
    rank_correlation = stats.spearmanr(y_prob, forward).statistic
    assert figures["information_coefficient"] == pytest.approx(rank_correlation)


def test_the_information_coefficient_ranks_within_a_fold_and_a_constant_orders_nothing() -> None:
    forward = np.array([0.01, 0.02, 0.03, -0.03, -0.02, -0.01])
    folds = np.repeat([0.01, -0.01], 3)
    # In order within each fold, although the folds' levels stand the other way round.
    y_prob = np.array([0.1, 0.2, 0.3, 0.7, 0.8, 0.9])
    coefficient = measure(y_prob, forward, folds, folds, folds)
    assert coefficient["information_coefficient"] == pytest.approx(1.0)

    levels = np.repeat([0.3, 0.7], 3)
    constant = measure(levels, forward, folds, folds, folds)
    assert constant["information_coefficient"] == 0.0
    flat = measure(y_prob, np.zeros(6), folds, np.zeros(6), folds)
    assert np.isnan(flat["r2"])
    assert np.isnan(flat["r2_skill"])


def test_evaluations_hold_the_figures_of_the_returns_beside_the_base_rates(
    make_training_set: Callable[..., TrainingSet],
) -> None:
    training_set = make_training_set(600)
    rows = training_set.samples[-200:]
    knowing = np.where(training_set.labels[rows] == 1, 1.0, -1.0)[:, np.newaxis]
    bases = DIRECTION.fit_bases(training_set.known, training_set.samples[:200])
    held_out = hold_out(training_set, rows, knowing, DIRECTION.identity, bases)
    found = {
        item.metric: item
        for item in evaluate(held_out, training_set, model_id="m", kind="walk_forward", seed=0)
    }

    assert set(found) == {*CLASS_METRICS, *RETURN_METRICS, "independent_windows"}
    assert found["information_coefficient"].lower > 0.5
    assert found["information_coefficient"].reference == 0.0
    assert found["r2_skill"].lower > 0.0
    assert found["mae"].value < found["mae"].reference
    assert all(item.lower <= item.value <= item.upper for item in found.values())


def test_the_held_out_part_carries_what_came_and_what_the_fold_expected(
    make_training_set: Callable[..., TrainingSet],
) -> None:
    training_set = make_training_set(300)
    rows = training_set.samples[-3:]
    bases = {"base_rate": 0.5, "return_up": 0.04, "return_down": -0.04}
    logits = np.full((3, 1), np.log(3.0))
    held_out = hold_out(training_set, rows, logits, DIRECTION.identity, bases)

    closes = training_set.closes
    came = closes[rows + training_set.horizon] / closes[rows] - 1.0
    np.testing.assert_array_equal(held_out.outcomes["forward_return"], came)
    np.testing.assert_allclose(held_out.values["return_estimate"], 0.02)
    np.testing.assert_allclose(held_out.reference["return_estimate"], 0.0, atol=1e-15)
    assert (held_out.folds == np.datetime64(training_set.session_at(int(rows[0])))).all()
