"""How much of the full contest fits into the time that there is, and what is left out first."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from factorprism.evaluation.resampling import BLOCK_HORIZONS, LEAST_BLOCKS
from factorprism.selection.contest._entrants import Entrant, Task
from factorprism.selection.contest._folds import SHIFTED

# A task starts a process, which loads the library and the images.
START_SECONDS = 15.0
# Folds below which entrants are not worth comparing: placebos and ROCKET go before them.
FEW_FOLDS = 4


@dataclass(frozen=True)
class ContestSize:
    """Who takes part in one contest, over how many of the newest folds, with which placebos.

    `name` is ``quick``, ``full`` or ``night``. For ``night``, `expected_seconds` is what the
    contest and the candidate's training are expected to take, and `left_out` says of the full
    contest what is missing and why.
    """

    name: str
    entrants: tuple[str, ...]
    n_folds: int
    placebos: tuple[str, ...]
    expected_seconds: float | None = None
    left_out: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-safe form."""
        lists = {name: list(getattr(self, name)) for name in ("entrants", "placebos", "left_out")}
        seconds = None if self.expected_seconds is None else round(self.expected_seconds)
        named = {"name": self.name, "n_folds": self.n_folds, "expected_seconds": seconds}
        return {**named, **lists}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ContestSize:
        """Return what `to_dict` has written."""
        lists = {name: tuple(values[name]) for name in ("entrants", "placebos", "left_out")}
        return cls(**{**values, **lists})

    def select(self, tasks: Sequence[Task]) -> list[Task]:
        """Return those of `tasks` (a full contest's) that take part, in their order."""
        numbers = sorted({task.fold.number for task in tasks if not task.placebo})[-self.n_folds :]
        placebos = ("", *self.placebos)
        return [
            task
            for task in tasks
            if task.fold.number in numbers
            and task.entrant.name in self.entrants
            and task.placebo in placebos
        ]


def fewest_folds(horizon: int, fold_sessions: int) -> int:
    """Return how many full folds hold `LEAST_BLOCKS` of the blocks that intervals are drawn from.

    The network of each further fold is the dearest part of a first run. The weekly contest
    evaluates more of them, and takes over those that are held.
    """
    return math.ceil(LEAST_BLOCKS * BLOCK_HORIZONS * horizon / fold_sessions)


def choose_size(
    full: ContestSize,
    open_tasks: Sequence[Task],
    tasks: Sequence[Task],
    seconds: Mapping[str, float],
    *,
    own: str,
    besides: float,
    limit: float,
) -> ContestSize:
    """Return the largest part of `full` whose open work fits into `limit` seconds.

    `tasks` are all of the full contest, `open_tasks` those that no earlier contest has done.
    `seconds` are an entrant's for one fold, `besides` those of what follows the contest. `own` is
    the configured network, which always takes part, as do the baselines. Left out are first the
    shifted labels, which convict nobody; then other networks, the dearest first; then the oldest
    folds down to `FEW_FOLDS`; then the shuffled labels, slow baselines, and further folds. The
    smallest contest is held even where it does not fit.
    """
    entrants = list({task.entrant.name: task.entrant for task in tasks}.values())
    still = {task.key for task in open_tasks}

    def cost(size: ContestSize) -> float:
        work = [task for task in size.select(tasks) if task.key in still]
        starts = len({(task.fold.number, task.entrant.name) for task in work})
        fits = sum(seconds[task.entrant.name] for task in work)
        return besides + starts * START_SECONDS + fits

    shares = {name: cost(replace(full, entrants=(name,))) - besides for name in full.entrants}
    sizes = list(_reduce(full, shares, entrants, own))
    # Where nothing fits, the largest of the cheapest: folds that are held cost nothing.
    size = next((one for one in sizes if cost(one) <= limit), min(sizes, key=cost))
    said = _describe_left_out(full, size, shares)
    if cost(size) > limit:
        said += (f"even this much is expected to take longer than {describe_seconds(limit)}",)
    return replace(size, expected_seconds=cost(size), left_out=said)


def _reduce(
    full: ContestSize, shares: Mapping[str, float], entrants: Sequence[Entrant], own: str
) -> Iterator[ContestSize]:
    """Yield `full` and ever smaller parts of it."""
    yield full
    size = replace(full, placebos=tuple(name for name in full.placebos if name != SHIFTED))
    yield size
    others = [one.name for one in entrants if one.is_network and one.name != own]
    for name in sorted(others, key=lambda name: (-shares[name], name)):
        size = _without(size, name)
        yield size
    while size.n_folds > FEW_FOLDS:
        size = replace(size, n_folds=size.n_folds - 1)
        yield size
    size = replace(size, placebos=())
    yield size
    for name in [one.name for one in entrants if one.baseline and one.baseline.slow]:
        size = _without(size, name)
        yield size
    while size.n_folds > 1:
        size = replace(size, n_folds=size.n_folds - 1)
        yield size


def _without(size: ContestSize, name: str) -> ContestSize:
    return replace(size, entrants=tuple(one for one in size.entrants if one != name))


def _describe_left_out(
    full: ContestSize, size: ContestSize, shares: Mapping[str, float]
) -> tuple[str, ...]:
    said = [
        f"{name}: {describe_seconds(shares[name])} for what is open of it"
        for name in full.entrants
        if name not in size.entrants
    ]
    placebos = [name.replace("_", " ") for name in full.placebos if name not in size.placebos]
    if placebos:
        said.append(f"the placebos {', '.join(placebos)}")
    if size.n_folds < full.n_folds:
        said.append(f"the oldest {full.n_folds - size.n_folds} of {full.n_folds} folds")
    return tuple(said)


def describe_seconds(seconds: float) -> str:
    """Return `seconds` in hours, or in minutes where they are less than one."""
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{max(1, round(seconds / 60))} min"
