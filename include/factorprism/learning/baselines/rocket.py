"""The peer of time-series classification: random convolution kernels under a linear model."""

from __future__ import annotations

import sys
from functools import cache
from importlib import reload
from typing import Any

import numpy as np
import numpy.typing as npt

from factorprism.core.arrays import FloatArray
from factorprism.learning.baselines._interpreted import interpreted
from factorprism.learning.baselines.protocol import RowScore
from factorprism.learning.baselines.tabular import fit_linear
from factorprism.learning.samples import TrainingSet
from factorprism.learning.splits import Split

# Shared out among the series of an image, each of which has kernels of its own.
KERNELS = 1024
KERNEL_SIZES = (7, 9, 11)  # those of the paper
Table = npt.NDArray[np.float64]


@cache
def load_rocket() -> Any:
    """Return the class `ROCKET` of pyts, compiled, while the rest of pyts is left as plain Python.

    pyts compiles all that it has when it is imported, 13 s of one core for what nobody calls here.
    """
    with interpreted():
        import pyts.transformation

    return reload(sys.modules[pyts.transformation.ROCKET.__module__]).ROCKET


class RandomKernels:
    """ROCKET (Dempster, Petitjean and Webb 2020) on each series of an image, scaled for a ridge.

    Kernels of pyts, which are compiled anew in each process, for some seconds of one core. Each
    gives the greatest value of its convolution and the share of positive ones.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._rockets: list[Any] = []
        self._mean = self._deviation = np.empty(0)

    def fit(self, images: FloatArray) -> RandomKernels:
        """Draw the kernels and measure the features of `images` [n, lookback, factor, channel]."""
        n_series = int(np.prod(images.shape[2:]))
        share = max(KERNELS // n_series, 1)
        sizes = tuple(size for size in KERNEL_SIZES if size <= images.shape[1])
        rocket = load_rocket()
        self._rockets = [
            rocket(share, sizes, random_state=self._seed + index).fit(images[:1, :, 0, 0])
            for index in range(n_series)
        ]
        features = self._transform(images)
        self._mean = features.mean(axis=0)
        deviation = features.std(axis=0)
        self._deviation = np.where(deviation > 0.0, deviation, 1.0)
        return self

    def transform(self, images: FloatArray) -> Table:
        """Return the features of `images`, float64 [n, feature], by the scale of those fitted."""
        scaled: Table = (self._transform(images) - self._mean) / self._deviation
        return scaled

    def _transform(self, images: FloatArray) -> Table:
        series = images.reshape(*images.shape[:2], -1).astype(np.float64)
        parts = [
            rocket.transform(np.ascontiguousarray(series[:, :, index]))
            for index, rocket in enumerate(self._rockets)
        ]
        return np.concatenate(parts, axis=1)


def fit_rocket(training_set: TrainingSet, split: Split, seed: int) -> RowScore:
    """Return a ridge logistic regression on the features of random convolution kernels."""
    return fit_linear(training_set, split, lambda images: images, RandomKernels(seed), seed)
