"""The formulas behind the catalogue: TA-Lib calls with every parameter given, and no garbage.

TA-Lib answers 0 where a formula divides 0 by 0 (a price or volume that did not move in the
window), which reads like a value. Here such rows are NaN. Columns are float64 [session] without
NaN; answers are float64 [session], NaN in the warm-up.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import talib

Column = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

SMA = 0  # TA-Lib's code of the simple moving average
EMA = 1


def roc(close: Column, *, timeperiod: int) -> Column:
    """Return the change of `close` over `timeperiod` sessions in per cent."""
    return _column(talib.ROC(close, timeperiod))


def rsi(close: Column, *, timeperiod: int) -> Column:
    """Return Wilder's relative strength index."""
    return _blank(_column(talib.RSI(close, timeperiod)), _changed(close), timeperiod)


def cci(high: Column, low: Column, close: Column, *, timeperiod: int) -> Column:
    """Return Lambert's commodity channel index (constant 0.015)."""
    values = _column(talib.CCI(high, low, close, timeperiod))
    return _blank(values, _changed(_typical(high, low, close)), timeperiod - 1)


def willr(high: Column, low: Column, close: Column, *, timeperiod: int) -> Column:
    """Return Williams %R, from -100 (at the window's low) to 0 (at its high)."""
    values = _column(talib.WILLR(high, low, close, timeperiod))
    return _blank(values, _spread(high, low), timeperiod - 1)


def mfi(high: Column, low: Column, close: Column, volume: Column, *, timeperiod: int) -> Column:
    """Return the money flow index, RSI's volume-weighted relative over a plain window."""
    values = _column(talib.MFI(high, low, close, volume, timeperiod))
    flows = _changed(_typical(high, low, close)) & (volume > 0)
    return _blank(values, flows, timeperiod)


def adx(high: Column, low: Column, close: Column, *, timeperiod: int) -> Column:
    """Return Wilder's average directional index."""
    values = _column(talib.ADX(high, low, close, timeperiod))
    up, down = np.diff(high), -np.diff(low)
    moved = np.ones(len(high), dtype=np.bool_)
    moved[1:] = (np.maximum(up, down) > 0) & (up != down)
    return _blank(values, moved, timeperiod)


def aroonosc(high: Column, low: Column, *, timeperiod: int) -> Column:
    """Return Aroon up less Aroon down; among equal extremes the latest counts."""
    return _column(talib.AROONOSC(high, low, timeperiod))


def cmo(close: Column, *, timeperiod: int) -> Column:
    """Return Chande's momentum oscillator with Wilder's smoothing, as TA-Lib has it."""
    return _blank(_column(talib.CMO(close, timeperiod)), _changed(close), timeperiod)


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
    values = _column(talib.ULTOSC(high, low, close, timeperiod1, timeperiod2, timeperiod3))
    ranged = np.ones(len(high), dtype=np.bool_)
    ranged[1:] = (high[1:] != low[1:]) | (high[1:] != close[:-1])
    return _blank(values, ranged, min(timeperiod1, timeperiod2, timeperiod3))


def trix(close: Column, *, timeperiod: int) -> Column:
    """Return the one-session change of the triple exponential average in per cent."""
    return _column(talib.TRIX(close, timeperiod))


def macd_histogram(close: Column, *, fastperiod: int, slowperiod: int, signalperiod: int) -> Column:
    """Return MACD less its signal line, in per cent of `close`."""
    histogram = _column(talib.MACD(close, fastperiod, slowperiod, signalperiod)[2])
    return _column(100.0 * histogram / close)


def ppo(close: Column, *, fastperiod: int, slowperiod: int, matype: int) -> Column:
    """Return the fast average less the slow one, in per cent of the slow one."""
    return _column(talib.PPO(close, fastperiod, slowperiod, matype))


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
    values = _column(
        talib.STOCH(high, low, close, fastk_period, slowk_period, slowk_matype, 1, SMA)[0]
    )
    return _blank(values, _spread(high, low), fastk_period - 1, echo=slowk_period - 1)


def bollinger_b(
    close: Column, *, timeperiod: int, nbdevup: float, nbdevdn: float, matype: int
) -> Column:
    """Return Bollinger's %b: 0 at the lower band, 1 at the upper one."""
    upper, _, lower = talib.BBANDS(close, timeperiod, nbdevup, nbdevdn, matype)
    width = upper - lower
    values = np.full_like(close, np.nan)
    np.divide(close - lower, width, out=values, where=width > 0)
    return _blank(values, _changed(close), timeperiod - 1)


def natr(high: Column, low: Column, close: Column, *, timeperiod: int) -> Column:
    """Return Wilder's average true range in per cent of `close`."""
    return _column(talib.NATR(high, low, close, timeperiod))


def volume_ratio(volume: Column, *, timeperiod: int) -> Column:
    """Return `volume` over its mean of the last `timeperiod` sessions, its own included."""
    mean = talib.SMA(volume, timeperiod)
    values = np.full_like(volume, np.nan)
    np.divide(volume, mean, out=values, where=mean > 0)
    return _blank(values, volume > 0, timeperiod)


def _column(values: Column) -> Column:
    # TA-Lib is untyped; this names what it gives back.
    return values


def _typical(high: Column, low: Column, close: Column) -> Column:
    return (high + low + close) / 3.0


def _changed(values: Column) -> Flags:
    changed = np.ones(len(values), dtype=np.bool_)
    np.not_equal(values[1:], values[:-1], out=changed[1:])
    return changed


def _spread(high: Column, low: Column) -> Flags:
    # False where this bar and the one before it are one and the same single price.
    spread = np.ones(len(high), dtype=np.bool_)
    wide = high != low
    spread[1:] = wide[1:] | wide[:-1] | (high[1:] != high[:-1])
    return spread


def _blank(values: Column, moved: Flags, window: int, *, echo: int = 0) -> Column:
    """Set `values` to NaN from `window` sessions without a move on, and `echo` sessions longer."""
    n_moves = int(np.count_nonzero(moved))
    if len(moved) - n_moves < window:
        return values  # too few still sessions to fill a window: the usual case
    moves = np.flatnonzero(moved)
    starts = np.concatenate(([-1], moves))
    stops = np.concatenate((moves, [len(moved)]))
    for still in np.flatnonzero(stops - starts > window):
        values[starts[still] + window : stops[still] + echo] = np.nan
    return values
