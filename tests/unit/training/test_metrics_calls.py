"""Calls of a rise and a fall against scikit-learn, and figures that compare within a fold."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as peer

from factorprism.training.metrics import (
    METRICS,
    HeldOut,
    bootstrap_interval,
    compute_metrics,
    count_confusion,
    pool_held_out,
)
from factorprism.training.returns import HeldOutReturns


def named(values: np.ndarray) -> dict[str, float]:
    return dict(zip(METRICS, values.tolist(), strict=True))


def draw(n_samples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, n_samples).astype(np.int8)
    return labels, np.round(generator.uniform(0.2, 0.9, n_samples), 2)


def test_calls_equal_scikit_learn() -> None:
    labels, y_prob = draw(400, seed=1)
    calls = y_prob > 0.5
    figures = named(compute_metrics(labels, y_prob, np.full(400, 0.55)))

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
    assert count_confusion(labels, y_prob).tolist() == expected.tolist()
    cells = [figures[cell] for cell in ("true_down", "false_up", "false_down", "true_up")]
    np.testing.assert_allclose(cells, expected.ravel() / 400)


def test_without_a_call_of_a_rise_precision_is_zero_and_has_an_interval() -> None:
    labels, _ = draw(60, seed=2)
    never = np.full(60, 0.4)
    figures = named(compute_metrics(labels, never, never))

    assert (figures["precision"], figures["recall"], figures["f1"]) == (0.0, 0.0, 0.0)
    assert count_confusion(labels, never)[:, 1].tolist() == [0, 0]


def test_a_figure_that_no_resample_has_gets_no_interval_and_no_warning() -> None:
    rises = np.ones(60, np.int8)
    y_prob = np.linspace(0.4, 0.6, 60)
    lower, upper = bootstrap_interval(
        compute_metrics, rises, y_prob, np.full(60, 0.5), block=10, seed=0
    )
    assert np.isnan(named(lower)["auc"])
    assert np.isnan(named(upper)["fold_auc"])
    assert named(upper)["log_loss"] > named(lower)["log_loss"]


def test_the_fold_auc_compares_only_sessions_of_one_fold() -> None:
    labels = np.array([1, 0, 1, 0, 0, 1, 1], np.int8)
    base = np.array([0.6, 0.6, 0.6, 0.4, 0.4, 0.4, 0.4])
    # First fold: of two pairs one is in order. Second fold: of four pairs all are.
    y_prob = np.array([0.7, 0.5, 0.4, 0.1, 0.2, 0.3, 0.35])
    assert named(compute_metrics(labels, y_prob, base))["fold_auc"] == pytest.approx(5 / 6)

    # Levels that stand against what came: the pooled AUC blames them, the fold's does not.
    against = named(compute_metrics(labels, base, base))
    assert against["auc"] != 0.5
    assert against["fold_auc"] == 0.5


def test_pooling_keeps_the_returns_only_where_all_parts_have_them() -> None:
    labels, y_prob = draw(5, seed=3)
    returns = HeldOutReturns(np.arange(5.0), np.arange(5.0) + 10.0, np.arange(5.0) + 20.0)
    part = HeldOut(np.arange(5), labels, y_prob, y_prob, returns)
    bare = HeldOut(np.arange(5, 10), labels, y_prob, y_prob)

    whole = pool_held_out([part, part])
    assert whole.returns is not None
    assert whole.returns.estimate.tolist() == [*range(10, 15), *range(10, 15)]
    assert whole.returns.base[-1] == 24.0
    mixed = pool_held_out([part, bare])
    assert mixed.returns is None
    assert mixed.rows.tolist() == list(range(10))
