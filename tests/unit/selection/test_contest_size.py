"""How much of a contest fits: what goes first, what is held is free, and a try that measures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from factorprism.learning import TrainingSet, TrainingSettings
from factorprism.selection.contest import (
    PLACEBOS,
    ContestSize,
    Task,
    choose_entrants,
    choose_size,
    cut_folds,
    fewest_folds,
    list_tasks,
    probe_fold,
)
from factorprism.selection.contest._size import START_SECONDS
from factorprism.targets import DIRECTION

SETTINGS = TrainingSettings(
    architecture="mlp_tiny",
    seed=3,
    threads=1,
    epochs=3,
    validation_sessions=60,
    calibration_sessions=60,
    least_training_sessions=100,
    fold_sessions=80,
    fold_epochs=2,
    stride=2,
    batch_size=16,
)
NETWORKS = ("lenet5_tiny", "inception_tiny", "mlp_tiny")
HOUR = 3600.0


@pytest.fixture(scope="module")
def market(make_training_set: Callable[..., TrainingSet]) -> TrainingSet:
    return make_training_set(900, strength=1.0)


@pytest.fixture(scope="module")
def tasks(market: TrainingSet) -> list[Task]:
    entrants = choose_entrants(NETWORKS, SETTINGS, DIRECTION)
    return list_tasks(market, entrants, 6, PLACEBOS, "hs300-direction-3")


@pytest.fixture(scope="module")
def full(tasks: list[Task]) -> ContestSize:
    names = tuple(dict.fromkeys(task.entrant.name for task in tasks))
    return ContestSize("night", names, 6, PLACEBOS)


@pytest.fixture(scope="module")
def seconds(full: ContestSize) -> dict[str, float]:
    return dict.fromkeys(full.entrants, 10.0) | {"lenet5_tiny": 900.0, "inception_tiny": 400.0}


def choose(
    full: ContestSize,
    tasks: list[Task],
    seconds: dict[str, float],
    limit: float,
    held: frozenset[str] = frozenset(),
    besides: float = 0.0,
) -> ContestSize:
    still = [task for task in tasks if task.key not in held]
    return choose_size(full, still, tasks, seconds, own="mlp_tiny", besides=besides, limit=limit)


def test_with_time_for_everything_nothing_is_left_out(full, tasks, seconds) -> None:  # type: ignore[no-untyped-def]
    size = choose(full, tasks, seconds, 100 * HOUR, besides=120.0)
    work = sum(seconds[task.entrant.name] for task in tasks)
    starts = START_SECONDS * len({(task.fold.number, task.entrant.name) for task in tasks})
    assert size == replace(full, expected_seconds=work + starts + 120.0)


def test_what_is_left_out_goes_in_its_order(full, tasks, seconds) -> None:  # type: ignore[no-untyped-def]
    limits = [hours * HOUR for hours in (8.5, 6.0, 3.5, 1.5, 1.1, 0.5, 0.2, 0.05)]
    sizes = [choose(full, tasks, seconds, limit) for limit in limits]
    costs = [size.expected_seconds for size in sizes]
    assert costs == sorted(costs, reverse=True)
    for size, limit in zip(sizes[:-1], limits, strict=False):
        assert size.expected_seconds <= limit
    assert "shifted_labels" not in sizes[1].placebos
    assert {"lenet5_tiny"} == set(full.entrants) - set(sizes[1].entrants)
    assert "inception_tiny" not in sizes[3].entrants
    assert sizes[3].n_folds <= 6
    assert sizes[-2].placebos == ()
    for size in sizes:
        assert {"base_rate", "logistic", "mlp_tiny"} <= set(size.entrants)
    assert sizes[-1].n_folds == 1
    assert sizes[-1].left_out[0].startswith("rocket: ")
    assert "lenet5_tiny: " in " ".join(sizes[1].left_out)


@pytest.mark.parametrize("horizon", [1, 14, 28, 60])
def test_a_quick_contest_has_the_fewest_folds_with_ten_blocks(horizon: int) -> None:
    block, folds = 2 * horizon, fewest_folds(horizon, 250)
    assert folds * 250 / block >= 10 > (folds - 1) * 250 / block


def test_even_the_smallest_is_held_and_says_that_it_is_long(full, tasks, seconds) -> None:  # type: ignore[no-untyped-def]
    size = choose(full, tasks, seconds, 1.0)
    assert size.n_folds == 1
    assert size.left_out[-1] == "even this much is expected to take longer than 1 min"


def test_folds_that_are_held_are_kept_where_nothing_fits(full, tasks, seconds) -> None:  # type: ignore[no-untyped-def]
    held = frozenset(
        task.key for task in tasks if not task.placebo and task.entrant.name != "rocket"
    )
    size = choose(full, tasks, seconds, 1.0, held, besides=60.0)
    assert (size.n_folds, size.placebos) == (4, ())
    assert "rocket" not in size.entrants


def test_what_was_evaluated_before_is_free_so_that_the_contest_grows(full, tasks, seconds) -> None:  # type: ignore[no-untyped-def]
    newest = max(task.fold.number for task in tasks)
    held = frozenset(task.key for task in tasks if task.fold.number < newest)
    limit = 2 * HOUR
    first, later = (choose(full, tasks, seconds, limit, keys) for keys in (frozenset(), held))
    assert set(first.entrants) < set(later.entrants) == set(full.entrants)


def test_a_size_is_the_same_after_a_journey_as_json(full, tasks, seconds) -> None:  # type: ignore[no-untyped-def]
    size = choose(full, tasks, seconds, 2 * HOUR)
    again = ContestSize.from_dict(size.to_dict())
    assert again.select(tasks) == size.select(tasks)
    assert again.left_out == size.left_out


@pytest.mark.slow
@pytest.mark.parametrize("name", ["logistic", "mlp_tiny"])
def test_a_short_try_says_about_how_long_a_fold_takes(market: TrainingSet, name: str) -> None:
    entrants = {
        one.name: one for one in choose_entrants(["mlp_tiny"], SETTINGS, DIRECTION, quick=True)
    }
    *_, fold = cut_folds(market, SETTINGS, 1)
    short, long = (
        probe_fold(
            replace(entrants[name], settings=replace(SETTINGS, epochs=n, fold_epochs=n)), fold
        )
        for n in (1, 200)
    )
    assert 0.0 < short < 60.0
    assert long > short if name == "mlp_tiny" else long < 60.0
