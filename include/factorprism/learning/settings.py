"""How a candidate is trained: the sizes of its parts and the effort spent on each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from factorprism.learning.fit import FitSettings
from factorprism.learning.splits import SplitSizes


@dataclass(frozen=True)
class TrainingSettings:
    """The recipe of one candidate; sizes count sessions, `network` overrides its configuration.

    `stride` as in `TrainingBatches`. `fold_epochs` bounds the epochs of a walk-forward fold and
    of a fine-tuning, which start where early stopping would soon end them. A fine-tuning leaves
    the layers whose names start with one of `frozen_layers` as they are. `members` further
    networks, of the seeds after `seed`, make an ensemble with the candidate, so that explanations
    can be compared.
    """

    architecture: str = "inception"
    network: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 14
    epochs: int = 30
    threads: int = 2
    holdout_sessions: int = 120
    validation_sessions: int = 250
    calibration_sessions: int = 250
    least_training_sessions: int = 200
    n_folds: int = 3
    fold_sessions: int = 250
    fold_epochs: int = 8
    stride: int = 3
    batch_size: int = 64
    learning_rate: float = 3e-4
    patience: int = 3
    fine_tune_learning_rate: float = 5e-5
    replay_sessions: int = 500
    frozen_layers: tuple[str, ...] = ()
    members: int = 0

    def __post_init__(self) -> None:
        for name in ("fold_epochs", "replay_sessions", "stride"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: {getattr(self, name)}, allowed are positive numbers")
        for name in ("n_folds", "members"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: {getattr(self, name)}, allowed are whole numbers from 0")
        if not all(self.frozen_layers):
            raise ValueError(f"frozen_layers: {self.frozen_layers}, allowed are names, none empty")

    def sizes(self, out_of_sample: int) -> SplitSizes:
        """Return the sizes of a split that evaluates `out_of_sample` sessions."""
        return SplitSizes(
            self.validation_sessions,
            self.calibration_sessions,
            out_of_sample,
            self.least_training_sessions,
        )

    def fit_settings(self, *, fold: bool, fine_tune: bool) -> FitSettings:
        """Return how the network of a fold, of a fine-tuning or of a retraining is fitted."""
        return FitSettings(
            epochs=min(self.epochs, self.fold_epochs) if fold or fine_tune else self.epochs,
            batch_size=self.batch_size,
            # The sessions of a fine-tuning were drawn already, each is worth reading.
            stride=1 if fine_tune else self.stride,
            learning_rate=self.fine_tune_learning_rate if fine_tune else self.learning_rate,
            patience=self.patience,
            seed=self.seed,
            threads=self.threads,
        )


def read_settings(spec: Mapping[str, Any]) -> TrainingSettings:
    """Return the settings in the spec of a saved model; of old, members were called witnesses."""
    held = dict(spec["settings"])
    if "witnesses" in held:
        held["members"] = held.pop("witnesses")
    return TrainingSettings(**{**held, "frozen_layers": tuple(held.get("frozen_layers", ()))})
