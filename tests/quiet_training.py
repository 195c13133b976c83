"""A candidate's training as tests ask for it: from scratch, of the default universe, in silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from factorprism.learning import Candidate, TrainingSet, TrainingSettings, train_candidate


def train_quietly(
    training_set: TrainingSet, settings: TrainingSettings, folder: Path, **changes: Any
) -> Candidate:
    """Train a candidate into `folder`; `changes` are further arguments of `train_candidate`."""
    arguments: dict[str, Any] = {
        "signal": "hs300-direction-3",
        "universe": "hs300",
        "mode": "retrain",
        "initial": None,
        "data_hash": "d" * 64,
        "progress": lambda sentence: None,
    }
    return train_candidate(training_set, settings, folder, **{**arguments, **changes})
