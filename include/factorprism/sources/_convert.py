"""Turns the vendor's rows into a bar frame: types, units, and nothing repaired."""

from __future__ import annotations

from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from factorprism.core.arrays import DayArray
from factorprism.core.errors import MalformedResponse
from factorprism.market.bars import make_bars

FIELDS = (
    "ts_code",
    "trade_date",
    "open",
    "high",
    "low",
    "close",
    "pre_close",
    "pct_chg",
    "vol",
    "amount",
)
CALENDAR_FIELDS = ("cal_date", "is_open")
SHARES_PER_LOT = 100.0
CNY_PER_UNIT = 1000.0
# Decimal digits that survive the way through a binary float and back.
FLOAT_DIGITS = 15


def convert_bars(frame: pd.DataFrame, symbol: str) -> pd.DataFrame:
    """Return the vendor's `frame` (columns `FIELDS`) as the bar frame of `symbol`, ascending.

    ``vol`` (lots of 100) becomes whole shares, ``amount`` (thousand CNY) CNY; ``pct_chg`` stays in
    per cent. Identical rows are kept once; rows of one session that differ all stay, for the gate.
    Raises `MalformedResponse` for another symbol's rows and for what is no date or number.
    """
    others = sorted(set(frame["ts_code"].astype("str")) - {symbol})
    if others:
        raise MalformedResponse(f"asked for {symbol}, the vendor sent rows of {others[0]}")
    prices = {name: _parse_numbers(frame[name]) for name in FIELDS[2:8]}
    shares = scale(_parse_numbers(frame["vol"]), SHARES_PER_LOT)
    bars = make_bars(
        pd.DataFrame(
            {
                "symbol": symbol,
                "session": parse_days(frame["trade_date"]),
                **prices,
                "volume_shares": np.round(shares),
                "amount_cny": scale(_parse_numbers(frame["amount"]), CNY_PER_UNIT),
            }
        )
    )
    return bars.drop_duplicates(ignore_index=True)


def convert_days(frame: pd.DataFrame) -> dict[date, bool]:
    """Return the vendor's `frame` (columns `CALENDAR_FIELDS`) as day: whether it trades.

    Raises `MalformedResponse` where a day is neither open nor closed, or both.
    """
    found: dict[date, bool] = {}
    flags = pd.to_numeric(frame["is_open"], errors="coerce")
    for day, flag in zip(parse_days(frame["cal_date"]).astype(date), flags, strict=True):
        if flag not in (0, 1) or found.get(day, flag == 1) is not bool(flag == 1):
            raise MalformedResponse(
                f"the vendor's trade_cal does not say whether {day} is open or closed",
                remedy="Try again later; the days known before stay in force.",
            )
        found[day] = bool(flag == 1)
    return found


def parse_days(column: pd.Series) -> DayArray:
    """Return the vendor's dates (20200131) as ``datetime64[D]``."""
    days = pd.to_datetime(column.astype("str"), format="%Y%m%d", errors="coerce")
    if days.isna().any():
        wrong = column[days.isna()].iloc[0]
        raise MalformedResponse(f"the vendor's {column.name} {wrong!r} is no date as 20200131")
    return days.to_numpy().astype("datetime64[D]")


def day_text(day: date) -> str:
    return day.strftime("%Y%m%d")


def _parse_numbers(column: pd.Series) -> npt.NDArray[np.float64]:
    numbers = pd.to_numeric(column, errors="coerce").astype("float64")
    unread = numbers.isna() & column.notna()
    if unread.any():
        wrong = column[unread].iloc[0]
        raise MalformedResponse(f"the vendor's {column.name} {wrong!r} is no number")
    return np.asarray(numbers, dtype=np.float64)


def scale(values: npt.NDArray[np.float64], factor: float) -> npt.NDArray[np.float64]:
    """Return `values` times `factor`, a power of ten, exact in its decimal digits."""
    if factor == 1.0:
        return values
    # 4431977.4 * 1000 is a hair off 4431977400.0; the decimal digits of the product are exact.
    return np.array([float(f"{value * factor:.{FLOAT_DIGITS}g}") for value in values], np.float64)
