"""Lays the channels' panels over one another, so that no cell was unknown at the target's close."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import numpy.typing as npt

from factorprism.core.arrays import DayArray
from factorprism.core.calendar import TradingCalendar, calendar_of, exchange_of
from factorprism.core.sessions import sessions_read
from factorprism.core.universe import Universe
from factorprism.market.panels import FactorPanel, ImageSet

# Another exchange's last session may be this many days old. Shanghai closes for up to eleven days
# over New Year; with less, each holiday would blank the windows of the following 56 sessions.
MAX_AGE_DAYS = 14


def align_panels(
    panels: Sequence[FactorPanel],
    universe: Universe,
    lookback: int,
    first: date | None = None,
    last: date | None = None,
) -> ImageSet:
    """Return the image set of `panels`, which stand in the order of ``universe.channels``.

    Its rows are the sessions of the target's exchange from `first` to `last` (None: the target
    panel's own). Row t of a channel of the same exchange is that channel's session t. A channel
    of another exchange gives the last session whose bars were final when the target's session t
    closed: a holiday there repeats the session before it, up to `MAX_AGE_DAYS`. A session that
    ought to be in a panel and is not is NaN in every factor; nothing is filled forward over it.

    Raises
    ------
    ValueError
        If symbols or factors disagree, a panel holds a day on which its exchange does not trade
        or is not in ascending order, the target panel is empty, or `lookback` is below 1.
    ConfigurationError
        If a session lies outside the calendars that are known.
    """
    if lookback < 1:
        raise ValueError(f"lookback: {lookback}, allowed are whole numbers from 1")
    _check_panels(panels, universe)
    calendars = [_settled_calendar(panel.symbol, panels) for panel in panels]
    for panel, own in zip(panels, calendars, strict=True):
        _check_trading_days(panel, own)
    target, calendar = panels[0], calendars[0]
    sessions = calendar.known_sessions(
        first or target.sessions[0].astype(date), last or target.sessions[-1].astype(date)
    )
    cube = np.full((len(sessions), len(target.factors), len(panels)), np.nan, dtype=np.float32)
    for channel, (panel, own) in enumerate(zip(panels, calendars, strict=True)):
        rows, held = _find_rows(panel, _sessions_known(own, sessions, calendar))
        cube[held, :, channel] = panel.values[rows[held]]
    return ImageSet(universe.channels, target.factors, sessions, cube, lookback)


def _settled_calendar(symbol: str, panels: Sequence[FactorPanel]) -> TradingCalendar:
    """Return the calendar of `symbol`, beyond its known end as the rows of `panels` make it known.

    A row rests on a bar: on no day that is only expected does an image or a label depend.
    """
    exchange = exchange_of(symbol)
    same = [panel.sessions for panel in panels if exchange_of(panel.symbol) == exchange]
    return calendar_of(symbol).settled_by(np.concatenate(same))


def _sessions_known(
    own: TradingCalendar, sessions: DayArray, calendar: TradingCalendar
) -> DayArray:
    """Return for each of the target's `sessions` the session of `own` to read, or NaT."""
    read = sessions_read(own, calendar, sessions)
    too_old = sessions - read > np.timedelta64(MAX_AGE_DAYS, "D")
    return np.where(too_old, np.datetime64("NaT", "D"), read)


def _find_rows(
    panel: FactorPanel, wanted: DayArray
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """Return the row of `panel` for each wanted session, and where there is one."""
    if not len(panel.sessions):
        return np.zeros(len(wanted), dtype=np.intp), np.zeros(len(wanted), dtype=np.bool_)
    rows = np.searchsorted(panel.sessions, wanted)
    rows = np.minimum(rows, len(panel.sessions) - 1)
    return rows, panel.sessions[rows] == wanted


def _check_panels(panels: Sequence[FactorPanel], universe: Universe) -> None:
    symbols = tuple(panel.symbol for panel in panels)
    if symbols != universe.channels:
        raise ValueError(f"panels: of {symbols}, expected {universe.channels} in this order")
    if not len(panels[0].sessions):
        raise ValueError(f"panels: that of the target {universe.target} has no session")
    for panel in panels:
        if panel.factors != panels[0].factors:
            raise ValueError(
                f"panels: {panel.symbol} has factors {panel.factors}, the target "
                f"{panels[0].factors}"
            )
        if not (np.diff(panel.sessions) > np.timedelta64(0, "D")).all():
            raise ValueError(f"panels: the sessions of {panel.symbol} are not in ascending order")


def _check_trading_days(panel: FactorPanel, calendar: TradingCalendar) -> None:
    if not len(panel.sessions):
        return
    first, last = panel.sessions[0].astype(date), panel.sessions[-1].astype(date)
    known = calendar.sessions(first, last)
    strange = panel.sessions[~np.isin(panel.sessions, known)]
    if len(strange):
        # Such a row would be left out in silence.
        raise ValueError(f"panels: {panel.symbol} holds {strange[0]}, which is no session")
