"""The one protocol of the contest: fit on a split, then forecast the rows that it judges."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from factorprism.training.dataset import Rows, TrainingSet
from factorprism.training.metrics import HeldOut, pool_held_out
from factorprism.training.recipe import train_split
from factorprism.training.settings import TrainingSettings
from factorprism.training.splits import Split


class Fitted(Protocol):
    """What has learned from a split."""

    def judge_rows(self, training_set: TrainingSet, rows: Rows) -> HeldOut:
        """Return the forecasts of `rows`, samples of `training_set`, beside what came of them.

        The forecast of a row reads images and closes up to that row, and none later.
        """
        ...


class Forecaster(Protocol):
    """What can learn from a split."""

    def fit(self, training_set: TrainingSet, split: Split) -> Fitted:
        """Learn from ``split.learned``; nothing of ``split.judged`` is read.

        Raises `LookAheadError` when a label of the split reaches into ``judged``.
        """
        ...


@dataclass(frozen=True)
class NetworkForecaster:
    """A network of the zoo as one contestant among others."""

    settings: TrainingSettings

    def fit(self, training_set: TrainingSet, split: Split) -> Fitted:
        """Train with the one recipe, at the effort of a walk-forward fold."""
        return train_split(training_set, split, self.settings, fold=True)


def judge_splits(
    forecaster: Forecaster, training_set: TrainingSet, splits: Iterable[Split]
) -> HeldOut:
    """Fit anew on each of `splits`, oldest first, and pool what they judge."""
    return pool_held_out(
        [
            forecaster.fit(training_set, split).judge_rows(training_set, split.judged)
            for split in splits
        ]
    )
