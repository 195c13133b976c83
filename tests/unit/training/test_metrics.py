"""Figures against hand-worked answers, and intervals that know of overlapping labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from factorprism.core.schemas import Evaluation
from factorprism.training import TrainingSet, skill_sentence
from factorprism.training.metrics import (
    METRICS,
    HeldOut,
    bootstrap_interval,
    compute_metrics,
    count_independent,
)
from factorprism.training.skill import evaluate

LABELS = np.array([1, 0, 1, 1], np.int8)
Y_PROB = np.array([0.8, 0.3, 0.4, 0.6])
BASE = np.full(4, 0.5)


def named(values: np.ndarray) -> dict[str, float]:
    return dict(zip(METRICS, values.tolist(), strict=True))


def test_figures_equal_those_worked_by_hand() -> None:
    figures = named(compute_metrics(LABELS, Y_PROB, BASE))

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
    assert named(compute_metrics(LABELS, BASE, BASE))["auc"] == 0.5
    ones = named(compute_metrics(np.ones(4, np.int8), Y_PROB, BASE))
    assert np.isnan(ones["auc"])
    assert np.isnan(ones["balanced_accuracy"])


def test_a_certain_miss_is_a_finite_loss() -> None:
    certain = np.array([1.0, 0.0])

    figures = named(compute_metrics(np.array([0, 1], np.int8), certain, BASE[:2]))
    assert figures["log_loss"] == pytest.approx(-np.log(1e-7))


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.random.default_rng(0).normal(size=300)

    def mean(column: np.ndarray) -> np.ndarray:
        return np.array([column.mean()])

    first, again, other = (
        bootstrap_interval(mean, values, block=28, seed=seed) for seed in (1, 1, 2)
    )
    assert first[0] == again[0]
    assert first[1] == again[1]
    assert first[0] != other[0]
    assert first[0] < values.mean() < first[1]


def test_blocks_widen_the_interval_of_overlapping_windows() -> None:
    noise = np.random.default_rng(1).normal(size=900)
    overlapping = np.convolve(noise, np.ones(14), "valid")

    def mean(column: np.ndarray) -> np.ndarray:
        return np.array([column.mean()])

    widths = [
        float(np.diff(np.ravel(bootstrap_interval(mean, overlapping, block=block, seed=0)))[0])
        for block in (1, 28)
    ]
    assert widths[1] > 2.5 * widths[0]


def test_independent_windows_do_not_overlap() -> None:
    assert count_independent(np.arange(120), 14) == 9
    assert count_independent(np.array([3, 4, 30, 31, 44]), 14) == 3
    assert count_independent(np.array([], np.int64), 14) == 0


@pytest.mark.parametrize(("certainty", "claimed"), [(0.0, False), (0.5, True), (-0.5, False)])
def test_skill_is_claimed_only_where_there_is_some(
    make_training_set: Callable[..., TrainingSet], certainty: float, claimed: bool
) -> None:
    training_set = make_training_set(600)
    rows = training_set.samples[-400:]
    labels = training_set.labels[rows]
    noise = np.random.default_rng(5).normal(scale=0.05, size=len(rows))
    y_prob = np.clip(0.5 + 0.5 * certainty * (labels - 0.5) + noise, 0.01, 0.99)
    held_out = HeldOut(rows, labels, y_prob, np.full(len(rows), labels.mean()))
    figures = evaluate(held_out, training_set, model_id="m", kind="walk_forward", seed=0)

    sentence = skill_sentence(figures)
    assert sentence.startswith("Better than the base rate by itself") is claimed
    assert "400 held-out sessions" in sentence
    assert {item.metric for item in figures} == {*METRICS, "independent_windows"}
    assert all(item.lower <= item.upper for item in figures)


def test_the_walk_forward_estimate_speaks_before_a_contest() -> None:
    day = date(2020, 1, 2)
    contest = Evaluation("m", "contest", "brier_skill", 0.5, 0.4, 0.6, 0.0, day, day, 60)
    estimate = replace(contest, kind="walk_forward", value=-0.1, lower=-0.2, upper=-0.05)

    assert skill_sentence([contest]).startswith("Better than the base rate by itself")
    assert "worse than the base rate" in skill_sentence([contest, estimate])
    assert skill_sentence([]).startswith("No skill shown")
