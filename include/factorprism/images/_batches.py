"""Feeds training: shuffled batches of windows, copied out of the cube as they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from factorprism.core.schemas import FloatArray
from factorprism.images._windows import IntArray, gather_windows


@dataclass(frozen=True, eq=False)
class WindowBatches:
    """Shuffled batches of the windows of `cube` that end at rows `ends`.

    `cube` is float32 [session, factor, channel], C-contiguous, already normalised. Beside it
    stand one permutation of `ends` and the batch in hand, never the windows themselves.
    """

    cube: FloatArray = field(repr=False)
    ends: IntArray = field(repr=False)
    lookback: int
    batch_size: int = 256
    seed: int = 0

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f"batch_size: {self.batch_size}, allowed are whole numbers from 1")
        if len(self.ends):
            # What cannot be cut is refused before the first epoch begins.
            extremes = np.array([self.ends.min(), self.ends.max()])
            gather_windows(self.cube, extremes, self.lookback)

    def __len__(self) -> int:
        """Return the number of batches in one epoch; the last may be smaller."""
        return -(-len(self.ends) // self.batch_size)

    def epoch(self, number: int) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield (positions in `ends`, windows [n, lookback, factor, channel]) of one epoch.

        Every position comes once. Which windows share a batch follows from (`seed`, `number`)
        alone; within a batch they stand in order of time, which a mean over the batch does not
        see and the copy is a third faster for. Each batch is the caller's own.
        """
        order = np.random.default_rng([self.seed, number]).permutation(len(self.ends))
        for start in range(0, len(order), self.batch_size):
            positions = order[start : start + self.batch_size]
            positions = positions[np.argsort(self.ends[positions], kind="stable")]
            yield positions, gather_windows(self.cube, self.ends[positions], self.lookback)
