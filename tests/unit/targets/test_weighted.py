"""Figures of weighted samples are those of the samples drawn so often, for every target."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as peer

from factorprism.evaluation.resampling import bootstrap, draw_weights
from factorprism.targets import DIRECTION, FORWARD_RETURN, LABEL, VOLATILITY, Columns, Target
from factorprism.targets.weighted import (
    compute_rank_correlation,
    count_ordered_pairs,
    draw_once,
)

N_SAMPLES, BLOCK, SEED = 90, 12, 4
FOLDS = np.repeat(np.array(["2020-01-02", "2020-05-06", "2020-09-01"], "datetime64[D]"), 30)


def draw(target: Target) -> tuple[Columns, Columns, Columns]:
    """Return outcomes, forecasts with ties, and the reference's."""
    random = np.random.default_rng(SEED)
    forward = random.normal(0.0, 0.04, N_SAMPLES)
    if target is VOLATILITY:
        values, reference = (_draw_variances(random) for _ in range(2))
        return {LABEL: random.normal(size=N_SAMPLES), FORWARD_RETURN: forward}, values, reference
    values, reference = (
        {
            "p_up": np.round(random.uniform(0.2, 0.8, N_SAMPLES), 1),
            "return_estimate": random.normal(0.0, 0.02, N_SAMPLES),
        }
        for _ in range(2)
    )
    return {LABEL: (forward > 0.0).astype(np.float64), FORWARD_RETURN: forward}, values, reference


def _draw_variances(random: np.random.Generator) -> Columns:
    mean, log_variance = np.round(random.normal(size=(2, N_SAMPLES)), 1)
    return {"mean": mean, "log_variance": log_variance, "sigma": np.exp(0.5 * mean)}


@pytest.mark.parametrize("target", [DIRECTION, VOLATILITY], ids=lambda target: target.name)
def test_all_resamples_at_once_give_the_figures_of_each(target: Target) -> None:
    columns = draw(target)

    def measure_one(drawn: np.ndarray) -> np.ndarray:
        taken = ({name: column[drawn] for name, column in one.items()} for one in columns)
        return target.compute_metrics(*taken, FOLDS[drawn], draw_once(len(drawn)))[0]

    one_by_one = bootstrap(measure_one, np.arange(N_SAMPLES), block=BLOCK, seed=SEED)
    weights = draw_weights(N_SAMPLES, block=BLOCK, seed=SEED)
    together = target.compute_metrics(*columns, FOLDS, weights)
    np.testing.assert_allclose(together, one_by_one, rtol=1e-9, atol=1e-12)
    order = target.compute_order(columns[0][LABEL], columns[1], FOLDS, weights)
    np.testing.assert_array_equal(order, together[:, target.metrics.index(target.order)])


def test_every_resample_draws_as_many_samples_as_there_are() -> None:
    weights = draw_weights(N_SAMPLES, block=BLOCK, seed=SEED)
    assert weights.shape == (1000, N_SAMPLES)
    assert set(weights.sum(axis=1)) == {N_SAMPLES}


def test_pairs_in_order_are_the_area_under_the_curve() -> None:
    random = np.random.default_rng(1)
    flags, scores = random.random(60) < 0.4, np.round(random.random(60), 1)
    often = random.integers(0, 4, (5, 60)).astype(np.float64)
    pairs, ordered = count_ordered_pairs(flags, scores, often)
    expected = [peer.roc_auc_score(flags, scores, sample_weight=one) for one in often]
    np.testing.assert_allclose(ordered / pairs, expected)


def test_a_fold_that_no_sample_is_drawn_of_counts_for_nothing() -> None:
    random = np.random.default_rng(2)
    first, second = random.normal(size=(2, N_SAMPLES))
    weights = np.where(FOLDS[0] == FOLDS, 1.0, 0.0)[np.newaxis]
    (found,) = compute_rank_correlation(first, second, FOLDS, weights)
    assert found == pytest.approx(stats.spearmanr(first[:30], second[:30]).statistic)
    (constant,) = compute_rank_correlation(np.full(N_SAMPLES, 0.3), second, FOLDS, weights)
    assert constant == 0.0
