"""Days on which a whole market goes mad are no fault; what is a fault is still found beside them.

The series are invented: a quiet market, over which panics are laid as large as any that Chinese
indices have seen, with the volumes that went with them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import numpy as np
import pandas as pd
import pytest

from factorprism.core.calendar import TradingCalendar
from factorprism.market.bars import make_bars
from factorprism.market.findings import QualityResult
from factorprism.quality import check_bars
from gate_of_one_symbol import check_one, join_held, make_pull

# Typical daily move, per cent, and CNY a share of the constituents.
INDICES = {
    "000001.SH": (0.55, 9.0),
    "000300.SH": (0.65, 14.0),
    "000905.SH": (0.8, 10.0),
    "399006.SZ": (1.0, 24.0),
}
# Moves in per cent by index, in the order above, and volume against that of quiet days.
RALLY = (
    ((4.2, 4.3, 4.0, 5.5), 1.8),
    ((1.2, 1.5, 1.6, 1.6), 2.1),
    ((3.6, 4.2, 3.7, 4.4), 2.1),
    ((2.9, 4.5, 5.3, 10.0), 2.2),
    ((8.1, 8.5, 9.4, 15.4), 4.4),
    ((4.6, 5.9, 7.1, 17.3), 6.2),
    ((-6.6, -7.1, -8.3, -10.6), 5.2),
    ((1.3, 1.1, -0.1, -3.0), 3.7),
)
MICRO_CAPS = (
    ((-1.0, -0.6, -2.6, -2.2), 1.3),
    ((-1.8, -1.8, -3.7, -2.5), 1.2),
    ((-1.5, -1.2, -6.6, -4.0), 1.5),
    ((-1.0, 0.7, -6.1, -2.4), 1.8),
    ((3.2, 3.5, 7.0, 6.7), 1.9),
)
TARIFFS = (((-7.3, -7.1, -9.5, -12.5), 1.7), ((1.6, 1.7, 0.6, 1.8), 1.6))
REOPENING = (((-7.7, -7.9, -8.7, -6.9), 1.1), ((1.3, 2.6, 2.1, 4.8), 1.5))
PANICS = (RALLY, MICRO_CAPS, TARIFFS, REOPENING)
QUIET = 300  # sessions before the first panic
BETWEEN = 40  # sessions from one to the next
N_SESSIONS = QUIET + sum(len(days) + BETWEEN for days in PANICS)

Market = dict[str, pd.DataFrame]


def make_market(calendar: TradingCalendar, seed: int, quiet: float = 1.0) -> Market:
    """Return the four indices through all panics; `quiet` scales the moves of ordinary days."""
    generator = np.random.default_rng(seed)
    sessions = calendar.session_days[-1200 : -1200 + N_SESSIONS]
    common = generator.standard_normal(N_SESSIONS)
    surge, panics = np.ones(N_SESSIONS), np.full((len(INDICES), N_SESSIONS), np.nan)
    at = QUIET
    for days in PANICS:
        end = at + len(days)
        surge[at:end] = [multiple for _, multiple in days]
        # Volume does not fall back at once.
        surge[end : end + 12] = np.linspace(days[-1][1], 1.0, 12)
        panics[:, at:end] = np.log1p(np.array([moves for moves, _ in days]).T / 100.0)
        at = end + BETWEEN
    market = {}
    for place, (symbol, (typical, price)) in enumerate(INDICES.items()):
        own = generator.standard_normal(N_SESSIONS)
        moves = quiet * typical / 100.0 * (0.8 * common + 0.6 * own) / 0.6745
        moves = np.where(np.isnan(panics[place]), moves, panics[place])
        market[symbol] = _make_bars(symbol, sessions, moves, surge, price, generator)
    return market


def _make_bars(
    symbol: str,
    sessions: np.ndarray,
    moves: np.ndarray,
    surge: np.ndarray,
    price: float,
    generator: np.random.Generator,
) -> pd.DataFrame:
    n_sessions = len(sessions)
    close = 3000.0 * np.exp(np.cumsum(moves))
    before = np.concatenate([[close[0]], close[:-1]])
    opened = before * np.exp(0.4 * moves)
    spread = np.abs(generator.normal(0.0, 0.003, (2, n_sessions)))
    volume = 1e10 * surge * np.exp(generator.normal(0.0, 0.15, n_sessions))
    # In a panic other shares are traded than on quiet days.
    mix = 1.0 + 0.12 * np.clip(surge - 1.0, 0.0, 2.0) / 2.0
    noise = np.exp(np.cumsum(generator.normal(0.0, 0.004, n_sessions)))
    noise *= np.exp(generator.normal(0.0, 0.02, n_sessions))
    return make_bars(
        pd.DataFrame(
            {
                "symbol": symbol,
                "session": sessions,
                "open": opened,
                "high": np.maximum(opened, close) * (1.0 + spread[0]),
                "low": np.minimum(opened, close) * (1.0 - spread[1]),
                "close": close,
                "volume_shares": volume,
                "amount_cny": volume * price * close / 3000.0 * mix * noise,
            }
        )
    )


def _critical(
    bars: pd.DataFrame,
    symbol: str,
    calendar: TradingCalendar,
    history: pd.DataFrame,
    others: list[pd.DataFrame],
) -> list[QualityResult]:
    first, last = bars["session"].iloc[[0, -1]].dt.date
    results = check_one(
        bars, symbol, first, last, calendar=calendar, history=history, others=others
    )
    return _list_critical(results)


def _list_critical(results: Sequence[QualityResult]) -> list[QualityResult]:
    return [item for item in results if not item.success and item.severity == "critical"]


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "with the others"])
@pytest.mark.parametrize(("seed", "quiet"), [(1, 1.0), (2, 0.7)])
def test_no_panic_is_a_critical_finding(
    xshg: TradingCalendar, alone: bool, seed: int, quiet: float
) -> None:
    market = make_market(xshg, seed, quiet)
    first, last = market["000300.SH"]["session"].iloc[[0, -1]].dt.date
    pulls = [make_pull(bars, symbol, first, last) for symbol, bars in market.items()]
    for asked in [[pull] for pull in pulls] if alone else [pulls]:
        held = join_held([pull.bars for pull in asked])
        results = check_bars(asked, {pull.symbol: xshg for pull in asked}, held).results
        assert {item.symbol for item in results} == {pull.symbol for pull in asked}
        assert [item.sentence for item in _list_critical(results)] == []


def test_no_evening_of_the_largest_rally_is_stopped(xshg: TradingCalendar) -> None:
    bars = make_market(xshg, 3)["399006.SZ"]
    for end in range(QUIET + 3, QUIET + len(RALLY) + 3):
        found = _critical(bars.iloc[end - 21 : end], "399006.SZ", xshg, bars.iloc[:end], [])
        assert [item.sentence for item in found] == []


def test_an_extreme_that_the_others_share_does_not_even_warn(xshg: TradingCalendar) -> None:
    market = make_market(xshg, 4)
    bars = market["000300.SH"]
    first, last = bars["session"].iloc[[0, -1]].dt.date

    def warned(others: list[pd.DataFrame]) -> set[str]:
        results = check_one(bars, "000300.SH", first, last, calendar=xshg, others=others)
        return {item.expectation for item in results if not item.success}

    assert "jump_usual" in warned([])
    assert warned([frame for name, frame in market.items() if name != "000300.SH"]) == set()


PRICES = ["open", "high", "low", "close"]
Corrupt = Callable[[Market, int], pd.DataFrame]


def _splice(symbol: str, level: float | None) -> Corrupt:
    def corrupt(market: Market, at: int) -> pd.DataFrame:
        bars, other = market["000300.SH"].copy(), market[symbol]
        scale = 1.0
        if level is not None:
            scale = bars["close"].iloc[at - 1] / other["close"].iloc[at - 1] * level
        for name in [*PRICES, "volume_shares", "amount_cny"]:
            factor = scale if name in PRICES else 1.0
            bars.loc[at:, name] = other[name].iloc[at:] * factor
        return bars

    return corrupt


def _scale(factor: float, *names: str) -> Corrupt:
    def corrupt(market: Market, at: int) -> pd.DataFrame:
        bars = market["000300.SH"].copy()
        bars.loc[at:, list(names)] *= factor
        return bars

    return corrupt


def _stick(market: Market, at: int) -> pd.DataFrame:
    bars = market["000300.SH"].copy()
    bars.loc[at:, PRICES] = bars.loc[at - 1, PRICES].to_numpy(dtype=float)
    return bars


@pytest.mark.parametrize(
    ("corrupt", "within", "expected"),
    [
        # The rows of another index of the universe are known on their first evening.
        pytest.param(_splice("000905.SH", None), 1, "own_prices", id="another index"),
        pytest.param(_splice("399006.SZ", 1.08), 3, "no_held_seam", id="one of a similar level"),
        pytest.param(_scale(0.01, "volume_shares"), 1, "average_price_continuous", id="lots"),
        pytest.param(_scale(10.0, "volume_shares"), 3, "volume_scale_holds", id="tenfold volume"),
        pytest.param(_scale(10.0, *PRICES), 1, "move_possible", id="prices times ten"),
        pytest.param(_scale(0.001, "amount_cny"), 1, "average_price_continuous", id="thousands"),
        pytest.param(_stick, 9, "prices_alive", id="a stuck feed"),
    ],
)
def test_real_faults_are_found_within_days_of_a_panic(
    xshg: TradingCalendar, corrupt: Corrupt, within: int, expected: str
) -> None:
    place = QUIET + len(RALLY) + 1
    market = make_market(xshg, 5)
    cut = {name: frame.iloc[: place + within] for name, frame in market.items()}
    bars = corrupt(market, place).iloc[: place + within]
    others = [frame for name, frame in cut.items() if name != "000300.SH"]
    found = _critical(bars.iloc[-21:], "000300.SH", xshg, bars, others)
    assert expected in {item.expectation for item in found}
    if within > 1:
        before = [frame.iloc[:-1] for frame in others]
        early = _critical(bars.iloc[-21:-1], "000300.SH", xshg, bars.iloc[:-1], before)
        assert expected not in {item.expectation for item in early}


def test_a_lone_day_that_looks_like_another_instrument_warns_and_is_cleared(
    xshg: TradingCalendar,
) -> None:
    market = make_market(xshg, 6)
    bars, at = market["000300.SH"].copy(), QUIET - 40
    bars.loc[at:, PRICES] *= 1.06
    # Amount over volume parts on that day, and comes together again on the next.
    bars.loc[at, "amount_cny"] *= 0.8
    bars.loc[at + 1 :, "amount_cny"] *= 1.06
    day = date.fromisoformat(str(bars["session"].iloc[at].date()))
    first = bars["session"].iloc[at - 20].date()
    results = check_one(
        bars.iloc[at - 20 : at + 1], "000300.SH", first, day, calendar=xshg, history=bars
    )
    failed = {item.expectation: item.severity for item in results if not item.success}
    assert failed["no_seam_suspected"] == "warning"
    assert "critical" not in failed.values()
    assert _critical(bars.iloc[: at + 30], "000300.SH", xshg, bars, []) == []
