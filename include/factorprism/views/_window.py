"""What both the image and its lineage begin with: a session's row, its model, its window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import numpy as np

from factorprism.core.calendar import calendar_of
from factorprism.core.config import Config
from factorprism.core.errors import ArtefactError, ConfigurationError
from factorprism.core.ledger import Forecast, ForecastLine
from factorprism.core.models import ModelRecord
from factorprism.core.signals import find_signal
from factorprism.core.universe import Universe
from factorprism.forecasts import ImageWindow, encode_window
from factorprism.images import align_panels
from factorprism.market.panels import ImageSet
from factorprism.pipelines import NO_MODEL, Ports, Run, load_recent_images
from factorprism.pipelines.factors import load_recent_panel
from factorprism.views._lines import NotHeld, final_rows
from factorprism.warehouse import PostgresWarehouse


def open_run(
    warehouse: PostgresWarehouse, config: Config, line: ForecastLine, session: date
) -> Run:
    """Return a run of `line` at `session` that only reads; raises `NotHeld`.

    That is for a line whose universe is not defined where the pages are served.
    """
    try:
        signal = find_signal(config, line.signal)
    except ConfigurationError as error:
        raise NotHeld(error.message, remedy=error.remedy) from error
    universe = signal.universe
    if universe.target != line.symbol:
        raise NotHeld(
            f"universe {universe.name} forecasts {universe.target} now, not {line.symbol}",
            remedy="Give the old forecasts' universe a name of its own in universes.toml.",
        )
    return Run(session, signal, config, Ports(config, warehouse))


def is_session(run: Run, day: date) -> bool:
    """Tell whether the target's exchange trades on `day`; False for days that no calendar knows."""
    try:
        return calendar_of(run.universe.target).is_session(day)
    except ConfigurationError:
        return False


def load_rows(run: Run) -> list[Forecast]:
    """Return the ledger's rows of the run's signal and session, as they were written."""
    ledger = run.ports.warehouse.forecasts
    return ledger.load_forecasts(run.signal.name, run.session, run.session)


def choose_row(rows: Sequence[Forecast]) -> Forecast | None:
    """Return the row that stands for the session: the last issued one, else the last withheld."""
    return next(iter(final_rows(rows)), None)


def load_record(run: Run, model_id: str | None) -> ModelRecord | None:
    """Return the record of `model_id`; None for no model and for one that is not held."""
    if not model_id or model_id == NO_MODEL:
        return None
    try:
        return run.ports.warehouse.models.load_model(model_id)
    except ArtefactError:
        return None


def load_held_window(run: Run, lookback: int) -> ImageWindow | None:
    """Return the window of the run's session from the factors now held, NaN where one is missing.

    None when the target has no factors of the session, or fewer than `lookback` sessions lead up
    to it.
    """
    return _cut_window(run, lambda: load_recent_images(run, lookback))


def load_target_window(run: Run, lookback: int) -> ImageWindow | None:
    """Return as `load_held_window` does, but the target's channel alone."""
    universe = Universe(run.universe.name, run.universe.target)

    def load() -> ImageSet:
        panel = load_recent_panel(run, universe.target, lookback)
        return align_panels([panel], universe, lookback, last=run.session)

    return _cut_window(run, load)


def _cut_window(run: Run, load: Callable[[], ImageSet]) -> ImageWindow | None:
    if not is_session(run, run.session):
        return None
    try:
        window = encode_window(load(), run.session)
    except (ValueError, ConfigurationError):
        # Without any session of the target no images can be aligned, and none be cut.
        return None
    return None if np.isnan(window.values[-1, :, 0]).all() else window
