"""Factors and images of the market: the panel of a symbol, the image set of a universe."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from factorprism.core.arrays import DayArray, FloatArray


@dataclass(frozen=True)
class FactorPanel:
    """Factors of one symbol: `values` is float32 [session, factor], C-contiguous, NaN = missing.

    Row t reads nothing after the close of ``sessions[t]``.
    """

    symbol: str
    sessions: DayArray
    factors: tuple[str, ...]
    values: FloatArray

    def __post_init__(self) -> None:
        expected = (len(self.sessions), len(self.factors))
        if self.values.shape != expected or self.values.dtype != np.float32:
            raise ValueError(
                f"values: {self.values.dtype} {self.values.shape}, expected float32 {expected}"
            )


@dataclass(frozen=True)
class ImageSet:
    """Panels of a universe's channels on the target's sessions, ready to be cut into windows.

    `cube` is float32 [session, factor, channel], C-contiguous, NaN = missing. An image of session
    t is ``cube[t - lookback + 1 : t + 1]``, a view of shape [lookback, factor, channel].
    """

    channels: tuple[str, ...]
    factors: tuple[str, ...]
    sessions: DayArray
    cube: FloatArray
    lookback: int

    def __post_init__(self) -> None:
        expected = (len(self.sessions), len(self.factors), len(self.channels))
        if self.cube.shape != expected or self.cube.dtype != np.float32:
            raise ValueError(f"cube: {self.cube.dtype} {self.cube.shape}, expected {expected}")
