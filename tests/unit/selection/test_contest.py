"""Folds stay where they are, keys name all that matters, and the table needs the folds alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from factorprism.core.contest import FoldForecasts
from factorprism.core.errors import ConfigurationError
from factorprism.learning import TrainingSet, TrainingSettings, audit_purge, build_training_set
from factorprism.models.backend import name_cpu, name_device
from factorprism.selection.contest import (
    PLACEBOS,
    SHIFTED,
    SHUFFLES,
    ContestTable,
    Task,
    choose_entrants,
    cut_folds,
    list_named,
    list_tasks,
    tabulate,
)
from factorprism.selection.contest._folds import cut_after, hash_histories
from factorprism.targets import DIRECTION

SIGNAL = "hs300-direction-3"
SETTINGS = TrainingSettings(
    architecture="mlp_tiny",
    seed=3,
    threads=1,
    epochs=2,
    validation_sessions=60,
    calibration_sessions=60,
    least_training_sessions=100,
    fold_sessions=100,
    fold_epochs=2,
    stride=1,
    batch_size=32,
)


@pytest.fixture(scope="module")
def market(make_training_set: Callable[..., TrainingSet]) -> TrainingSet:
    return make_training_set(900, strength=1.0)


def knowing(fold: FoldForecasts) -> np.ndarray:
    return np.where(fold.columns["outcome.label"] == 1, 0.7, 0.3)


def list_all(market: TrainingSet, names: tuple[str, ...] = (), n_folds: int = 3) -> list[Task]:
    entrants = choose_entrants(names, SETTINGS, DIRECTION, quick=True)
    return list_tasks(market, entrants, n_folds, PLACEBOS, SIGNAL)


def evaluate_all(tasks: list[Task]) -> list[FoldForecasts]:
    return [task.evaluate() for task in tasks]


@pytest.fixture(scope="module")
def evaluated(market: TrainingSet) -> list[FoldForecasts]:
    return evaluate_all(list_all(market))


@pytest.fixture(scope="module")
def table(evaluated: list[FoldForecasts], market: TrainingSet) -> ContestTable:
    return tabulate(evaluated, market, n_tried=5, seed=1)


def shorten(market: TrainingSet, sessions: int) -> TrainingSet:
    return cut_after(market, len(market.closes) - 1 - sessions)


@pytest.mark.parametrize("placebo", ["", *PLACEBOS])
def test_no_fold_sees_further_than_its_last_label(market: TrainingSet, placebo: str) -> None:
    for fold in cut_folds(market, SETTINGS, 5, placebo):
        reach = market.horizon * (2 if placebo == SHIFTED else 1)
        last = int(fold.split.out_of_sample[-1])
        assert len(fold.market.closes) <= last + reach + 1
        audit_purge(fold.split, fold.market.horizon, fold.market.image_set.sessions)


def test_full_folds_stay_the_same_in_later_weeks(market: TrainingSet) -> None:
    """A week later all keys but those of the newest fold are held already."""
    now = {(t.fold.number, t.entrant.name, t.placebo): t.key for t in list_all(market)}
    before = {
        (t.fold.number, t.entrant.name, t.placebo): t.key for t in list_all(shorten(market, 5))
    }
    newest = max(number for number, *_ in now)
    shared = [identity for identity in now if identity in before and identity[0] < newest]
    assert {identity[0] for identity in shared} == {newest - 2, newest - 1}
    for identity in shared:
        assert now[identity] == before[identity], identity
    assert all(now[identity] != before[identity] for identity in now if identity[0] == newest)


@pytest.mark.parametrize("part", ["close", "factor"])
def test_a_revised_value_opens_the_folds_that_have_read_it(market: TrainingSet, part: str) -> None:
    folds = list(cut_folds(market, SETTINGS, 3))
    row = int(folds[1].split.out_of_sample[5])  # after the last label of the fold before
    closes, cube = market.closes.copy(), market.image_set.cube.copy()
    if part == "close":
        closes[row] *= 1.0001
    else:
        cube[row, 1, 0] += 0.001
    image_set = replace(market.image_set, cube=cube)
    revised = build_training_set(image_set, closes, DIRECTION, market.horizon, market.as_of)
    lengths = [fold.n_sessions for fold in folds]
    before, after = hash_histories(market, lengths), hash_histories(revised, lengths)
    assert [before[length] != after[length] for length in lengths] == [False, True, True]


def test_the_hash_of_a_history_is_that_of_its_own_sessions(market: TrainingSet) -> None:
    """Whatever is hashed with it in the same pass, and whatever follows it."""
    together = hash_histories(market, [300, 500, len(market.closes)])
    for length, found in together.items():
        assert found == hash_histories(market, [length])[length]
        assert found == hash_histories(cut_after(market, length - 1), [length])[length]
    # A missing value and a zero have one form each.
    cube = market.image_set.cube.copy()
    cube[np.isnan(cube)] = -np.float32(np.nan)
    image_set = replace(market.image_set, cube=cube)
    assert hash_histories(replace(market, image_set=image_set), [300])[300] == together[300]


def test_a_fold_is_a_view_of_the_images(market: TrainingSet) -> None:
    for fold in cut_folds(market, SETTINGS, 3):
        assert np.shares_memory(fold.market.image_set.cube, market.image_set.cube)


def test_planned_work_is_found_again_by_its_keys_alone(
    market: TrainingSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = list_all(market, ("mlp_tiny",))
    planned = {task.identity: task.key for task in tasks[::7]}
    entrants = choose_entrants(("mlp_tiny",), SETTINGS, DIRECTION, quick=True)
    monkeypatch.setattr(hashlib, "sha256", None)  # nothing is hashed again
    again = list_named(market, entrants, 3, SIGNAL, planned)
    assert {task.identity: task.key for task in again} == planned
    for task in again:
        (same,) = [one for one in tasks if one.identity == task.identity]
        np.testing.assert_array_equal(task.fold.split.out_of_sample, same.fold.split.out_of_sample)
        np.testing.assert_array_equal(task.fold.market.labels, same.fold.market.labels)


def test_keys_tell_entrants_placebos_and_settings_apart(market: TrainingSet) -> None:
    tasks = list_all(market, ("mlp_tiny", "lenet5_tiny"))
    assert len({task.key for task in tasks}) == len(tasks)
    other = list_tasks(
        market,
        choose_entrants(
            ("mlp_tiny", "lenet5_tiny"), replace(SETTINGS, batch_size=16), DIRECTION, quick=True
        ),
        3,
        PLACEBOS,
        SIGNAL,
    )
    for task, changed in zip(tasks, other, strict=True):
        # The size of a batch says nothing to a baseline.
        assert (task.key == changed.key) != task.entrant.is_network


def test_settings_of_the_candidate_alone_open_no_fold(market: TrainingSet) -> None:
    changed = replace(SETTINGS, holdout_sessions=50, replay_sessions=7, n_folds=2)
    keys = [task.key for task in list_all(market, ("mlp_tiny",))]
    entrants = choose_entrants(("mlp_tiny",), changed, DIRECTION, quick=True)
    assert keys == [task.key for task in list_tasks(market, entrants, 3, PLACEBOS, SIGNAL)]


def test_nobody_unknown_takes_part() -> None:
    with pytest.raises(ConfigurationError, match="nobody called 'oracle'"):
        choose_entrants(("oracle",), SETTINGS, DIRECTION)


@pytest.mark.slow
def test_a_fold_evaluated_again_is_the_same_to_the_bit(market: TrainingSet) -> None:
    tasks = [task for task in list_all(market, ("mlp_tiny",), 1) if task.entrant.is_network]
    shuffled = next(task for task in tasks if task.placebo)
    plain = next(task for task in tasks if not task.placebo)
    for task in (plain, shuffled):
        np.testing.assert_array_equal(
            task.evaluate().columns["value.p_up"], task.evaluate().columns["value.p_up"]
        )


def test_a_baseline_asks_no_backend_what_it_computes_on(
    market: TrainingSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, rule = (
        next(one for one in list_all(market, ("mlp_tiny",)) if one.entrant.name == name)
        for name in ("mlp_tiny", "momentum_sign")
    )
    assert network.entrant.name_device() == name_device()
    monkeypatch.setattr("factorprism.models.backend.load_keras", None)
    assert rule.evaluate().device == name_cpu()


def test_the_table_follows_from_the_folds_alone(
    table: ContestTable, evaluated: list[FoldForecasts], market: TrainingSet
) -> None:
    mixed = sorted(evaluated, key=lambda fold: (fold.placebo, fold.entrant == "logistic"))
    again = tabulate(mixed, market, n_tried=5, seed=1)
    assert {line.entrant: line.figures for line in table.lines} == {
        line.entrant: line.figures for line in again.lines
    }
    assert table.n_folds == 3
    assert table.n_sessions == sum(
        len(fold.sessions) for fold in evaluated if fold.entrant == "base_rate" and not fold.placebo
    )


def test_a_market_that_can_be_read_is_read_and_its_placebo_is_not(table: ContestTable) -> None:
    assert "logistic" in table.multiplicity.skilled
    assert "Skill shown" in table.sentence
    shuffled = {line.entrant: line for line in table.placebos if line.placebo == SHUFFLES[0]}
    assert shuffled["logistic"].contains_nothing
    assert table.leaks == ()


@pytest.mark.parametrize(("known", "n_leaks"), [(SHUFFLES, 1), (SHUFFLES[:1], 0)])
def test_a_leak_shows_in_every_shuffle(
    evaluated: list[FoldForecasts], market: TrainingSet, known: tuple[str, ...], n_leaks: int
) -> None:
    """Forecasts that know the shuffled labels: in one shuffle chance can, in both a leak alone."""
    leaking = [
        replace(fold, columns={**fold.columns, "value.p_up": knowing(fold)})
        if fold.placebo in known and fold.entrant == "logistic"
        else fold
        for fold in evaluated
        if fold.entrant in ("base_rate", "logistic")
    ]
    leaks = tabulate(leaking, market, n_tried=5, seed=1).leaks
    assert len(leaks) == n_leaks
    assert all(
        sentence.startswith("logistic orders labels that were shuffled (AUC within folds 1.000")
        for sentence in leaks
    )


def test_the_table_is_json(table: ContestTable) -> None:
    assert json.loads(json.dumps(table.to_dict()))["n_folds"] == 3


def test_without_the_base_rate_there_is_no_table(
    evaluated: list[FoldForecasts], market: TrainingSet
) -> None:
    others = [fold for fold in evaluated if fold.entrant != "base_rate"]
    with pytest.raises(ValueError, match="every figure is held against it"):
        tabulate(others, market, n_tried=5, seed=1)


def test_the_base_rate_is_no_trial_of_a_placebo(table: ContestTable) -> None:
    """Rounding makes its forecasts differ from the base rate by a hair in some folds."""
    assert {line.entrant for line in table.placebos} == {
        "always_up",
        "momentum_sign",
        "logistic",
        "pca_logistic",
        "gradient_boosting",
    }
