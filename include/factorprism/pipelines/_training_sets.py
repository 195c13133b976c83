"""The training set of a weekly run, loaded by reference, and the settings that it is trained by."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from factorprism.core.schemas import ImageSet, hash_bars
from factorprism.pipelines._image_sets import load_image_set
from factorprism.pipelines._run import Run
from factorprism.pipelines.history import align_closes
from factorprism.training import TrainingSet, TrainingSettings, build_training_set


def load_training_set(run: Run, refs: Mapping[str, Any]) -> tuple[TrainingSet, str]:
    """Return the images that `refs` name, joined to the target's closes, and the bars' hash."""
    image_set: ImageSet = load_image_set(
        refs["image_set_path"], refs["image_set_hash"], run.config.artefacts_url
    )
    first: date = image_set.sessions[0].astype(date)
    target = run.config.universe.target
    bars = run.ports.warehouse.bars.load_bars(run.config.universe.channels, first, run.session)
    closes = align_closes(bars, target, image_set.sessions)
    training_set = build_training_set(image_set, closes, run.config.horizon, as_of=run.session)
    return training_set, hash_bars(bars)


def training_settings(run: Run) -> TrainingSettings:
    """Return how the run's configuration wants networks to be trained."""
    config = run.config
    return TrainingSettings(
        architecture=config.model,
        seed=config.seed,
        epochs=config.epochs,
        threads=config.threads,
        holdout_sessions=config.holdout_sessions,
        frozen_layers=tuple(config.frozen_layers.replace(",", " ").split()),
    )
