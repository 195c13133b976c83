"""A universe's whole history as the warehouse holds it: images, and the target's closes on them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from factorprism.core.errors import ConfigurationError
from factorprism.core.schemas import DayArray, ImageSet
from factorprism.factors import catalogue_hash
from factorprism.images import align_panels
from factorprism.pipelines._run import Run


def align_history(run: Run) -> ImageSet:
    """Return the images of the universe's channels through the run's session, and none later.

    Raises `ConfigurationError` when the warehouse holds no bars of a channel.
    """
    universe = run.config.universe
    panels = []
    for symbol in universe.channels:
        extent = run.ports.warehouse.bars.load_extent(symbol)
        if extent is None:
            raise ConfigurationError(
                f"the warehouse holds no bars of {symbol}",
                remedy="Load its history: factorprism backfill.",
            )
        panels.append(
            run.ports.warehouse.factors.load_factors(
                symbol, catalogue_hash(), extent[0], run.session
            )
        )
    return align_panels(panels, universe, run.config.lookback, last=run.session)


def align_closes(bars: pd.DataFrame, symbol: str, sessions: DayArray) -> npt.NDArray[np.float64]:
    """Return the closes of `symbol` on `sessions`, float64 [session]; NaN where unknown."""
    closes = bars[bars["symbol"] == symbol].set_index("session")["close"]
    return closes.reindex(sessions.astype("datetime64[us]")).to_numpy("float64")
