"""One image with a gap, and how a picture's pixels are read back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from factorprism.core.calendar import calendar_for

FACTORS = tuple(f"factor_{number}" for number in range(16))
CHANNELS = ("000300.SH", "000905.SH", "399006.SZ", "000001.SH")


@pytest.fixture(scope="session")
def make_image() -> Callable[[int], dict[str, object]]:
    """Build the arguments of `render_image` for a number of channels."""

    def make(n_channels: int) -> dict[str, object]:
        values = np.random.default_rng(14).normal(size=(56, 16, n_channels)).astype(np.float32)
        values[20:25, 3, 0] = np.nan
        return {
            "values": values,
            "sessions": calendar_for("XSHG").sessions(date(2020, 10, 1), date(2020, 12, 31))[-56:],
            "factors": FACTORS,
            "channels": CHANNELS[:n_channels],
            "title": "000300.SH, 56 sessions to 2020-12-31",
        }

    return make


@pytest.fixture(scope="session")
def read_pixels() -> Callable[[Path], np.ndarray]:
    """Read a PNG as float [height, width, RGBA]."""

    def read(path: Path) -> np.ndarray:
        from matplotlib.image import imread

        return imread(path)

    return read
