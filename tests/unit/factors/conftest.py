"""Bars that the tests of the factors share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from factorprism.market.bars import make_bars

MakeSeries = Callable[..., pd.DataFrame]


@pytest.fixture(scope="session")
def make_series() -> MakeSeries:
    """Build a bar frame of one random walk on weekdays."""

    def build(
        n_sessions: int,
        seed: int = 0,
        start: str = "2009-01-01",
        symbol: str = "000001.SZ",
        decimals: int = 2,
    ) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        close = 40.0 * np.exp(np.cumsum(rng.normal(0.0, 0.015, n_sessions)))
        opened = close * np.exp(rng.normal(0.0, 0.005, n_sessions))
        frame = pd.DataFrame(
            {
                "symbol": symbol,
                "session": pd.bdate_range(start, periods=n_sessions),
                "open": opened,
                "high": np.maximum(opened, close) * np.exp(rng.exponential(0.005, n_sessions)),
                "low": np.minimum(opened, close) * np.exp(-rng.exponential(0.005, n_sessions)),
                "close": close,
                "volume_shares": np.round(np.exp(rng.normal(15.0, 0.5, n_sessions))),
            }
        )
        return make_bars(frame.round(dict.fromkeys(("open", "high", "low", "close"), decimals)))

    return build
