"""The formulas of the catalogue that TA-Lib does not give in one call.

Like TA-Lib's own functions they take contiguous float64 [session] of usable bars, oldest first,
and every parameter by name, and answer float64 [session], NaN in the warm-up. TA-Lib answers 0
where a formula divides 0 by 0: which rows those are stands in the catalogue as `FlatWindow`, and
whoever calls a kernel blanks them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import talib

Column = npt.NDArray[np.float64]

SMA = 0  # TA-Lib's code of the simple moving average
EMA = 1


def macd_histogram(close: Column, *, fastperiod: int, slowperiod: int, signalperiod: int) -> Column:
    """Return MACD less its signal line, in per cent of `close`."""
    values: Column = talib.MACD(close, fastperiod, slowperiod, signalperiod)[2]
    values *= 100.0
    values /= close
    return values


def slow_k(
    high: Column,
    low: Column,
    close: Column,
    *,
    fastk_period: int,
    slowk_period: int,
    slowk_matype: int,
) -> Column:
    """Return Lane's slow %K: fast %K averaged over `slowk_period` sessions."""
    # %D is not wanted: over one session it is %K itself and costs no warm-up.
    values: Column = talib.STOCH(
        high, low, close, fastk_period, slowk_period, slowk_matype, 1, SMA
    )[0]
    return values


def bollinger_b(
    close: Column, *, timeperiod: int, nbdevup: float, nbdevdn: float, matype: int
) -> Column:
    """Return Bollinger's %b: 0 at the lower band, 1 at the upper one, NaN where they touch."""
    upper, _, lower = talib.BBANDS(close, timeperiod, nbdevup, nbdevdn, matype)
    width = upper - lower
    values = np.full_like(close, np.nan)
    np.divide(close - lower, width, out=values, where=width > 0)
    return values


def volume_ratio(volume: Column, *, timeperiod: int) -> Column:
    """Return `volume` over its mean of the last `timeperiod` sessions, its own included."""
    mean = talib.SMA(volume, timeperiod)
    values = np.full_like(volume, np.nan)
    np.divide(volume, mean, out=values, where=mean > 0)
    return values
