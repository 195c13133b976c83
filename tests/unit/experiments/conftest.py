"""A synthetic history of several indices, and sizes of work that train in seconds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
import pandas as pd
import pytest

from factorprism.core.calendar import calendar_for
from factorprism.core.universe import Universe
from factorprism.experiments import ExperimentSize, History
from factorprism.factors import compute_panels
from factorprism.images import align_panels
from factorprism.learning import TrainingSettings
from factorprism.market.bars import make_bars

CHANNELS = ("000300.SH", "000905.SH", "399006.SZ", "000001.SH")
LOOKBACK, HORIZON = 8, 3


def make_index_bars(symbol: str, n_sessions: int, seed: int) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    days = calendar_for("XSHG").sessions(date(2012, 1, 4), date(2020, 12, 31))[:n_sessions]
    closes = 1000.0 * np.exp(np.cumsum(0.01 * generator.normal(size=n_sessions)))
    opens = closes * (1.0 + 0.003 * generator.normal(size=n_sessions))
    return make_bars(
        pd.DataFrame(
            {
                "symbol": symbol,
                "session": days,
                "open": opens,
                "high": np.maximum(opens, closes) * 1.004,
                "low": np.minimum(opens, closes) * 0.996,
                "close": closes,
                "volume_shares": generator.integers(1_000_000, 2_000_000, n_sessions),
            }
        )
    )


@pytest.fixture(scope="session")
def make_history() -> Callable[..., History]:
    """Build a history of the first `n_channels` of the study's indices: pure chance."""

    def make(n_channels: int = 4, n_sessions: int = 700) -> History:
        universe = Universe(f"image{n_channels}", CHANNELS[0], CHANNELS[1:n_channels])
        each = [
            make_index_bars(symbol, n_sessions, seed)
            for seed, symbol in enumerate(universe.channels)
        ]
        panels = [panel for bars in each for panel in compute_panels(bars)]
        image_set = align_panels(panels, universe, LOOKBACK)
        last: date = image_set.sessions[-1].astype(date)
        return History(universe, image_set, pd.concat(each, ignore_index=True), HORIZON, last)

    return make


@pytest.fixture(scope="session")
def history(make_history: Callable[..., History]) -> History:
    return make_history()


@pytest.fixture(scope="session")
def make_size() -> Callable[..., ExperimentSize]:
    """Build a size of one fold and one epoch for the networks of these names."""

    def make(*networks: str, n_folds: int = 1) -> ExperimentSize:
        settings = TrainingSettings(
            seed=3,
            threads=1,
            validation_sessions=60,
            calibration_sessions=60,
            least_training_sessions=80,
            n_folds=n_folds,
            fold_sessions=60,
            fold_epochs=1,
            stride=1,
            batch_size=32,
        )
        return ExperimentSize(1, settings, networks, last_samples=500, cut="nearly all of it")

    return make


@pytest.fixture(scope="session")
def quiet() -> Callable[[str], None]:
    return lambda line: None
