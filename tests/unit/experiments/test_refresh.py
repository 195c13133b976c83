"""The experiment on refreshes: one start, the same out-of-sample sessions, and honest costs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from factorprism.core.errors import ConfigurationError
from factorprism.experiments.comparison import cut_folds
from factorprism.experiments.refresh import RefreshStep, compare_refreshes, plan_ways
from factorprism.learning.recipe import train_split

WAYS = ["retrain", "fine_tune", "fine_tune (stem frozen)", "never"]


@pytest.fixture
def size(make_size):
    size = make_size("inception_tiny", n_folds=3)
    settings = replace(
        size.settings, epochs=2, frozen_layers=("stem",), replay_sessions=50, learning_rate=1e-2
    )
    return replace(size, settings=settings)


def test_all_ways_are_evaluated_on_the_same_sessions_and_their_cost_is_reported(
    make_history, size, quiet
):
    result = compare_refreshes(make_history(1), size, quiet)
    figures, pairs, costs = result.tables
    assert [row["refresh"] for row in figures.rows] == ["base_rate", *WAYS]
    # The first of three folds of sixty gives the model that all start from.
    assert {row["sessions"] for row in figures.rows} == {120}
    assert [(row["first"], row["second"]) for row in pairs.rows] == [
        ("fine_tune", "retrain"),
        ("fine_tune", "never"),
        ("retrain", "never"),
        ("fine_tune (stem frozen)", "fine_tune"),
    ]
    assert costs.of_times
    rows = {row["refresh"]: row for row in costs.rows}
    assert [rows[name]["refreshes"] for name in WAYS] == [2, 2, 2, 0]
    assert rows["retrain"]["training images read"] > rows["fine_tune"]["training images read"] > 0
    assert rows["never"]["CPU seconds"] == 0.0
    assert rows["retrain"]["share of retraining"] == 1.0
    assert result.verdict.startswith("After 2 refreshes: ")


def test_each_way_goes_on_from_where_it_says(make_history, size):
    whole = make_history(1).training_set(last_samples=size.last_samples)
    folds = cut_folds(whole, size)
    settings = size.settings_of("inception_tiny")
    start = RefreshStep(train_split(whole, folds[0], settings), 0)
    first = {layer.name: layer.get_weights() for layer in start.model.network.layers}
    steps = {name: way(whole, folds, 1, start) for name, way in plan_ways(settings).items()}

    assert list(steps) == WAYS
    assert steps["never"].model is start.model
    for name, step in steps.items():
        moved = {
            layer.name
            for layer in step.model.network.layers
            for old, new in zip(first[layer.name], layer.get_weights(), strict=True)
            if not np.array_equal(old, new)
        }
        assert ("stem_conv" in moved) == (name in ("retrain", "fine_tune"))
        assert ("logit" in moved) == (name != "never")
        same = np.array_equal(step.model.normaliser.scale, start.model.normaliser.scale)
        assert same == (name != "retrain")
    # Fifty replayed, and those that the first fold did not train on.
    new = int((folds[1].train > folds[0].train[-1]).sum())
    assert steps["fine_tune"].train == 50 + new
    assert steps["retrain"].train == len(folds[1].train)
    # Nothing trained in place: the start is what it was.
    for layer in start.model.network.layers:
        for old, now in zip(first[layer.name], layer.get_weights(), strict=True):
            np.testing.assert_array_equal(old, now)


def test_one_fold_leaves_nothing_to_refresh(make_history, make_size, quiet):
    with pytest.raises(ConfigurationError, match="one fold"):
        compare_refreshes(make_history(1), make_size("inception_tiny"), quiet)
