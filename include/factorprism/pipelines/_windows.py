"""The images that a daily run reads, and the bars that they are computed from."""

from __future__ import annotations

from datetime import date, datetime

import pandas as pd

from factorprism.core.calendar import calendar_of
from factorprism.core.errors import QualityError
from factorprism.factors import bars_needed_from
from factorprism.forecasts import ImageWindow, encode_window
from factorprism.images import align_panels
from factorprism.market.panels import ImageSet
from factorprism.pipelines._run import Run
from factorprism.pipelines.factors import load_recent_panel
from factorprism.pipelines.history import sessions_before_first_image


def load_window(run: Run) -> ImageWindow:
    """Return the image of the run's session.

    Raises `QualityError` where a channel's history is too short for one, or does not reach it.
    """
    _require_history(run)
    return encode_window(load_recent_images(run, run.signal.lookback), run.session)


def _require_history(run: Run) -> None:
    needed = sessions_before_first_image(run.signal.lookback) + 1
    for symbol in run.universe.channels:
        held = _count_held(run, symbol)
        if held < needed:
            raise QualityError(
                f"{held} sessions of {symbol} are held through {run.session}, a forecast needs "
                f"{needed}",
                remedy="Load an earlier start of the history, or give the source more sessions.",
            )


def _count_held(run: Run, symbol: str) -> int:
    """Return the sessions from the first that is held of `symbol` through the run's."""
    extent = run.ports.warehouse.bars.load_extent(symbol)
    if extent is None or extent[0] > run.session:
        return 0
    return len(calendar_of(symbol).sessions(extent[0], run.session))


def load_recent_images(run: Run, n_sessions: int) -> ImageSet:
    """Return the image set of the last `n_sessions` through the run's session."""
    universe = run.universe
    panels = [load_recent_panel(run, symbol, n_sessions + 10) for symbol in universe.channels]
    return align_panels(panels, universe, run.signal.lookback, last=run.session)


def find_bars_start(window: ImageWindow) -> date:
    """Return the first day whose bars the window's factors may depend on."""
    first: date = window.sessions[0].astype(date)
    return min(bars_needed_from(first, calendar_of(symbol)) for symbol in window.channels)


def load_window_bars(
    run: Run, window: ImageWindow, known_at: datetime | None = None
) -> pd.DataFrame:
    """Return every bar that the window's factors are computed from, and none after it.

    With `known_at` (naive, UTC) the bars are those that the warehouse held then.
    """
    bars = run.ports.warehouse.bars
    return bars.load_bars(window.channels, find_bars_start(window), run.session, known_at)
