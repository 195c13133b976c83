"""Feeds a training with images cut from the panel as they are needed, never stored as windows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import numpy as np
import numpy.typing as npt

from factorprism.core.schemas import FloatArray
from factorprism.images import WindowBatches, gather_windows
from factorprism.targets import Rows

LabelArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Samples:
    """Images and labels of some sessions, as a network sees them.

    `cube` is the normalised float32 [session, factor, channel], `ends` the row of each image's
    last session, `labels` float32 [sample] on the scale that the target gives them.
    """

    cube: FloatArray = field(repr=False)
    ends: Rows = field(repr=False)
    labels: LabelArray = field(repr=False)
    lookback: int

    def __len__(self) -> int:
        return len(self.ends)

    def gather(self) -> tuple[FloatArray, LabelArray]:
        """Return all images [sample, lookback, factor, channel] and labels [sample, 1]."""
        return gather_windows(self.cube, self.ends, self.lookback), self.labels[:, np.newaxis]


@dataclass(frozen=True)
class TrainingBatches:
    """Shuffled batches of equal size, epoch after epoch without end.

    Windows of neighbouring sessions share all but one row. An epoch reads every `stride`-th of
    them, the next epoch starts one later: after `stride` epochs all have been read, at the cost
    of one. What does not fill a batch is left out of the epoch; the order follows from `seed`.
    """

    samples: Samples = field(repr=False)
    batch_size: int
    stride: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if len(self.samples) < self.batch_size * self.stride:
            raise ValueError(
                f"samples: {len(self.samples)}, allowed are at least {self.batch_size} x "
                f"{self.stride}, a batch in each epoch"
            )

    @property
    def per_epoch(self) -> int:
        """Number of batches in an epoch."""
        return len(self.samples) // self.stride // self.batch_size

    def __iter__(self) -> Iterator[tuple[FloatArray, LabelArray]]:
        for epoch in count():
            chosen = slice(epoch % self.stride, None, self.stride)
            labels = self.samples.labels[chosen, np.newaxis]
            batches = WindowBatches(
                self.samples.cube,
                self.samples.ends[chosen],
                self.samples.lookback,
                self.batch_size,
                self.seed,
            )
            for number, (positions, images) in enumerate(batches.epoch(epoch)):
                if number < self.per_epoch:
                    yield images, labels[positions]


def fit_batches(samples: Samples, batch_size: int, stride: int, seed: int) -> TrainingBatches:
    """Return the batches of `samples`, with a smaller stride, then batch, where they are few."""
    stride = max(1, min(stride, len(samples) // batch_size))
    return TrainingBatches(samples, min(batch_size, len(samples)), stride, seed)
