"""Brings every factor of every channel to one scale, fitted on training sessions alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from factorprism.core.arrays import FloatArray

# The interquartile range of a normal distribution is this many standard deviations.
IQR_OF_NORMAL = 1.3489795003921634
# A spread below this share of the values' size is rounding noise of a constant, not movement.
NOISE = 1e-6


@dataclass(frozen=True, eq=False)
class Normaliser:
    """Centre and scale for each (factor, channel), float32 [factor, channel], and the clip.

    The centre is the median and the scale the interquartile range over that of a normal
    distribution: factors have heavy tails (volume, CCI, NATR in a crash), and a handful of such
    sessions would move a mean and a standard deviation, and with them every other session.
    """

    centre: FloatArray
    scale: FloatArray
    clip: float = 4.0

    def __post_init__(self) -> None:
        for name in ("centre", "scale"):
            values = getattr(self, name)
            if values.ndim != 2 or values.dtype != np.float32 or values.shape != self.centre.shape:
                raise ValueError(
                    f"{name}: {values.dtype} {values.shape}, expected float32 [factor, channel]"
                )
        if not (np.isfinite(self.centre).all() and np.isfinite(self.scale).all()):
            raise ValueError("centre, scale: they must be finite")
        if not (self.scale > 0).all() or not self.clip > 0:
            raise ValueError("scale, clip: they must be positive")

    @classmethod
    def fit(cls, cube: FloatArray, clip: float = 4.0) -> Normaliser:
        """Fit on `cube`, float32 [session, factor, channel] of training sessions only.

        NaN is left out. Where the quartiles coincide the standard deviation takes over, and a
        constant column gets scale 1. Reads every session of `cube`: pass no later ones.

        Raises ``ValueError`` when a (factor, channel) has no value at all.
        """
        if cube.ndim != 3:
            raise ValueError(f"cube: shape {cube.shape}, expected [session, factor, channel]")
        empty = np.argwhere(np.isnan(cube).all(axis=0))
        if len(empty):
            raise ValueError(f"cube: (factor, channel) {empty.tolist()} have no value at all")
        values = cube.astype(np.float64)
        lower, centre, upper = np.nanpercentile(values, [25.0, 50.0, 75.0], axis=0)
        noise = NOISE * np.maximum(np.abs(centre), NOISE)
        spread = (upper - lower) / IQR_OF_NORMAL
        spread = np.where(spread > noise, spread, np.nanstd(values, axis=0))
        scale = np.where(spread > noise, spread, 1.0)
        return cls(centre.astype(np.float32), scale.astype(np.float32), clip)

    def transform(
        self, array: npt.NDArray[np.floating], out: FloatArray | None = None
    ) -> FloatArray:
        """Return (`array` - centre) / scale in [-clip, clip], float32; NaN stays NaN.

        `array` is [..., factor, channel]: a cube, one image or a batch of windows. `out`, of the
        same shape and float32, receives the result; it may be `array` itself.
        """
        if array.shape[-2:] != self.centre.shape:
            raise ValueError(
                f"array: shape {array.shape}, its last axes must be {self.centre.shape}"
            )
        if out is None:
            out = np.empty(array.shape, dtype=np.float32)
        elif out.shape != array.shape or out.dtype != np.float32:
            raise ValueError(f"out: {out.dtype} {out.shape}, expected float32 {array.shape}")
        np.subtract(array, self.centre, out=out, casting="same_kind")
        np.divide(out, self.scale, out=out)
        np.clip(out, -self.clip, self.clip, out=out)
        return out

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-safe form; a float32 is a float64 exactly, so that no bit is lost."""
        return {
            "kind": "median_iqr",
            "clip": self.clip,
            "centre": self.centre.astype(np.float64).tolist(),
            "scale": self.scale.astype(np.float64).tolist(),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Normaliser:
        """Return the normaliser that `to_dict` wrote, bit for bit; raises ``ValueError``."""
        if content.get("kind") != "median_iqr":
            raise ValueError(f"kind: {content.get('kind')!r}, allowed is 'median_iqr'")
        centre = np.asarray(content["centre"], dtype=np.float32)
        scale = np.asarray(content["scale"], dtype=np.float32)
        return cls(centre, scale, float(content["clip"]))
