"""The formulas behind the catalogue: TA-Lib calls with every parameter given.

Columns are contiguous float64 [session] of usable bars, oldest first; answers are float64
[session], NaN in the warm-up. TA-Lib answers 0 where a formula divides 0 by 0: which rows those
are stands in the catalogue as `Stillness`, and they are blanked by whoever calls a kernel.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import talib

Column = npt.NDArray[np.float64]

SMA = 0  # TA-Lib's code of the simple moving average
EMA = 1


def roc(close: Column, *, timeperiod: int) -> Column:
    """Return the change of `close` over `timeperiod` sessions in per cent."""
    values: Column = talib.ROC(close, timeperiod)
    return values


def rsi(close: Column, *, timeperiod: int) -> Column:
    """Return Wilder's relative strength index."""
    values: Column = talib.RSI(close, timeperiod)
    return values


def cci(high: Column, low: Column, close: Column, *, timeperiod: int) -> Column:
    """Return Lambert's commodity channel index (constant 0.015)."""
    values: Column = talib.CCI(high, low, close, timeperiod)
    return values


def willr(high: Column, low: Column, close: Column, *, timeperiod: int) -> Column:
    """Return Williams %R, from -100 (at the window's low) to 0 (at its high)."""
    values: Column = talib.WILLR(high, low, close, timeperiod)
    return values


def mfi(high: Column, low: Column, close: Column, volume: Column, *, timeperiod: int) -> Column:
    """Return the money flow index, RSI's volume-weighted relative over a plain window."""
    values: Column = talib.MFI(high, low, close, volume, timeperiod)
    return values


def adx(high: Column, low: Column, close: Column, *, timeperiod: int) -> Column:
    """Return Wilder's average directional index."""
    values: Column = talib.ADX(high, low, close, timeperiod)
    return values


def aroonosc(high: Column, low: Column, *, timeperiod: int) -> Column:
    """Return Aroon up less Aroon down; among equal extremes the latest counts."""
    values: Column = talib.AROONOSC(high, low, timeperiod)
    return values


def cmo(close: Column, *, timeperiod: int) -> Column:
    """Return Chande's momentum oscillator with Wilder's smoothing, as TA-Lib has it."""
    values: Column = talib.CMO(close, timeperiod)
    return values


def ultosc(
    high: Column,
    low: Column,
    close: Column,
    *,
    timeperiod1: int,
    timeperiod2: int,
    timeperiod3: int,
) -> Column:
    """Return Williams' ultimate oscillator with weights 4, 2 and 1."""
    values: Column = talib.ULTOSC(high, low, close, timeperiod1, timeperiod2, timeperiod3)
    return values


def trix(close: Column, *, timeperiod: int) -> Column:
    """Return the one-session change of the triple exponential average in per cent."""
    values: Column = talib.TRIX(close, timeperiod)
    return values


def macd_histogram(close: Column, *, fastperiod: int, slowperiod: int, signalperiod: int) -> Column:
    """Return MACD less its signal line, in per cent of `close`."""
    values: Column = talib.MACD(close, fastperiod, slowperiod, signalperiod)[2]
    values *= 100.0
    values /= close
    return values


def ppo(close: Column, *, fastperiod: int, slowperiod: int, matype: int) -> Column:
    """Return the fast average less the slow one, in per cent of the slow one."""
    values: Column = talib.PPO(close, fastperiod, slowperiod, matype)
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


def natr(high: Column, low: Column, close: Column, *, timeperiod: int) -> Column:
    """Return Wilder's average true range in per cent of `close`."""
    values: Column = talib.NATR(high, low, close, timeperiod)
    return values


def volume_ratio(volume: Column, *, timeperiod: int) -> Column:
    """Return `volume` over its mean of the last `timeperiod` sessions, its own included."""
    mean = talib.SMA(volume, timeperiod)
    values = np.full_like(volume, np.nan)
    np.divide(volume, mean, out=values, where=mean > 0)
    return values
