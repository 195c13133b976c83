"""Trains the candidate's network again from other seeds, so that its reasons can be compared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from factorprism.models import ModelBundle, load_witnesses
from factorprism.training.dataset import TrainingSet
from factorprism.training.recipe import train_split
from factorprism.training.settings import TrainingSettings
from factorprism.training.splits import Split


def train_witnesses(
    training_set: TrainingSet,
    split: Split,
    settings: TrainingSettings,
    start: ModelBundle | None,
    initial: Path | None,
) -> list[Any]:
    """Return the networks that the candidate's recipe gives with the ``settings.witnesses`` next
    seeds on the candidate's own `split`.

    A fine-tuning from `start`, the bundle in `initial`, goes on from the start's own witnesses and
    has no more than these: begun from the start's weights they would agree because they share
    them. Raises as `train_split` does, and `ArtefactError` for an altered witness.
    """
    starts: tuple[ModelBundle | None, ...] = (None,) * settings.witnesses
    if start is not None and initial is not None:
        starts = load_witnesses(initial, start)[: settings.witnesses]
    return [
        train_split(
            training_set, split, replace(settings, seed=settings.seed + number), start=begun
        ).network
        for number, begun in enumerate(starts, start=1)
    ]
