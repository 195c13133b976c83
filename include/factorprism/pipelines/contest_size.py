"""The size of a contest: fixed by name, or as much as fits a night on the machine it runs on."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from factorprism.core.errors import ConfigurationError
from factorprism.core.sessions import utc_now
from factorprism.core.words import count
from factorprism.learning import TrainingSet
from factorprism.pipelines._run import Run, StepContext
from factorprism.pipelines.history import load_training_set, training_settings
from factorprism.selection.contest import (
    PLACEBOS,
    ContestSize,
    Entrant,
    Task,
    TaskIdentity,
    choose_entrants,
    choose_size,
    describe_seconds,
    fewest_folds,
    list_named,
    list_tasks,
    probe_fold,
)

SIZES = ("quick", "full", "night")
# Older times may be another release's; another device's or machine's are never taken.
TIMES_KEPT = timedelta(days=35)
# Of the hours that are set, what fits and folds may take; the rest is for tables and surprises.
USED_SHARE = 0.8


def size_contest(run: Run, context: Mapping[str, Any]) -> StepContext:
    """Decide who takes part; ``contest`` of `context` is ``quick``, ``full`` or ``night``.

    ``quick`` holds the configured network against the baselines on the fewest folds that give an
    interval, without placebos. ``night`` measures: it takes the times of folds evaluated of late on
    this device, tries whoever has none on a few batches, and leaves out what does not fit into
    `contest_hours`. A contest that was tabulated is held again in the size that its report has
    recorded.
    """
    size = size_of(run, context)
    if size is None:
        size = _recorded_size(run) or _measure_size(run, context)
    if size.expected_seconds is not None:
        run.tell(
            f"contest: {describe_seconds(size.expected_seconds)} expected, with the candidate, "
            f"for {count(len(size.entrants), 'entrant')} on {count(size.n_folds, 'fold')}"
        )
    for sentence in size.left_out:
        run.tell(f"contest: left out, {sentence}")
    return {"size": size.to_dict()}


def size_of(run: Run, context: Mapping[str, Any]) -> ContestSize | None:
    """Return the size that was decided on or that a name fixes; None where it is to be measured.

    Raises `ConfigurationError` for an unknown name.
    """
    if "size" in context:
        return ContestSize.from_dict(context["size"])
    name = str(context.get("contest") or "quick")
    if name not in SIZES:
        raise ConfigurationError(f"contest {name!r} is unknown", remedy=f"Use {', '.join(SIZES)}.")
    return None if name == "night" else _fixed_size(run, name)


def list_contest(run: Run, training_set: TrainingSet, size: ContestSize) -> list[Task]:
    """Return all work of a contest of `size`."""
    entrants = _entrants_of(run, size)
    tasks = list_tasks(training_set, entrants, size.n_folds, size.placebos, run.signal.name)
    return size.select(tasks)


def list_planned(
    run: Run, training_set: TrainingSet, size: ContestSize, keys: Mapping[TaskIdentity, str]
) -> list[Task]:
    """Return the work that `keys` name, which was planned before: nothing is hashed."""
    entrants = _entrants_of(run, size)
    return list_named(training_set, entrants, size.n_folds, run.signal.name, keys)


def _entrants_of(run: Run, size: ContestSize) -> list[Entrant]:
    return [one for one in _entrants(run, full=True) if one.name in size.entrants]


def _fixed_size(run: Run, name: str) -> ContestSize:
    full, folds = name != "quick", run.config.contest_folds
    fewest = fewest_folds(run.signal.horizon, training_settings(run).fold_sessions)
    return ContestSize(
        name,
        tuple(entrant.name for entrant in _entrants(run, full=full)),
        folds if full else min(fewest, folds),
        PLACEBOS if full else (),
    )


def _entrants(run: Run, *, full: bool) -> tuple[Entrant, ...]:
    names = [*run.signal.networks, run.signal.model] if full else [run.signal.model]
    return choose_entrants(names, training_settings(run), run.target, quick=not full)


def _recorded_size(run: Run) -> ContestSize | None:
    """Return the measured size by which this session's report was drawn, if there is one."""
    report = run.ports.warehouse.contests.load_report(run.signal.name, run.session)
    plan: Any = report.content.get("plan") if report else None
    return ContestSize.from_dict(plan) if plan and plan["name"] == "night" else None


def _measure_size(run: Run, context: Mapping[str, Any]) -> ContestSize:
    training_set, _ = load_training_set(run, context)
    full = _fixed_size(run, "night")
    tasks = list_contest(run, training_set, full)
    held = run.ports.warehouse.contests.list_held([task.key for task in tasks])
    open_tasks = [task for task in tasks if task.key not in held]
    seconds = _measure(run, tasks)
    settings = training_settings(run)
    rounds = settings.epochs / min(settings.epochs, settings.fold_epochs)
    return choose_size(
        full,
        open_tasks,
        tasks,
        seconds,
        own=run.signal.model,
        besides=(1 + settings.members) * rounds * seconds[run.signal.model],
        limit=run.config.contest_hours * 3600.0 * USED_SHARE,
    )


def _measure(run: Run, tasks: Sequence[Task]) -> dict[str, float]:
    """Return the seconds that each entrant takes for a fold, measured of late or by a short try."""
    newest = {task.entrant.name: task for task in tasks if not task.placebo}
    since = utc_now() - TIMES_KEPT
    times = run.ports.warehouse.contests.list_times(run.signal.name, since)
    seconds = {}
    for name, task in newest.items():
        wanted = _text(task.entrant.described)
        device = task.entrant.name_device()
        own = [
            one.seconds
            for one in times
            if (one.entrant, one.device) == (name, device) and _text(one.settings) == wanted
        ]
        how = f"{count(len(own), 'fold')} of late" if own else "a short try"
        seconds[name] = statistics.median(own) if own else probe_fold(task.entrant, task.fold)
        run.tell(f"contest: {name} takes {seconds[name]:.1f} s a fold, by {how}")
    return seconds


def _text(settings: Mapping[str, object]) -> str:
    return json.dumps(settings, sort_keys=True)
