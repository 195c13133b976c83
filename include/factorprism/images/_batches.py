"""Feeds training: shuffled batches of windows, copied out of the cube as they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from factorprism.core.schemas import FloatArray
from factorprism.images._memory import ArrayPool
from factorprism.images._windows import IntArray, gather_windows


@dataclass(eq=False)
class WindowBatches:
    """Shuffled batches of the windows of `cube` that end at rows `ends`.

    `cube` is float32 [session, factor, channel], C-contiguous, already normalised. Beside it
    stand one permutation of `ends` and the batches that the reader holds, usually two.
    """

    cube: FloatArray = field(repr=False)
    ends: IntArray = field(repr=False)
    lookback: int
    batch_size: int = 256
    seed: int = 0
    _memory: ArrayPool = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f"batch_size: {self.batch_size}, allowed are whole numbers from 1")
        size = min(self.batch_size, len(self.ends))
        self._memory = ArrayPool((size, self.lookback, *self.cube.shape[1:]))
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
        alone; within a batch they stand in the order of `ends`, which a mean over the batch does
        not see and which makes the copy faster. A batch is the reader's own for as long as anything
        refers to it, a tensor that shares its memory included; then its memory is used again.
        """
        order = np.random.default_rng([self.seed, number]).permutation(len(self.ends))
        for start in range(0, len(order), self.batch_size):
            positions = np.sort(order[start : start + self.batch_size])
            ends = self.ends[positions]
            # No name here may keep the batch, or its memory would never be free again.
            yield (
                positions,
                gather_windows(
                    self.cube, ends, self.lookback, out=self._memory.lend()[: len(ends)]
                ),
            )
