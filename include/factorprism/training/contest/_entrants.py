"""Who takes part in the contest: baselines and networks by name, and the work each has to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np

from factorprism.core.contest import FoldForecasts
from factorprism.core.errors import ConfigurationError
from factorprism.models import network_names
from factorprism.models.backend import forget_networks, name_device
from factorprism.training.baselines import Baseline, Forecaster, NetworkForecaster, baseline_names
from factorprism.training.contest._folds import (
    Fold,
    cut_folds,
    describe_settings,
    make_fold_key,
)
from factorprism.training.dataset import TrainingSet
from factorprism.training.metrics import HeldOut
from factorprism.training.returns import HeldOutReturns
from factorprism.training.settings import TrainingSettings


@dataclass(frozen=True)
class Entrant:
    """One name in the table with the settings that it learns by."""

    name: str
    settings: TrainingSettings = field(repr=False)

    def __post_init__(self) -> None:
        known = (*baseline_names(), *network_names())
        if self.name not in known:
            raise ConfigurationError(
                f"nobody called {self.name!r} can take part in the contest",
                remedy=f"Known: {', '.join(known)}.",
            )

    @property
    def is_network(self) -> bool:
        return self.name not in baseline_names()

    @property
    def described(self) -> dict[str, object]:
        """What of the settings its forecasts depend on, as JSON."""
        return describe_settings(self.settings, network=self.is_network)

    def make_forecaster(self) -> Forecaster:
        if self.is_network:
            return NetworkForecaster(self.settings)
        return Baseline(self.name, self.settings.seed)


# The baseline whose library takes half a minute to import: not for a quick contest.
SLOW = ("rocket",)


def choose_entrants(
    names: Sequence[str], settings: TrainingSettings, *, quick: bool = False
) -> tuple[Entrant, ...]:
    """Return the baselines, all or without the slow one, then the networks in `names`, each once.

    The configuration overrides in ``settings.network`` are those of ``settings.architecture`` and
    go to no other network. Raises `ConfigurationError` for an unknown name.
    """
    networks = [name for name in dict.fromkeys(names) if name not in baseline_names()]
    baselines = [name for name in baseline_names() if not (quick and name in SLOW)]
    own = settings.architecture
    return tuple(
        Entrant(
            name,
            replace(settings, architecture=name, network=settings.network if name == own else {}),
        )
        for name in (*baselines, *networks)
    )


@dataclass(frozen=True)
class Task:
    """One entrant on one fold, with true labels or with a placebo's; `key` names its forecasts."""

    entrant: Entrant
    fold: Fold = field(repr=False)
    placebo: str
    key: str
    universe: str

    def judge(self) -> FoldForecasts:
        """Learn from the fold's past and forecast its judged sessions."""
        begun = datetime.now(UTC)
        fitted = self.entrant.make_forecaster().fit(self.fold.market, self.fold.split)
        held_out = fitted.judge_rows(self.fold.market, self.fold.split.judged)
        if self.entrant.is_network:
            forget_networks()
        returns = held_out.returns
        if returns is None:
            raise ValueError(f"entrant: {self.entrant.name!r} estimates no returns")
        return FoldForecasts(
            fold_key=self.key,
            universe=self.universe,
            horizon=self.fold.market.horizon,
            entrant=self.entrant.name,
            placebo=self.placebo,
            settings=self.entrant.described,
            sessions=self.fold.market.image_set.sessions[held_out.rows].astype("datetime64[D]"),
            went_up=held_out.labels.astype(np.int8),
            p_up=held_out.y_prob,
            base_rate=held_out.base,
            forward_return=returns.forward,
            return_estimate=returns.estimate,
            return_base=returns.base,
            begun_at=begun,
            device=name_device(),
        )


def list_tasks(
    training_set: TrainingSet,
    entrants: Sequence[Entrant],
    n_folds: int,
    placebos: Sequence[str],
    universe: str,
) -> list[Task]:
    """Return all work of the contest: folds oldest first, entrants in their order in each.

    The data of a fold are hashed once for all its entrants; nothing is trained here.
    """
    tasks: list[Task] = []
    for placebo in ("", *placebos):
        for fold in cut_folds(training_set, entrants[0].settings, n_folds, placebo):
            for entrant in entrants:
                key = make_fold_key(fold, entrant.name, entrant.described, placebo, universe)
                tasks.append(Task(entrant, fold, placebo, key, universe))
    return sorted(tasks, key=lambda task: task.fold.number)


def pool_folds(folds: Sequence[FoldForecasts], training_set: TrainingSet) -> HeldOut:
    """Join one entrant's folds, oldest first, on the session rows of `training_set`."""
    days = training_set.image_set.sessions.astype("datetime64[D]")

    def join(name: str) -> np.ndarray:
        return np.concatenate([getattr(fold, name) for fold in folds])

    return HeldOut(
        np.searchsorted(days, join("sessions")),
        join("went_up"),
        join("p_up"),
        join("base_rate"),
        HeldOutReturns(join("forward_return"), join("return_estimate"), join("return_base")),
    )
