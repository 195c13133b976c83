"""The contest as steps of the weekly run: plan the folds, evaluate those that are open, tabulate.

What was evaluated stands in the warehouse under its key, so that a contest that was cut off goes on
where it was, and a week's new sessions cost one fold.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from factorprism.core.contest import ContestReport, FoldForecasts
from factorprism.learning import TrainingSet
from factorprism.learning.samples import HeldOut
from factorprism.pipelines._run import Run, StepContext
from factorprism.pipelines.contest_backtests import describe_backtests, run_backtests
from factorprism.pipelines.contest_size import list_contest, list_planned, size_of
from factorprism.pipelines.history import load_training_set
from factorprism.selection.contest import ContestSize, Task, TaskIdentity, pool_folds, tabulate


def plan_contest(run: Run, context: Mapping[str, Any]) -> StepContext:
    """Say which folds of the contest are open."""
    training_set, _ = load_training_set(run, context)
    tasks = _list_tasks(run, training_set, context)
    open_tasks = _without_held(run, tasks)
    run.tell(
        f"contest: {_size(run, context).name}, {len({task.entrant.name for task in tasks})} "
        "entrants, "
        f"{len({task.fold.number for task in tasks})} folds, {len(open_tasks)} of {len(tasks)} "
        "fits to do"
    )
    work: dict[tuple[int, str], dict[str, str]] = {}
    for task in open_tasks:
        number, entrant, placebo = task.identity
        work.setdefault((number, entrant), {})[placebo] = task.key
    return {
        "folds": [
            {"number": number, "entrant": entrant, "keys": keys}
            for (number, entrant), keys in work.items()
        ]
    }


def evaluate_folds(run: Run, context: Mapping[str, Any]) -> StepContext:
    """Evaluate the open folds: all, or what ``fold`` of `context` names of one entrant.

    Where the plan has named the folds, their keys come with it and no data are hashed again.
    """
    training_set, _ = load_training_set(run, context)
    planned = [context["fold"]] if context.get("fold") else context.get("folds")
    tasks = (
        _list_tasks(run, training_set, context)
        if planned is None
        else list_planned(run, training_set, _size(run, context), _planned_keys(planned))
    )
    evaluated = 0
    open_tasks = _without_held(run, tasks)
    for number, group in groupby(open_tasks, key=lambda task: task.fold.number):
        started, of_fold = time.perf_counter(), list(group)
        for task in of_fold:
            run.ports.warehouse.contests.save_fold(task.evaluate())
        evaluated += len(of_fold)
        run.tell(
            f"fold {number}, {_name_span(of_fold[0])}: {_name_entrants(of_fold)}, "
            f"{time.perf_counter() - started:.0f} s"
        )
    return {"evaluated": evaluated}


def tabulate_contest(run: Run, context: Mapping[str, Any]) -> StepContext:
    """Keep the report of the out-of-sample folds: their table, the placebos' and backtests."""
    training_set, _ = load_training_set(run, context)
    folds = load_contest(run, training_set, context)
    contests, signal = run.ports.warehouse.contests, run.signal.name
    # The base rate is what the others are held against, and no trial.
    n_tried = contests.count_trials(signal) - 1
    table = tabulate(folds, training_set, n_tried=n_tried, seed=run.config.seed)
    backtests = run_backtests(run, training_set, folds)
    report = ContestReport(
        signal=signal,
        as_of=run.session,
        image_set_hash=context["image_set_hash"],
        sentence=table.sentence,
        content=table.to_dict()
        | {
            "size": _size(run, context).name,
            "plan": _size(run, context).to_dict(),
            "backtests": describe_backtests(backtests),
        },
    )
    contests.save_report(report)
    for leak in table.leaks:
        run.tell(f"contest: {leak}")
    return {"contest_sentence": table.sentence, "leaks": list(table.leaks)}


def load_contest(
    run: Run, training_set: TrainingSet, context: Mapping[str, Any]
) -> list[FoldForecasts]:
    """Return all out-of-sample folds of the contest; raises `ArtefactError` when one is open."""
    tasks = _list_tasks(run, training_set, context)
    return run.ports.warehouse.contests.load_folds([task.key for task in tasks])


def load_out_of_sample_folds(
    run: Run, training_set: TrainingSet, context: Mapping[str, Any]
) -> HeldOut:
    """Return what the configured network has shown on all folds of the contest."""
    keys = [
        task.key
        for task in _list_tasks(run, training_set, context)
        if task.entrant.name == run.signal.model and not task.placebo
    ]
    return pool_folds(run.ports.warehouse.contests.load_folds(keys), training_set)


def _planned_keys(planned: Sequence[Mapping[str, Any]]) -> dict[TaskIdentity, str]:
    return {
        (int(fold["number"]), str(fold["entrant"]), placebo): key
        for fold in planned
        for placebo, key in fold["keys"].items()
    }


def _list_tasks(run: Run, training_set: TrainingSet, context: Mapping[str, Any]) -> list[Task]:
    return list_contest(run, training_set, _size(run, context))


def _size(run: Run, context: Mapping[str, Any]) -> ContestSize:
    """Return the size of the contest; one that is measured was handed on by `size_contest`."""
    size = size_of(run, context)
    if size is None:
        raise ValueError("size: a contest 'night' is measured by the step size_contest")
    return size


def _without_held(run: Run, tasks: Sequence[Task]) -> list[Task]:
    held = run.ports.warehouse.contests.list_held([task.key for task in tasks])
    return [task for task in tasks if task.key not in held]


def _name_span(task: Task) -> str:
    evaluated, market = task.fold.split.out_of_sample, task.fold.market
    return f"{market.session_at(int(evaluated[0]))} to {market.session_at(int(evaluated[-1]))}"


def _name_entrants(tasks: Sequence[Task]) -> str:
    names = list(dict.fromkeys(task.entrant.name for task in tasks))
    n_placebos = sum(bool(task.placebo) for task in tasks)
    shown = ", ".join(names) if len(names) < 3 else f"{len(names)} entrants"
    return f"{shown} and {n_placebos} placebos" if n_placebos else shown
