"""Which line of forecasts a page is about, when the ledger holds several."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from datetime import date, datetime

from factorprism.core.calendar import calendar_of
from factorprism.core.config import Config
from factorprism.core.errors import FactorPrismError
from factorprism.core.readings import ForecastLine
from factorprism.core.schemas import Forecast, ForecastState


class NotHeld(FactorPrismError):
    """Something was asked for by name that the warehouse does not hold."""


def choose_line(
    lines: Sequence[ForecastLine], config: Config, universe: str | None, horizon: int | None
) -> ForecastLine | None:
    """Return the line of `universe` and `horizon`; where neither is named, the configured one.

    None when there is no line at all; raises `NotHeld` for one that is not there.
    """
    wanted = [
        line
        for line in lines
        if universe in (None, line.universe) and horizon in (None, line.horizon)
    ]
    if not wanted and (universe is not None or horizon is not None):
        raise NotHeld(
            f"the ledger holds no forecasts of universe {universe or 'any'!r}"
            + (f" over {horizon} sessions" if horizon is not None else ""),
            remedy="Choose one of: "
            + (", ".join(f"{line.universe} over {line.horizon}" for line in lines) or "none yet")
            + ".",
        )
    own = (config.universe_name, config.horizon)
    # The configured line first, then the one that was forecast last.
    return max(
        wanted, key=lambda line: ((line.universe, line.horizon) == own, line.last), default=None
    )


def require_held(session: date, known: Sequence[date], target: str) -> None:
    """Raise `NotHeld` unless `session` is among `known`, the ledger's sessions, ascending."""
    place = bisect_left(known, session)
    if place < len(known) and known[place] == session:
        return
    require_trading(session, target)
    nearest = (*known[max(0, place - 1) : place], *known[place : place + 1])
    raise NotHeld(
        f"the ledger has no row of {session}",
        remedy=f"It holds sessions from {known[0]} to {known[-1]}; the nearest: "
        f"{' and '.join(map(str, nearest))}.",
    )


def require_trading(session: date, target: str) -> None:
    """Raise `NotHeld` for a day on which the exchange of `target` is known not to trade."""
    calendar = calendar_of(target)
    if not calendar.first <= session <= calendar.known_through or calendar.is_session(session):
        return
    before = calendar.session_on_or_before(session)
    raise NotHeld(
        f"{calendar.exchange} does not trade on {session}",
        remedy=f"The session before it is {before}.",
    )


def final_rows(rows: Sequence[Forecast]) -> list[Forecast]:
    """Return the ledger's last word for each target, universe, horizon and session.

    An issued row counts before a withheld one, and of several the one written last.
    """
    last: dict[tuple[str, str, int, date], Forecast] = {}
    for row in sorted(rows, key=_weight):
        last[row.target, row.universe, row.horizon, row.session] = row
    return sorted(last.values(), key=lambda row: (row.session, row.target, row.universe))


def _weight(row: Forecast) -> tuple[bool, datetime]:
    return row.state is ForecastState.ISSUED, row.created_at or datetime.min
