"""Intervals that know of overlapping labels, and what is claimed of skill by them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from factorprism.core.models import Evaluation
from factorprism.evaluation import skill_sentence
from factorprism.evaluation.resampling import bootstrap_interval, count_independent
from factorprism.evaluation.skill import evaluate
from factorprism.learning import TrainingSet
from factorprism.targets import DIRECTION
from factorprism.targets.direction import CLASS_METRICS
from held_out_directions import hold_probabilities


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
    held_out = hold_probabilities(labels, y_prob, labels.mean(), rows=rows)
    figures = evaluate(held_out, training_set, model_id="m", kind="walk_forward", seed=0)

    sentence = skill_sentence(figures, DIRECTION)
    assert sentence.startswith("Better than the base rate by itself") is claimed
    assert "400 held-out sessions" in sentence
    assert {item.metric for item in figures} == {*CLASS_METRICS, "independent_windows"}
    assert all(item.lower <= item.upper for item in figures)


def test_the_walk_forward_estimate_speaks_before_a_contest() -> None:
    day = date(2020, 1, 2)
    contest = Evaluation("m", "contest", "brier_skill", 0.5, 0.4, 0.6, 0.0, day, day, 60)
    estimate = replace(contest, kind="walk_forward", value=-0.1, lower=-0.2, upper=-0.05)

    assert skill_sentence([contest], DIRECTION).startswith("Better than the base rate by itself")
    assert "worse than the base rate" in skill_sentence([contest, estimate], DIRECTION)
    assert skill_sentence([], DIRECTION).startswith("No skill shown")
