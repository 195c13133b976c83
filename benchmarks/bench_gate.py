"""The quality gate over thousands of symbols in one call, beside one call a symbol.

What the gate cannot do without is measured in the same run: its own measures, over the same bars
and the same panels, without a question to Great Expectations.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import date, datetime
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd
from _table import Row, print_table

from factorprism.core.calendar import calendar_for
from factorprism.factors import CATALOGUE
from factorprism.market.bars import BAR_VALUES, Pull
from factorprism.market.panels import FactorPanel
from factorprism.quality import check_bars, check_factors
from factorprism.quality._forms import join_bars
from factorprism.quality._measuring import measure_pulls
from factorprism.quality.factors import Counted

N_SYMBOLS, N_ALONE, ROUNDS = 5000, 5, 2
HISTORY, PULLED, PANEL = 400, 21, 250
FAULTY_EVERY = 50
SECONDS_MAX = 60.0
# One call of thousands must cost a symbol this part of what one call for it alone does.
SHARE_MAX = 0.05
MEASURES_MAX = 15.0
CALENDAR = calendar_for("XSHG")
DAYS = CALENDAR.session_days[-500 - HISTORY - PULLED : -500]
RANGES = {factor.name: (factor.lower, factor.upper) for factor in CATALOGUE}
FLOATS = npt.NDArray[np.float64]


def run() -> list[Row]:
    """Return the time of both gates for all symbols, and for one of them in a call of its own."""
    pulls, held = make_evening(N_SYMBOLS)
    panels = make_panels(N_SYMBOLS)
    calendars = {pull.symbol: CALENDAR for pull in pulls}
    check_bars(pulls[:1], calendars, held.head(1000))  # imports Great Expectations
    return [
        *_time_gate(
            "bars",
            lambda n: check_bars(pulls[:n], calendars, held),
            lambda index: check_bars([pulls[index]], calendars, _held_of(held, pulls[index])),
            lambda: measure_pulls(pulls, join_bars(pulls), calendars, held),
        ),
        *_time_gate(
            "factors",
            lambda n: check_factors(panels[:n], RANGES, 0.05),
            lambda index: check_factors([panels[index]], RANGES, 0.05),
            lambda: [Counted(panel, {}).measure(RANGES) for panel in panels],
        ),
    ]


def _time_gate(
    name: str,
    gate: Callable[[int], object],
    alone: Callable[[int], object],
    measure: Callable[[], object],
) -> list[Row]:
    rounds = [(_time(partial(gate, N_SYMBOLS)), _time(measure)) for _ in range(ROUNDS)]
    seconds, least = map(min, zip(*rounds, strict=True))
    own = statistics.median(_time(partial(alone, index)) for index in range(N_ALONE))
    share = seconds / N_SYMBOLS / own
    return [
        Row(
            f"gate of {name}, {N_SYMBOLS:,} symbols",
            seconds,
            "s",
            f"own measures alone: {least:.2f} s",
            seconds / least,
            f"< {SECONDS_MAX:.0f} s, <= {MEASURES_MAX:g}x",
            seconds < SECONDS_MAX and seconds <= MEASURES_MAX * least,
        ),
        Row(
            f"gate of {name}, a symbol",
            1e3 * seconds / N_SYMBOLS,
            "ms",
            f"one call a symbol: {1e3 * own:.0f} ms",
            share,
            f"<= {SHARE_MAX}x",
            share <= SHARE_MAX,
        ),
    ]


def _time(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def make_evening(n_symbols: int) -> tuple[list[Pull], pd.DataFrame]:
    """Return one evening's pulls of `n_symbols` shares, one of fifty faulty, and what is held."""
    random = np.random.default_rng(14)
    shape = (len(DAYS), n_symbols)
    moves = random.normal(0.0, 0.009, (len(DAYS), 1)) + random.normal(0.0, 0.015, shape)
    close = (10.0 * np.exp(np.cumsum(moves, axis=0))).round(2)
    before = np.vstack([np.full((1, n_symbols), np.nan), close[:-1]])
    opened = np.where(np.isnan(before), close, before)
    volume = 1e7 * np.exp(random.normal(0.0, 0.3, shape))
    values = {
        "open": opened,
        "high": np.maximum(opened, close) * 1.004,
        "low": np.minimum(opened, close) * 0.996,
        "close": close,
        "volume_shares": volume,
        "amount_cny": volume * close,
        "pre_close": before,
        "pct_chg": 100.0 * (close / before - 1.0),
    }
    symbols = [f"{600000 + number}.SH" for number in range(n_symbols)]
    held = _frame(np.repeat(symbols, len(DAYS)), np.tile(DAYS, n_symbols), values)
    pulls = []
    for number, symbol in enumerate(symbols):
        begin = (number + 1) * len(DAYS) - PULLED
        bars = held.iloc[begin : begin + PULLED].reset_index(drop=True)
        if number % FAULTY_EVERY == 0:
            bars.loc[PULLED // 2, "low"] = -1.0
        first, last = (day.astype(date) for day in DAYS[[-PULLED, -1]])
        pulls.append(Pull("bench", symbol, first, last, bars, datetime(2024, 1, 1)))
    return pulls, held


def _frame(
    symbols: npt.NDArray[np.str_], days: npt.NDArray[np.datetime64], values: dict[str, FLOATS]
) -> pd.DataFrame:
    keys = {"symbol": pd.Series(symbols, dtype="str"), "session": days.astype("datetime64[us]")}
    return pd.DataFrame(keys | {name: values[name].T.ravel() for name in BAR_VALUES})


def _held_of(held: pd.DataFrame, pull: Pull) -> pd.DataFrame:
    return held[held["symbol"] == pull.symbol]


def make_panels(n_symbols: int) -> list[FactorPanel]:
    """Return a year's panel of `n_symbols` shares, one of fifty with a dead factor."""
    random = np.random.default_rng(14)
    names = tuple(RANGES)
    bounds = np.array([RANGES[name] for name in names]).clip(-5.0, 5.0)
    panels = []
    for number in range(n_symbols):
        values = random.uniform(*bounds.T, (PANEL, len(names))).astype(np.float32)
        if number % FAULTY_EVERY == 0:
            values[:, 0] = np.nan
        panels.append(FactorPanel(f"{600000 + number}.SH", DAYS[-PANEL:], names, values))
    return panels


def main() -> None:
    print_table(run())


if __name__ == "__main__":
    main()
