"""Which line of forecasts a page is about, when the ledger holds several."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from factorprism.core.calendar import calendar_of
from factorprism.core.config import Config
from factorprism.core.errors import FactorPrismError
from factorprism.core.ledger import Forecast, ForecastLine, ForecastState
from factorprism.core.signals import find_signal, load_signals
from factorprism.warehouse import PostgresWarehouse


class NotHeld(FactorPrismError):
    """Something was asked for by name that the warehouse does not hold."""

    exit_code = 2


@dataclass(frozen=True)
class SessionSpan:
    """A session among those of the ledger: the first and the last, and its neighbours there."""

    session: date
    first: date
    last: date
    previous: date | None
    following: date | None


def locate_session(session: date, known: Sequence[date]) -> SessionSpan:
    """Return where `session` lies among `known`, ascending and not empty, whether or not in it."""
    index, after = bisect_left(known, session), bisect_right(known, session)
    previous = known[index - 1] if index else None
    following = known[after] if after < len(known) else None
    return SessionSpan(session, known[0], known[-1], previous, following)


def list_shown_lines(warehouse: PostgresWarehouse, config: Config) -> list[ForecastLine]:
    """Return the ledger's lines without those of retired signals, which leave the pages."""
    retired = {signal.name for signal in load_signals(config).values() if signal.retired}
    return [line for line in warehouse.forecasts.list_lines() if line.signal not in retired]


def choose_line(
    lines: Sequence[ForecastLine], config: Config, signal: str | None
) -> ForecastLine | None:
    """Return the line of `signal`; where none is named, that of the default signal.

    None when there is no line at all; raises `NotHeld` for one that is not there.
    """
    if signal is None:
        own = find_signal(config).name
        # The default signal first, then the one that was forecast last.
        return max(lines, key=lambda line: (line.signal == own, line.last), default=None)
    for line in lines:
        if line.signal == signal:
            return line
    raise NotHeld(
        f"the ledger holds no forecasts of signal {signal!r}",
        remedy=f"Choose one of: {', '.join(line.signal for line in lines) or 'none yet'}.",
    )


def require_held(session: date, known: Sequence[date], symbol: str) -> None:
    """Raise `NotHeld` unless `session` is among `known`, the ledger's sessions, ascending."""
    index = bisect_left(known, session)
    if index < len(known) and known[index] == session:
        return
    require_trading(session, symbol)
    nearest = (*known[max(0, index - 1) : index], *known[index : index + 1])
    raise NotHeld(
        f"the ledger has no row of {session}",
        remedy=f"It holds sessions from {known[0]} to {known[-1]}; the nearest: "
        f"{' and '.join(map(str, nearest))}.",
    )


def require_trading(session: date, symbol: str) -> None:
    """Raise `NotHeld` for a day on which the exchange of `symbol` is known not to trade."""
    calendar = calendar_of(symbol)
    if not calendar.first <= session <= calendar.known_through or calendar.is_session(session):
        return
    before = calendar.session_on_or_before(session)
    raise NotHeld(
        f"{calendar.exchange} does not trade on {session}",
        remedy=f"The session before it is {before}.",
    )


def final_rows(rows: Sequence[Forecast]) -> list[Forecast]:
    """Return the ledger's last word for each signal and session.

    An issued row counts before a withheld one, and of several the one written last.
    """
    last: dict[tuple[str, date], Forecast] = {}
    for row in sorted(rows, key=_weight):
        last[row.signal, row.session] = row
    return sorted(last.values(), key=lambda row: (row.session, row.symbol, row.signal))


def _weight(row: Forecast) -> tuple[bool, int]:
    return row.state is ForecastState.ISSUED, row.position
