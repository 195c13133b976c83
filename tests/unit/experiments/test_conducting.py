"""Every experiment of the catalogue answers its question on tiny networks, or refuses plainly."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from factorprism.core.errors import ConfigurationError
from factorprism.experiments import CATALOGUE, find_experiment
from factorprism.experiments.channels import ablate_channels, choose_channels
from factorprism.experiments.depth import compare_depths
from factorprism.experiments.horizon import compare_horizons, cut_alike
from factorprism.experiments.original import StudyPeriod, cut_at_period, repeat_study
from factorprism.experiments.padding import N_SEEDS, compare_paddings, compute_paired_p
from factorprism.experiments.stacking import compare_stacks
from factorprism.experiments.upsampling import compare_sizes

TINY = "lenet5_tiny"


def names_of(result, column):
    return [row[column] for row in result.tables[0].rows]


def test_stacking_evaluates_one_three_and_four_indices_on_the_same_sessions(
    history, make_size, quiet
):
    result = compare_stacks(history, make_size(TINY), quiet)
    assert names_of(result, "images") == ["base_rate", "image1", "image3", "image4"]
    assert len(result.tables[1].rows) == 3
    assert {row["sessions"] for row in result.tables[0].rows} == {60}
    parameters = [row["parameters"] for row in result.tables[0].rows]
    assert parameters == sorted(parameters)
    assert len(set(parameters)) == 4


def test_stacking_refuses_a_universe_without_the_four(make_history, make_size, quiet):
    with pytest.raises(ConfigurationError, match=r"lacks 399006\.SZ, 000001\.SH") as refused:
        compare_stacks(make_history(2), make_size(TINY), quiet)
    assert "FACTORPRISM_UNIVERSE=image4" in refused.value.remedy


def test_channels_are_left_out_and_read_alone(history):
    choices = choose_channels(history)
    assert len(choices) == 9
    assert choices["without 000905.SH"] == ("000300.SH", "399006.SZ", "000001.SH")
    assert choices["000905.SH alone"] == ("000905.SH",)


def test_of_two_channels_each_is_read_alone_and_one_cannot_be_ablated(
    make_history, make_size, quiet
):
    result = ablate_channels(make_history(2), make_size(TINY), quiet)
    assert names_of(result, "images") == ["base_rate", "all", "000300.SH alone", "000905.SH alone"]
    with pytest.raises(ConfigurationError, match="nothing to leave out"):
        ablate_channels(make_history(1), make_size(TINY), quiet)


def test_depth_gives_the_same_table_from_the_same_seed(make_history, make_size, quiet):
    one_index = make_history(1)
    results = [compare_depths(one_index, make_size(TINY, "mlp_tiny"), quiet) for _ in range(2)]
    first, second = ([table for table in one.tables if not table.of_times] for one in results)
    assert str([table.rows for table in first]) == str([table.rows for table in second])
    assert results[0].verdict == results[1].verdict
    assert names_of(results[0], "network") == ["base_rate", TINY, "mlp_tiny"]
    assert [row["first"] for row in first[1].rows] == ["mlp_tiny"]


def test_upsampling_holds_the_upsampled_against_the_native(make_history, make_size, quiet):
    result = compare_sizes(make_history(1), make_size(TINY, "mlp_tiny"), quiet)
    (row,) = result.tables[1].rows
    assert (row["first"], row["second"]) == ("mlp_tiny", TINY)


def test_horizons_are_evaluated_on_the_same_sessions_each_with_its_own_base_rate(
    history, make_size, quiet
):
    result = compare_horizons(history, make_size(TINY), quiet, horizons=(2, 20))
    rows = result.tables[0].rows
    assert [(row["horizon"], row["forecast"]) for row in rows] == [
        (2, "base_rate"),
        (2, f"{TINY}, 2 ahead"),
        (20, "base_rate"),
        (20, f"{TINY}, 20 ahead"),
    ]
    assert [row["independent windows"] for row in rows] == [30, 30, 3, 3]
    assert rows[0]["log loss"] != rows[2]["log loss"]
    assert "adjusting for 2 trials" in result.verdict


def test_no_horizon_learns_from_or_evaluates_a_session_that_another_cannot(history, make_size):
    sets = cut_alike(history, make_size(TINY), (2, 20))
    np.testing.assert_array_equal(sets[2].samples, sets[20].samples)
    assert sets[2].samples.max() + 20 < len(history.image_set.sessions)


def test_padding_pairs_its_seeds_and_says_what_collapses(make_history, make_size, quiet):
    assert N_SEEDS == 5
    result = compare_paddings(make_history(1), make_size("inception_tiny"), quiet, n_seeds=2)
    assert len(result.tables[0].rows) == 1 + 2 * 2
    (row,) = result.tables[1].rows
    seeds = [row[f"seed {seed}"].value for seed in range(3, 5)]
    assert row["SAME's log loss lower by"].value == pytest.approx(np.mean(seeds))
    assert row["seeds for SAME"] == sum(value > 0 for value in seeds)
    remark, _ = result.remarks
    # 8 x 16 images; the stem is 4 x 2 with strides as large, so that VALID loses nothing either.
    assert remark == ("inception_tiny: SAME ends in a map of 2x8; VALID ends in a map of 2x8.")


def test_the_paired_test_is_students():
    # Student 1908, Biometrika 6, page 20: additional hours of sleep, paired; p = 0.00283.
    sleep = np.array([1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4])
    assert compute_paired_p(sleep) == pytest.approx(0.00283, abs=5e-6)
    assert np.isnan(compute_paired_p(np.zeros(5)))


@pytest.fixture
def period(history):
    sessions = history.image_set.sessions
    return StudyPeriod(sessions[100].astype(date), sessions[499].astype(date), horizon=3)


def test_the_study_is_repeated_on_its_sessions_alone_and_evaluated_on_what_followed(
    history, make_size, quiet, period
):
    result = repeat_study(history, make_size(TINY, "mlp_tiny"), quiet, period)
    missing = {row["index"]: row for row in result.tables[2].rows}
    assert missing["the study, its own table"]["missing"] == 726
    assert missing["000300.SH"]["cells"] == 400 * 16
    assert 0 < missing["000300.SH"]["missing"] < 726
    times = result.tables[3]
    assert times.of_times
    assert times.rows[0]["seconds"] == 1759.0
    assert [row["network"] for row in times.rows[1:]] == [TINY, "mlp_tiny"]
    assert f"missing {missing['000300.SH']['missing']} of 6400" in result.remarks[1]


def test_nothing_outside_the_period_is_learned(history, make_size, period):
    training_set = history.training_set(horizon=period.horizon)
    split = cut_at_period(training_set, period, make_size(TINY).settings)
    lookback = history.image_set.lookback
    assert split.training_rows.min() - lookback + 1 >= 100
    assert split.training_rows.max() + period.horizon <= 499
    assert split.out_of_sample[0] == 500
    assert len(split.out_of_sample) == 60


def test_no_label_reaches_out_of_the_period_where_the_next_samples_come_late(
    history, make_size, period
):
    training_set = history.training_set(horizon=period.horizon)
    gap = np.setdiff1d(training_set.samples, np.arange(500, 520))
    split = cut_at_period(replace(training_set, samples=gap), period, make_size(TINY).settings)
    assert split.out_of_sample[0] == 520
    assert split.training_rows.max() + period.horizon <= 499


def test_a_history_without_the_period_is_refused(history, make_size, quiet, period):
    after = replace(period, last=history.as_of)
    with pytest.raises(ConfigurationError, match="does not hold the study's sessions"):
        repeat_study(history, make_size(TINY, TINY), quiet, after)


def test_the_catalogue_has_the_experiments_of_the_studies_under_three_minutes():
    names = [experiment.name for experiment in CATALOGUE]
    assert names[:7] == [
        "stacking",
        "padding",
        "depth",
        "upsampling",
        "horizon",
        "original",
        "channels",
    ]
    assert len(set(names)) == len(names)
    for experiment in CATALOGUE:
        assert experiment.quick.stated_seconds < 180 <= experiment.full.stated_seconds
        assert experiment.quick.cut
        assert experiment.question.endswith("?")
    with pytest.raises(ConfigurationError, match="no experiment is called 'stacks'"):
        find_experiment("stacks")
