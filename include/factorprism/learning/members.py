"""Trains the candidate's network again from other seeds, so that its reasons can be compared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from factorprism.learning.recipe import train_split
from factorprism.learning.samples import TrainingSet
from factorprism.learning.settings import TrainingSettings
from factorprism.learning.splits import Split
from factorprism.models import ModelBundle, load_members


def train_members(
    training_set: TrainingSet,
    split: Split,
    settings: TrainingSettings,
    start: ModelBundle | None,
    initial: Path | None,
) -> list[Any]:
    """Return the ``settings.members`` networks that the candidate's recipe gives with the next
    seeds on the candidate's own `split`.

    A fine-tuning from `start`, the bundle in `initial`, goes on from the start's own members and
    has no more than these: begun from the start's weights they would agree because they share
    them. Raises as `train_split` does, and `ArtefactError` for an altered member.
    """
    starts: tuple[ModelBundle | None, ...] = (None,) * settings.members
    if start is not None and initial is not None:
        starts = load_members(initial, start)[: settings.members]
    return [
        train_split(
            training_set, split, replace(settings, seed=settings.seed + number), start=begun
        ).network
        for number, begun in enumerate(starts, start=1)
    ]
