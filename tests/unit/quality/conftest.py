"""Bars and panels for the tests of the gate: real ones of the dependencies, and synthetic ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from factorprism.core.calendar import TradingCalendar, calendar_for, calendar_of
from factorprism.market.bars import make_bars
from factorprism.market.findings import QualityResult
from factorprism.market.panels import FactorPanel
from gate_of_one_symbol import check_one

SHARED = Path(__file__).resolve().parents[3] / "../shared/data"


@pytest.fixture(scope="session")
def xshg() -> TradingCalendar:
    return calendar_for("XSHG")


@pytest.fixture(scope="session")
def index_bars(xshg: TradingCalendar) -> pd.DataFrame:
    """1,000 sessions of a plausible index with every optional column."""
    generator = np.random.default_rng(14)
    sessions = xshg.session_days[-1500:-500]
    moves = generator.normal(0.0, 0.011, len(sessions))
    close = 3500.0 * np.exp(np.cumsum(moves))
    before = np.concatenate([[np.nan], close[:-1]])
    opened = np.where(np.isnan(before), close, before) * np.exp(
        generator.normal(0.0, 0.003, len(close))
    )
    spread = np.abs(generator.normal(0.0, 0.004, (2, len(close))))
    volume = 1.2e10 * np.exp(generator.normal(0.0, 0.2, len(close)))
    return make_bars(
        pd.DataFrame(
            {
                "symbol": "000300.SH",
                "session": sessions,
                "open": opened.round(3),
                "high": (np.maximum(opened, close) * (1.0 + spread[0])).round(3),
                "low": (np.minimum(opened, close) * (1.0 - spread[1])).round(3),
                "close": close.round(3),
                "volume_shares": volume,
                "amount_cny": volume
                * close
                / 300.0
                * np.exp(generator.normal(0, 0.01, len(close))),
                "pre_close": before.round(3),
                "pct_chg": (100.0 * (close / before - 1.0)).round(4),
            }
        )
    )


@pytest.fixture(scope="session")
def us_bars() -> dict[str, pd.DataFrame]:
    """S&P 500 and NASDAQ Composite 1999-2018 as the arch package ships them."""
    from arch.data import nasdaq, sp500

    bars = {}
    for symbol, module in (("^GSPC", sp500), ("^IXIC", nasdaq)):
        frame = module.load().reset_index()
        frame.columns = frame.columns.str.lower()
        frame = frame.rename(columns={"date": "session", "volume": "volume_shares"})
        bars[symbol] = make_bars(frame.assign(symbol=symbol))
    return bars


@pytest.fixture(scope="session")
def shared_bars() -> Callable[[str], pd.DataFrame]:
    """Read one file of the shared data folder as bars; skips where the folder is absent."""

    def load(name: str) -> pd.DataFrame:
        path = SHARED / name
        if not path.is_file():
            pytest.skip(f"shared data {name} is absent")
        frame = pd.read_csv(path, parse_dates=["trade_date"])
        names = {"trade_date": "session", "volume": "volume_shares", "amount": "amount_cny"}
        symbol = path.stem.split("_")[0]
        return make_bars(frame.rename(columns=names).assign(symbol=symbol))

    return load


@pytest.fixture(scope="session")
def failures_of() -> Callable[..., dict[str, QualityResult]]:
    """Check a frame over its own days and return the failed expectations by name."""

    def check(bars: pd.DataFrame, history: pd.DataFrame | None = None) -> dict[str, QualityResult]:
        symbol = bars["symbol"].iloc[0]
        results = check_one(
            bars,
            symbol,
            bars["session"].min().date(),
            bars["session"].max().date(),
            calendar=calendar_of(symbol),
            history=history,
        )
        return {result.expectation: result for result in results if not result.success}

    return check


@pytest.fixture
def panel(xshg: TradingCalendar) -> FactorPanel:
    """300 sessions of four factors within -3 to 3, without a missing cell."""
    values = np.random.default_rng(7).normal(size=(300, 4)).clip(-3.0, 3.0).astype(np.float32)
    return FactorPanel("000300.SH", xshg.session_days[-600:-300], ("A", "B", "C", "D"), values)
