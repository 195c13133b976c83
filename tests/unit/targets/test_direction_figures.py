"""The figures of probabilities: worked by hand, against scikit-learn, and within a fold."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as peer

from factorprism.evaluation.resampling import draw_weights, find_interval
from factorprism.learning.samples import pool_held_out
from factorprism.targets.direction import CLASS_METRICS, compute_class_metrics
from factorprism.targets.weighted import draw_once
from held_out_directions import hold_probabilities

LABELS = np.array([1, 0, 1, 1], np.float64)
Y_PROB = np.array([0.8, 0.3, 0.4, 0.6])
BASE = np.full(4, 0.5)
ONE = np.zeros(4)  # fold


def name(values: np.ndarray) -> dict[str, float]:
    return dict(zip(CLASS_METRICS, values.tolist(), strict=True))


def measure(*columns: np.ndarray) -> dict[str, float]:
    """Return the figures of labels, forecasts, base rates and folds."""
    (values,) = compute_class_metrics(*columns, draw_once(len(columns[0])))
    return name(values)


def draw(n_samples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, n_samples).astype(np.float64)
    return labels, np.round(generator.uniform(0.2, 0.9, n_samples), 2)


def test_figures_equal_those_worked_by_hand() -> None:
    figures = measure(LABELS, Y_PROB, BASE, ONE)

    log_loss = -(np.log(0.8) + np.log(0.7) + np.log(0.4) + np.log(0.6)) / 4
    assert figures["log_loss"] == pytest.approx(log_loss)
    assert figures["log_loss_gain"] == pytest.approx(np.log(2) - log_loss)
    assert figures["brier"] == pytest.approx((0.04 + 0.09 + 0.36 + 0.16) / 4)
    assert figures["brier_skill"] == pytest.approx(1 - 0.1625 / 0.25)
    assert figures["accuracy"] == 0.75
    assert figures["balanced_accuracy"] == pytest.approx((2 / 3 + 1) / 2)
    assert figures["auc"] == 1.0
    # Each forecast stands in a bin of its own.
    assert figures["ece"] == pytest.approx((0.2 + 0.3 + 0.6 + 0.4) / 4)


def test_ties_count_half_in_the_auc_and_one_class_has_none() -> None:
    assert measure(LABELS, BASE, BASE, ONE)["auc"] == 0.5
    ones = measure(np.ones(4), Y_PROB, BASE, ONE)
    assert np.isnan(ones["auc"])
    assert np.isnan(ones["balanced_accuracy"])


def test_a_certain_miss_is_a_finite_loss() -> None:
    certain = np.array([1.0, 0.0])

    figures = measure(np.array([0.0, 1.0]), certain, BASE[:2], ONE[:2])
    assert figures["log_loss"] == pytest.approx(-np.log(1e-7))


def test_calls_equal_scikit_learn() -> None:
    labels, y_prob = draw(400, seed=1)
    calls = y_prob > 0.5
    figures = measure(labels, y_prob, np.full(400, 0.55), np.zeros(400))

    assert figures["precision"] == pytest.approx(peer.precision_score(labels, calls))
    assert figures["recall"] == pytest.approx(peer.recall_score(labels, calls))
    assert figures["f1"] == pytest.approx(peer.f1_score(labels, calls))
    assert figures["accuracy"] == pytest.approx(peer.accuracy_score(labels, calls))
    assert figures["balanced_accuracy"] == pytest.approx(
        peer.balanced_accuracy_score(labels, calls)
    )
    assert figures["auc"] == pytest.approx(peer.roc_auc_score(labels, y_prob))
    assert figures["log_loss"] == pytest.approx(peer.log_loss(labels, y_prob))
    assert figures["brier"] == pytest.approx(peer.brier_score_loss(labels, y_prob))
    expected = peer.confusion_matrix(labels, calls)
    cells = [figures[cell] for cell in ("true_down", "false_up", "false_down", "true_up")]
    np.testing.assert_allclose(cells, expected.ravel() / 400)


def test_without_a_call_of_a_rise_precision_is_zero_and_has_an_interval() -> None:
    labels, _ = draw(60, seed=2)
    never = np.full(60, 0.4)
    figures = measure(labels, never, never, np.zeros(60))

    assert (figures["precision"], figures["recall"], figures["f1"]) == (0.0, 0.0, 0.0)
    assert (figures["true_up"], figures["false_up"]) == (0.0, 0.0)


def test_a_figure_that_no_resample_has_gets_no_interval_and_no_warning() -> None:
    rises = np.ones(60)
    y_prob = np.linspace(0.4, 0.6, 60)
    weights = draw_weights(60, block=10, seed=0)
    lower, upper = find_interval(
        compute_class_metrics(rises, y_prob, np.full(60, 0.5), np.zeros(60), weights)
    )
    assert np.isnan(name(lower)["auc"])
    assert np.isnan(name(upper)["fold_auc"])
    assert name(upper)["log_loss"] > name(lower)["log_loss"]


def test_the_fold_auc_compares_only_sessions_of_one_fold() -> None:
    labels = np.array([1.0, 0, 1, 0, 0, 1, 1])
    folds = np.array([0, 0, 0, 1, 1, 1, 1])
    base = np.array([0.6, 0.6, 0.6, 0.4, 0.4, 0.4, 0.4])
    # First fold: of two pairs one is in order. Second fold: of four pairs all are.
    y_prob = np.array([0.7, 0.5, 0.4, 0.1, 0.2, 0.3, 0.35])
    figures = measure(labels, y_prob, base, folds)
    assert figures["fold_auc"] == pytest.approx(5 / 6)
    # Folds are distinguished by their names, although a base rate may come again.
    alike = measure(labels, y_prob, np.full(7, 0.5), folds)
    assert alike["fold_auc"] == figures["fold_auc"]

    # Levels that stand against what came: the pooled AUC blames them, the fold's does not.
    against = measure(labels, base, base, folds)
    assert against["auc"] != 0.5
    assert against["fold_auc"] == 0.5


def test_pooling_keeps_the_returns_only_where_all_parts_have_them() -> None:
    labels, y_prob = draw(5, seed=3)
    returns = {
        "forward": np.arange(5.0),
        "estimate": np.arange(5.0) + 10.0,
        "base": np.arange(5.0) + 20.0,
    }
    part = hold_probabilities(labels, y_prob, y_prob, returns=returns)
    bare = hold_probabilities(labels, y_prob, y_prob, rows=np.arange(5, 10))

    whole = pool_held_out([part, part])
    assert whole.values["return_estimate"].tolist() == [*range(10, 15), *range(10, 15)]
    assert whole.reference["return_estimate"][-1] == 24.0
    mixed = pool_held_out([part, bare])
    assert set(mixed.values) == set(mixed.reference) == {"p_up"}
    assert mixed.rows.tolist() == list(range(10))
