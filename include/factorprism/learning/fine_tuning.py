"""What a fine-tuning shows to a network that knows the past, and which layers may not move."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from factorprism.core.errors import ConfigurationError
from factorprism.learning.settings import TrainingSettings
from factorprism.targets import Rows


def draw_replay(train: Rows, n_seen: int, settings: TrainingSettings) -> Rows:
    """Return the rows of `train` after its first `n_seen`, behind a draw of those, all ascending.

    The network has learned from the first `n_seen` already; ``settings.replay_sessions`` of them,
    drawn by the seed, keep it from forgetting (Robins 1995, rehearsal).
    """
    older, newer = train[:n_seen], train[n_seen:]
    generator = np.random.default_rng(settings.seed)
    size = min(len(older), settings.replay_sessions)
    replayed = np.sort(generator.choice(older, size, replace=False)) if size else older
    return np.concatenate([replayed, newer])


def check_frozen_layers(network: Any, frozen_layers: Sequence[str]) -> tuple[str, ...]:
    """Return `frozen_layers` as they are; each must begin the name of a layer with weights.

    Raises `ConfigurationError` naming what `network` (a `keras.Model`) has, and when no layer
    with weights would be left to train.
    """
    names = [layer.name for layer in network.layers if layer.trainable_weights]
    absent = [name for name in frozen_layers if not any(own.startswith(name) for own in names)]
    free = [own for own in names if not own.startswith(tuple(frozen_layers))]
    if absent or not free:
        problem = f"no layer's name begins with {absent[0]!r}" if absent else "all are frozen"
        known = ", ".join(dict.fromkeys(own.split("_")[0] for own in names))
        raise ConfigurationError(
            f"the layers {', '.join(frozen_layers)} cannot be frozen: {problem}",
            remedy=f"Set FACTORPRISM_FROZEN_LAYERS to beginnings of names, not all of: {known}.",
        )
    return tuple(frozen_layers)
