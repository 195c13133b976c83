"""Placebos keep what they must keep, break what they must break, and show no skill."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from factorprism.core.models import Evaluation
from factorprism.evaluation.skill import evaluate
from factorprism.learning import SplitSizes, TrainingSet, split_samples, walk_forward
from factorprism.learning.baselines import BaselineForecaster, evaluate_splits
from factorprism.selection.contest._placebo import shift_labels, shuffle_labels

RETURN = "forward_return"


def test_shuffling_keeps_the_base_rate_the_images_and_each_labels_own_return(
    make_training_set: Callable[..., TrainingSet],
) -> None:
    training_set = make_training_set(400)
    before = training_set.labels.copy()
    placebo = shuffle_labels(training_set, block=6, seed=1)
    samples = training_set.samples

    assert placebo.image_set is training_set.image_set
    assert placebo.closes is training_set.closes
    np.testing.assert_array_equal(placebo.samples, samples)
    np.testing.assert_array_equal(training_set.labels, before)
    assert (placebo.labels[samples] == 1).sum() == (before[samples] == 1).sum()
    np.testing.assert_array_equal(
        np.sort(placebo.outcomes[RETURN][samples]),
        np.sort(training_set.outcomes[RETURN][samples]),
    )
    np.testing.assert_array_equal(placebo.labels[samples], placebo.outcomes[RETURN][samples] > 0)
    assert (placebo.labels[samples] != before[samples]).mean() > 0.3
    others = np.setdiff1d(np.arange(len(before)), samples)
    np.testing.assert_array_equal(placebo.labels[others], before[others])


def test_blocks_stay_whole_and_the_seed_decides(
    make_training_set: Callable[..., TrainingSet],
) -> None:
    training_set = make_training_set(400)
    returns = training_set.outcomes[RETURN]
    placebo = shuffle_labels(training_set, block=6, seed=1)
    where = {value: place for place, value in enumerate(returns)}
    came_from = np.array([where[value] for value in placebo.outcomes[RETURN][placebo.samples]])

    # Within blocks the next label is the next session's; only some 1 in 6 steps leave a block.
    assert (np.diff(came_from) != 1).mean() == pytest.approx(1 / 6, abs=0.02)
    again, other = (shuffle_labels(training_set, block=6, seed=seed) for seed in (1, 2))
    np.testing.assert_array_equal(again.labels, placebo.labels)
    assert (other.labels != placebo.labels).any()
    with pytest.raises(ValueError, match="block: 2, allowed are whole numbers from the horizon, 3"):
        shuffle_labels(training_set, block=2, seed=1)


def test_shifted_labels_are_those_of_one_horizon_later_and_purge_twice_as_much(
    make_training_set: Callable[..., TrainingSet],
) -> None:
    training_set = make_training_set(400)
    placebo = shift_labels(training_set)
    row = int(placebo.samples[50])

    assert placebo.horizon == 6
    assert placebo.known.horizon == 3  # the label spans no more than before
    closes = training_set.closes
    assert placebo.outcomes[RETURN][row] == closes[row + 6] / closes[row + 3] - 1.0
    assert placebo.labels[row] == (closes[row + 6] > closes[row + 3])
    assert np.isnan(placebo.labels[-6:]).all()
    assert placebo.samples[-1] == len(closes) - 1 - 6
    assert placebo.image_set is training_set.image_set
    split = split_samples(placebo.samples, placebo.horizon, SplitSizes(50, 50, 50, 50))
    assert split.training_rows.max() + 6 < split.out_of_sample.min()


def test_nothing_is_learned_from_shuffled_labels_of_a_market_that_can_be_read(
    make_training_set: Callable[..., TrainingSet],
) -> None:
    training_set = make_training_set(1100)
    found = {
        name: _evaluate(placebo)
        for name, placebo in {
            "true": training_set,
            "shuffled": shuffle_labels(training_set, block=6, seed=0),
        }.items()
    }

    assert found["true"].lower > 0.6
    assert found["shuffled"].lower < 0.5 < found["shuffled"].upper


def test_the_logistic_baseline_knows_nothing_of_shuffled_sample_data(
    hs300_set: TrainingSet,
) -> None:
    auc = _evaluate(shuffle_labels(hs300_set, block=2 * hs300_set.horizon, seed=0))

    assert auc.lower < 0.5 < auc.upper
    assert auc.n_sessions == 500


def _evaluate(training_set: TrainingSet) -> Evaluation:
    sizes = SplitSizes(validation=100, calibration=100, out_of_sample=250, least_training=200)
    splits = list(walk_forward(training_set.samples, training_set.horizon, 2, sizes))
    held_out = evaluate_splits(BaselineForecaster("logistic", seed=0), training_set, splits)
    evaluations = evaluate(held_out, training_set, model_id="m", kind="walk_forward", seed=0)
    return next(item for item in evaluations if item.metric == "fold_auc")
