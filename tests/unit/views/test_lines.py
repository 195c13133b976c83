"""Which row is the ledger's last word, and which line a page is about."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from factorprism.core.config import Config
from factorprism.core.ledger import Forecast, ForecastLine, ForecastState
from factorprism.core.symbols import exchange_of
from factorprism.views import NotHeld, choose_line, locate_session
from factorprism.views._lines import final_rows, require_trading
from ledger_rows import make_issued

CONFIG = Config(home=Path())


def line(universe: str, horizon: int = 14, last: date = date(2025, 1, 2)) -> ForecastLine:
    signal = f"{universe}-direction-{horizon}"
    return ForecastLine(
        signal, "direction", universe, horizon, "000300.SH", date(2024, 1, 2), last, 10, 1
    )


def row(model_id: str, state: ForecastState, position: int) -> Forecast:
    return make_issued(date(2025, 1, 2), model_id=model_id, state=state, position=position)


def test_issued_beats_withheld_and_the_later_model_the_earlier() -> None:
    issued, withheld = ForecastState.ISSUED, ForecastState.WITHHELD
    rows = [row("a", issued, 12), row("b", issued, 11), row("none", withheld, 13)]
    assert [one.model_id for one in final_rows(rows)] == ["a"]
    assert [one.model_id for one in final_rows(rows[2:])] == ["none"]


def test_the_configured_line_is_shown_unless_another_is_named() -> None:
    newer = line("us", last=date(2025, 6, 2))
    lines = [line("hs300"), newer, line("hs300", 5)]
    assert choose_line(lines, CONFIG, None) == lines[0]
    assert choose_line(lines, CONFIG, newer.signal) == newer
    assert choose_line(lines, CONFIG, "hs300-direction-5") == lines[2]
    assert choose_line(lines[1:], CONFIG, None) == newer
    assert choose_line([], CONFIG, None) is None


def test_a_line_that_is_not_held_is_named_beside_those_that_are() -> None:
    with pytest.raises(NotHeld, match="hs300-direction-14"):
        choose_line([line("hs300")], CONFIG, "mars-direction-3")


@pytest.mark.parametrize(
    ("symbol", "session", "before"),
    [
        ("000300.SH", date(2024, 10, 3), date(2024, 9, 30)),
        ("AAPL.US", date(2024, 7, 4), date(2024, 7, 3)),
        ("0700.HK", date(2024, 7, 1), date(2024, 6, 28)),
        ("2222.XSAU", date(2024, 7, 5), date(2024, 7, 4)),
    ],
)
def test_a_day_is_refused_by_the_exchange_of_the_symbol_and_taken_by_all_others(
    symbol: str, session: date, before: date
) -> None:
    closed = exchange_of(symbol)
    with pytest.raises(NotHeld, match=f"{closed} does not trade on {session}") as caught:
        require_trading(session, symbol)
    assert caught.value.remedy == f"The session before it is {before}."
    for other in ("000300.SH", "AAPL.US", "0700.HK"):
        if exchange_of(other) != closed:
            require_trading(session, other)


def test_sunday_is_a_session_in_riyadh_alone() -> None:
    sunday = date(2024, 7, 7)
    require_trading(sunday, "2222.XSAU")
    with pytest.raises(NotHeld, match="XNYS does not trade on 2024-07-07"):
        require_trading(sunday, "^GSPC")


@pytest.mark.parametrize(
    ("day", "previous", "following"),
    [(1, None, 2), (2, None, 5), (3, 2, 5), (5, 2, 9), (9, 5, None), (10, 9, None)],
)
def test_a_session_has_the_neighbours_that_the_ledger_holds(
    day: int, previous: int | None, following: int | None
) -> None:
    known = [date(2025, 1, held) for held in (2, 5, 9)]
    at = locate_session(date(2025, 1, day), known)
    assert (at.first, at.last) == (known[0], known[-1])
    assert at.previous == (previous and date(2025, 1, previous))
    assert at.following == (following and date(2025, 1, following))
