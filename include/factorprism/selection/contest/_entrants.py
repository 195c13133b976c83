"""Who takes part in the contest: baselines and networks by name, and the work each has to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np

from factorprism.core.contest import FoldForecasts
from factorprism.core.errors import ConfigurationError
from factorprism.learning.baselines import BaselineForecaster, Forecaster, NetworkForecaster
from factorprism.learning.samples import HeldOut, TrainingSet, pool_held_out
from factorprism.learning.settings import TrainingSettings
from factorprism.models import network_names
from factorprism.models.backend import forget_networks, name_cpu, name_device
from factorprism.selection.contest._folds import (
    Fold,
    cut_folds,
    describe_settings,
    hash_histories,
    make_fold_key,
)
from factorprism.targets import Baseline, Columns, Target

# Number of the fold, entrant, placebo: what a task is known by within one contest.
TaskIdentity = tuple[int, str, str]


@dataclass(frozen=True)
class Entrant:
    """One name in the table with the settings that it learns by; without `baseline` a network."""

    name: str
    settings: TrainingSettings = field(repr=False)
    baseline: Baseline | None = field(default=None, repr=False)

    @property
    def is_network(self) -> bool:
        return self.baseline is None

    @property
    def described(self) -> dict[str, object]:
        """What of the settings its forecasts depend on, as JSON."""
        return describe_settings(self.settings, network=self.is_network)

    def name_device(self) -> str:
        """Return what it computes on here; for a baseline no backend of networks is loaded."""
        return name_device() if self.is_network else name_cpu()

    def make_forecaster(self) -> Forecaster:
        if self.is_network:
            return NetworkForecaster(self.settings)
        return BaselineForecaster(self.name, self.settings.seed)


def choose_entrants(
    names: Sequence[str], settings: TrainingSettings, target: Target, *, quick: bool = False
) -> tuple[Entrant, ...]:
    """Return the baselines of `target`, all or without slow ones, then the networks in `names`.

    Each takes part once. The configuration overrides in ``settings.network`` are those of
    ``settings.architecture`` and go to no other network. Raises `ConfigurationError` for an
    unknown name.
    """
    own, baselines = settings.architecture, {one.name: one for one in target.baselines}
    networks = [name for name in dict.fromkeys(names) if name not in baselines]
    for name in networks:
        _check_network(name, (*baselines, *network_names()))
    plain = replace(settings, network={})
    return (
        *(
            Entrant(one.name, replace(plain, architecture=one.name), one)
            for one in target.baselines
            if not (quick and one.slow)
        ),
        *(
            Entrant(name, replace(settings if name == own else plain, architecture=name))
            for name in networks
        ),
    )


def _check_network(name: str, known: Sequence[str]) -> None:
    if name not in known:
        raise ConfigurationError(
            f"nobody called {name!r} can take part in the contest",
            remedy=f"Known: {', '.join(known)}.",
        )


@dataclass(frozen=True)
class Task:
    """One entrant on one fold, with true labels or with a placebo's; `key` names its forecasts."""

    entrant: Entrant
    fold: Fold = field(repr=False)
    key: str
    signal: str

    @property
    def placebo(self) -> str:
        return self.fold.placebo

    @property
    def identity(self) -> TaskIdentity:
        return self.fold.number, self.entrant.name, self.placebo

    def evaluate(self) -> FoldForecasts:
        """Learn from the fold's past and forecast its sessions out of sample."""
        begun = datetime.now(UTC)
        market, split = self.fold.market, self.fold.split
        fitted = self.entrant.make_forecaster().fit(market, split)
        held_out = fitted.forecast_rows(market, split.out_of_sample)
        if self.entrant.is_network:
            forget_networks()
        return FoldForecasts(
            fold_key=self.key,
            signal=self.signal,
            entrant=self.entrant.name,
            placebo=self.placebo,
            settings=self.entrant.described,
            sessions=market.image_set.sessions[held_out.rows].astype("datetime64[D]"),
            columns=_to_columns(held_out),
            begun_at=begun,
            device=self.entrant.name_device(),
        )


def list_tasks(
    training_set: TrainingSet,
    entrants: Sequence[Entrant],
    n_folds: int,
    placebos: Sequence[str],
    signal: str,
) -> list[Task]:
    """Return all work of the contest: folds oldest first, entrants in their order in each.

    The data of all folds are hashed in one pass; nothing is trained here.
    """
    folds = [
        fold
        for placebo in ("", *placebos)
        for fold in cut_folds(training_set, entrants[0].settings, n_folds, placebo)
    ]
    hashes = hash_histories(training_set, [fold.n_sessions for fold in folds])
    tasks = [
        Task(entrant, fold, _make_key(entrant, fold, hashes[fold.n_sessions], signal), signal)
        for fold in folds
        for entrant in entrants
    ]
    return sorted(tasks, key=lambda task: task.fold.number)


def list_named(
    training_set: TrainingSet,
    entrants: Sequence[Entrant],
    n_folds: int,
    signal: str,
    keys: Mapping[TaskIdentity, str],
) -> list[Task]:
    """Return the tasks that `keys` names, as `list_tasks` has given them.

    The keys are those of that listing, so that nothing is hashed again.
    """
    tasks = [
        Task(entrant, fold, keys[identity], signal)
        for placebo in dict.fromkeys(placebo for _, _, placebo in keys)
        for fold in cut_folds(training_set, entrants[0].settings, n_folds, placebo)
        for entrant in entrants
        if (identity := (fold.number, entrant.name, placebo)) in keys
    ]
    return sorted(tasks, key=lambda task: task.fold.number)


def pool_folds(folds: Sequence[FoldForecasts], training_set: TrainingSet) -> HeldOut:
    """Join one entrant's folds, oldest first, on the session rows of `training_set`."""
    return pool_held_out([_hold_out(fold, training_set) for fold in folds])


def _make_key(entrant: Entrant, fold: Fold, data_hash: str, signal: str) -> str:
    return make_fold_key(fold, data_hash, entrant.name, entrant.described, signal)


def _to_columns(held_out: HeldOut) -> Columns:
    parts = {"outcome": held_out.outcomes, "value": held_out.values, "base": held_out.reference}
    return dict(_prefixed(parts))


def _prefixed(parts: Mapping[str, Columns]) -> Iterator[tuple[str, np.ndarray]]:
    for prefix, columns in parts.items():
        for name, column in columns.items():
            yield f"{prefix}.{name}", column


def _hold_out(fold: FoldForecasts, training_set: TrainingSet) -> HeldOut:
    days = training_set.image_set.sessions.astype("datetime64[D]")
    parts: dict[str, dict[str, np.ndarray]] = {"outcome": {}, "value": {}, "base": {}}
    for name, column in fold.columns.items():
        prefix, _, plain = name.partition(".")
        parts[prefix][plain] = column
    return HeldOut(
        np.searchsorted(days, fold.sessions),
        np.repeat(fold.sessions[:1], len(fold.sessions)),
        parts["outcome"],
        parts["value"],
        parts["base"],
    )
