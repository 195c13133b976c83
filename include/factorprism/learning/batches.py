"""Feeds a training with images cut from the panel as they are needed, never stored as windows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from factorprism.core.arrays import FloatArray
from factorprism.images import gather_windows
from factorprism.models.backend import load_keras
from factorprism.targets import Rows

LabelArray = npt.NDArray[np.float32]
Drawn = npt.NDArray[np.int32]


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

    def take(self, chosen: Drawn) -> Samples:
        """Return the samples at `chosen`; the cube stays whole."""
        return replace(self, ends=self.ends[chosen], labels=self.labels[chosen])

    def gather(self) -> tuple[FloatArray, LabelArray]:
        """Return all images [sample, lookback, factor, channel] and labels [sample, 1]."""
        return gather_windows(self.cube, self.ends, self.lookback), self.labels[:, np.newaxis]


@dataclass(frozen=True)
class TrainingBatches:
    """Shuffled batches of equal size.

    Windows of neighbouring sessions share all but one row. An epoch reads every `stride`-th of
    them, the next epoch starts one later: after `stride` epochs all have been read, at the cost
    of one. What does not fill a batch is left out of the epoch; the order follows from `seed`.
    """

    samples: Samples = field(repr=False)
    batch_size: int
    stride: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f"batch_size: {self.batch_size}, allowed are whole numbers from 1")
        if len(self.samples) < self.batch_size * self.stride:
            raise ValueError(
                f"samples: {len(self.samples)}, allowed are at least {self.batch_size} x "
                f"{self.stride}, a batch in each epoch"
            )

    @property
    def per_epoch(self) -> int:
        """Number of batches in an epoch."""
        return len(self.samples) // self.stride // self.batch_size

    def draw(self, epoch: int) -> Drawn:
        """Return which samples the batches of `epoch` hold, [batch, sample].

        Which samples share a batch follows from (`seed`, `epoch`) alone. Within a batch they
        ascend, which a mean over the batch does not see and which makes the copy faster.
        """
        chosen = np.arange(epoch % self.stride, len(self.samples), self.stride, dtype=np.int32)
        order = np.random.default_rng([self.seed, epoch]).permutation(len(chosen))
        full = order[: self.per_epoch * self.batch_size].reshape(-1, self.batch_size)
        return chosen[np.sort(full, axis=1)]

    def stream(self, epochs: int) -> Any:
        """Return the batches of `epochs`, one after another, in a form that Keras fits on.

        A batch is images [sample, lookback, factor, channel] and labels [sample, 1].
        """
        drawn = np.concatenate([self.draw(epoch) for epoch in range(epochs)])
        if load_keras().backend.backend() == "tensorflow":
            return _stream_in_tensorflow(self.samples, drawn)
        return (self.samples.take(chosen).gather() for chosen in drawn)


def _stream_in_tensorflow(samples: Samples, drawn: Drawn) -> Any:
    """Return for each row of `drawn` its images and labels, cut by TensorFlow itself.

    As soon as a Python generator feeds it, TensorFlow sets glibc's trim threshold to 128 kB for the
    whole process. From then on each training step gives its memory back to the system and takes it
    anew, at a tenth of the speed.
    """
    import tensorflow

    with tensorflow.device("CPU"):
        cube, labels = (
            tensorflow.convert_to_tensor(part) for part in (samples.cube, samples.labels)
        )
        ends = tensorflow.convert_to_tensor(samples.ends.astype(np.int32))
        sessions = tensorflow.range(1 - samples.lookback, 1)

    def cut(chosen: Any) -> tuple[Any, Any]:
        rows = tensorflow.gather(ends, chosen)[:, tensorflow.newaxis] + sessions
        return tensorflow.gather(cube, rows), tensorflow.gather(
            labels, chosen[:, tensorflow.newaxis]
        )

    # Batches of a length that is known beforehand would be computed by another graph, whose
    # weights differ in the last bits.
    chosen = tensorflow.data.Dataset.from_tensor_slices(drawn.ravel()).batch(drawn.shape[1])
    return chosen.map(cut).prefetch(2)


def fit_batches(samples: Samples, batch_size: int, stride: int, seed: int) -> TrainingBatches:
    """Return the batches of `samples`, with a smaller stride, then batch, where they are few."""
    stride = max(1, min(stride, len(samples) // batch_size))
    return TrainingBatches(samples, min(batch_size, len(samples)), stride, seed)
