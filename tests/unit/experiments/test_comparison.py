"""Contestants are evaluated on the same sessions, and their differences paired and adjusted for
multiple testing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from factorprism.core.errors import ConfigurationError
from factorprism.experiments.comparison import (
    ContestantResult,
    adjust_for_all,
    compare_pairs,
    cut_folds,
    estimate_means,
    skill_sentence,
    tabulate,
)
from factorprism.experiments.conclusion import level_sentence, pairs_sentence
from factorprism.experiments.experiment import Estimate
from factorprism.experiments.history import take_channels
from held_out_directions import hold_probabilities


@pytest.fixture(scope="module")
def training_set(history):
    return history.training_set(last_samples=500)


@pytest.fixture(scope="module")
def evaluated(training_set):
    """One that knows the outcome, one that knows nothing, one that is sure of the opposite."""
    rows = training_set.samples[-300:]
    labels = training_set.labels[rows]
    up = labels == 1
    base = np.full(len(rows), 0.5)
    forecasts = {
        "knowing": np.where(up, 0.8, 0.2),
        "blind": base,
        "wrong": np.where(up, 0.3, 0.7),
    }
    return {
        name: ContestantResult(hold_probabilities(labels, y_prob, base, rows=rows), 7, 1.0)
        for name, y_prob in forecasts.items()
    }


def test_a_difference_is_the_mean_of_paired_log_losses_with_its_interval_around(evaluated):
    (pair,) = compare_pairs(evaluated, [("knowing", "wrong")], 3, seed=1)
    # log 0.8 - log 0.3 for each session, whichever way it went.
    assert pair.log_loss.value == pytest.approx(np.log(0.8 / 0.3))
    assert pair.accuracy == Estimate(1.0, 1.0, 1.0)
    assert pair.is_shown
    assert pair.sentence.startswith("knowing forecasts better than wrong")


def test_the_direction_of_a_difference_is_said(evaluated):
    (pair,) = compare_pairs(evaluated, [("wrong", "blind")], 3, seed=1)
    assert pair.log_loss.upper < 0.0
    assert pair.sentence.startswith("wrong forecasts worse than blind")


def test_equal_forecasts_are_called_so_and_no_difference_is_claimed(evaluated):
    (pair,) = compare_pairs(
        {**evaluated, "twin": evaluated["blind"]}, [("twin", "blind")], 3, seed=1
    )
    assert not pair.is_shown
    assert pairs_sentence([pair]) == "twin and blind make the same forecasts."


def test_forecasts_of_other_sessions_are_not_paired(evaluated):
    late = evaluated["blind"].held_out
    late = late.take(slice(1, None))
    with pytest.raises(ValueError, match="different sessions"):
        compare_pairs(
            {**evaluated, "late": ContestantResult(late, 7, 1.0)}, [("late", "blind")], 3, seed=1
        )


def test_the_table_has_the_base_rate_and_every_figure_with_an_interval(evaluated, training_set):
    adjusted = adjust_for_all(evaluated, training_set.horizon, seed=1)
    rows = tabulate(evaluated, training_set, adjusted, seed=1)
    assert [row["network"] for row in rows] == ["base_rate", "knowing", "blind", "wrong"]
    assert [row["skill"] for row in rows] == ["-", "shown", "not shown", "not shown"]
    for row in rows:
        assert row["sessions"] == 300
        assert row["independent windows"] == 300 // training_set.horizon
        for name in ("gain on base rate", "log loss", "Brier skill", "accuracy"):
            estimate = row[name]
            assert estimate.lower <= estimate.value <= estimate.upper
    assert level_sentence(rows, "network") == ""
    assert rows[1]["gain on base rate"].value == pytest.approx(np.log(0.8 / 0.5))
    assert rows[1]["log loss"].value == pytest.approx(-np.log(0.8))


def test_an_interval_of_many_is_wider_than_that_of_one():
    noise = np.random.default_rng(1).normal(size=(300, 1))
    (alone,) = estimate_means(noise, 3, 1)
    (of_many,) = estimate_means(noise, 3, 1, level=0.005)
    assert of_many.lower < alone.lower < alone.value < alone.upper < of_many.upper


def test_fewer_channels_keep_the_samples_of_all(training_set):
    chosen = take_channels(training_set, ("399006.SZ", "000300.SH"))
    whole = training_set.image_set.cube
    assert chosen.samples is training_set.samples
    assert chosen.image_set.channels == ("399006.SZ", "000300.SH")
    np.testing.assert_array_equal(chosen.image_set.cube[..., 0], whole[..., 2])
    np.testing.assert_array_equal(chosen.image_set.cube[..., 1], whole[..., 0])


def test_folds_are_purged_and_a_short_history_is_refused(training_set, make_size):
    (fold,) = cut_folds(training_set, make_size("lenet5_tiny"))
    assert fold.training_rows.max() + training_set.horizon < fold.out_of_sample.min()
    short = replace(training_set, samples=training_set.samples[-100:])
    with pytest.raises(ConfigurationError, match="100 samples are too few"):
        cut_folds(short, make_size("lenet5_tiny"))


def test_over_few_windows_nothing_is_claimed(evaluated, training_set):
    few = {
        name: ContestantResult(
            one.take(slice(-50, None)),
            7,
            1.0,
        )
        for name, one in ((name, one.held_out) for name, one in evaluated.items())
    }
    adjusted = adjust_for_all(few, training_set.horizon, seed=1)
    assert adjusted.skilled == ("knowing",)
    assert adjusted.independent_windows == 17
    assert skill_sentence(adjusted).startswith("No skill shown: 50 sessions hold 17 windows")
    rows = tabulate(few, training_set, adjusted, seed=1)
    assert {row["skill"] for row in rows} == {"-", "not shown"}
    (pair,) = compare_pairs(few, [("knowing", "wrong")], 3, seed=1)
    assert pair.log_loss.lower > 0.0
    assert not pair.is_shown
    assert pair.sentence.startswith("no difference shown between knowing and wrong")


def test_a_gain_of_level_alone_is_not_credited_to_the_images(evaluated, training_set):
    rows = training_set.samples[-300:]
    # Nine of ten sessions rise: whoever says so each day beats a base rate of a half.
    labels = (np.arange(300) % 10 != 0).astype(np.int8)
    held_out = hold_probabilities(labels, np.full(300, 0.9), 0.5, rows=rows)
    constant = {"constant": ContestantResult(held_out, 7, 1.0)}
    adjusted = adjust_for_all(constant, training_set.horizon, seed=1)
    table = tabulate(constant, training_set, adjusted, seed=1)
    assert table[1]["skill"] == "shown"
    assert "the gain is one of level" in level_sentence(table, "network")


def test_many_losers_are_counted_and_not_named(evaluated, training_set):
    wrong = {f"wrong{number}": evaluated["wrong"] for number in range(7)}
    sentence = skill_sentence(adjust_for_all(wrong, training_set.horizon, seed=1))
    assert sentence.startswith("7 of 7 candidates lose to the base rate. No skill shown")
    few = skill_sentence(
        adjust_for_all({"wrong": evaluated["wrong"]}, training_set.horizon, seed=1)
    )
    assert "the base rate: wrong. No skill shown" in few
