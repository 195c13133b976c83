"""Panels and image sets whose every cell says where it stands."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
import pytest

from factorprism.core.calendar import calendar_of
from factorprism.market.panels import FactorPanel, ImageSet

FACTORS = ("roc_12", "rsi_14")


@pytest.fixture
def make_panel() -> Callable[..., FactorPanel]:
    """Build a panel: factor 0 of each session is its day as a number, factor 1 the negative."""

    def make(symbol: str, first: date, last: date, without: tuple[date, ...] = ()) -> FactorPanel:
        sessions = calendar_of(symbol).sessions(first, last)
        sessions = sessions[~np.isin(sessions, np.array(without, dtype="datetime64[D]"))]
        day = sessions.astype(np.int64).astype(np.float32)
        return FactorPanel(symbol, sessions, FACTORS, np.stack([day, -day], axis=1))

    return make


@pytest.fixture
def image_set() -> ImageSet:
    """400 sessions x 3 factors x 2 channels, look-back 56, every cell another number."""
    sessions = calendar_of("000300.SH").sessions(date(2019, 1, 2), date(2020, 12, 31))[:400]
    cube = np.arange(400 * 3 * 2, dtype=np.float32).reshape(400, 3, 2)
    return ImageSet(("000300.SH", "000905.SH"), ("a", "b", "c"), sessions, cube, lookback=56)
