"""How fast the sixteen factors are: against TA-Lib's bare calls, and against plain pandas.

The bare calls are the formulas alone, each over a symbol's whole history, on one thread as ours are
beside them: what the rules for gaps, flat windows and segments add is the ratio. Both compute with
the same library on the same processor, so that the bound says the same everywhere. Shown without a
bound is numpy's copy of the five input columns and the float32 output, into fresh memory as the
factors' is and into memory at hand: how computing compares with copying is a matter of the memory.

The pandas peer computes `PEER_SYMBOLS` symbols and its time is scaled to all. Most of its time goes
into CCI and Aroon, for which pandas has only `rolling.apply`: the row beside it leaves them out, of
the peer alone.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
from _table import Row, interleave, print_table

from factorprism.factors import CATALOGUE, bars_needed_from, compute_factors, compute_panels
from factorprism.factors.computation import compute_values
from factorprism.factors.factor import INPUTS
from factorprism.market.bars import make_bars

SYMBOLS, SESSIONS = 800, 3400
PEER_SYMBOLS = 40
BARE_LIMIT, PANDAS_LIMIT, GROWTH_LIMIT = 3.0, 10.0, 1.5
TOLERANCE = 1e-9
# From here on nothing is left of how a recursive average was started.
SETTLED = 700
SESSIONS_A_YEAR = 243


def make_market(n_symbols: int, n_sessions: int) -> pd.DataFrame:
    """Return a bar frame of random walks with a fixed seed, on weekdays to the end of 2025."""
    rng = np.random.default_rng(14)
    shape = (n_symbols, n_sessions)
    close = 40.0 * np.exp(np.cumsum(rng.normal(0.0, 0.015, shape), axis=1))
    opened = close * np.exp(rng.normal(0.0, 0.005, shape))
    high = np.maximum(opened, close) * np.exp(rng.exponential(0.005, shape))
    low = np.minimum(opened, close) * np.exp(-rng.exponential(0.005, shape))
    volume = np.round(np.exp(rng.normal(15.0, 0.5, shape)))
    names = np.array([f"{number:06d}.SZ" for number in range(n_symbols)])
    days = pd.bdate_range(end="2025-12-31", periods=n_sessions)
    columns = zip(INPUTS, (opened, high, low, close, volume), strict=True)
    frame = {"symbol": np.repeat(names, n_sessions), "session": np.tile(days, n_symbols)}
    return make_bars(pd.DataFrame(frame | {name: column.ravel() for name, column in columns}))


def compute_in_pandas(bars: pd.DataFrame, applied: bool = True) -> pd.DataFrame:
    """Return the sixteen factors of one symbol's `bars`, [session, factor] float64, by pandas.

    Without `applied`, those that need `rolling.apply` are left out.
    """
    high, low, close = bars["high"], bars["low"], bars["close"]
    volume, typical = bars["volume_shares"], (high + low + close) / 3
    before, change = close.shift(), close.diff()
    true_range = pd.concat([high, before], axis=1).max(axis=1) - pd.concat(
        [low, before], axis=1
    ).min(axis=1)
    factors = {
        "roc_12": 100 * close.pct_change(12),
        "rsi_14": 100 * _wilder(change.clip(lower=0), 14) / _wilder(change.abs(), 14),
        "willr_14": _fast_k(high, low, close, 14) - 100,
        "mfi_14": _mfi(typical, volume, 14),
        "adx_14": _adx(high, low, true_range, 14),
        "cmo_9": 100 * _wilder(change, 9) / _wilder(change.abs(), 9),
        "ultosc_7_14_28": _ultimate(low, close, before, true_range),
        "trix_15": 100 * _ema(_ema(_ema(close, 15), 15), 15).pct_change(),
    }
    fast, slow = _ema(close, 12), _ema(close, 26)
    macd = fast - slow
    factors["macd_hist_12_26_9"] = 100 * (macd - _ema(macd, 9)) / close
    factors["ppo_12_26"] = 100 * macd / slow
    factors["slow_k_9_3"] = _fast_k(high, low, close, 9).rolling(3).mean()
    middle, deviation = close.rolling(20).mean(), close.rolling(20).std(ddof=0)
    factors["bollinger_b_20"] = (close - middle + 2 * deviation) / (4 * deviation)
    factors["natr_14"] = 100 * _wilder(true_range, 14) / close
    factors["volume_ratio_20"] = volume / volume.rolling(20).mean()
    if applied:
        factors["cci_14"] = _cci(typical, 14)
        factors["aroonosc_25"] = _aroon(high, low, 25)
    return pd.DataFrame(factors)


def run() -> list[Row]:
    """Measure, and return the ratios with their bounds."""
    bars = make_market(SYMBOLS, SESSIONS)
    few = [part for _, part in bars[: PEER_SYMBOLS * SESSIONS].groupby("symbol")]
    apart = max(find_difference(part) for part in few[:4])
    origins = [bars[name].to_numpy() for name in INPUTS]
    origins.append(np.ones((len(bars), len(CATALOGUE)), dtype=np.float32))
    targets = [np.zeros_like(origin) for origin in origins]

    def copy_into() -> None:
        for target, origin in zip(targets, origins, strict=True):
            np.copyto(target, origin)

    seconds = interleave(
        {
            "factors": lambda: compute_panels(bars),
            "one thread": lambda: compute_panels(bars, threads=1),
            "bare": lambda: call_bare(bars),
            "copy": lambda: [origin.copy() for origin in origins],
            "copy into": copy_into,
            "pandas": lambda: [compute_in_pandas(part) for part in few],
            "pandas, few": lambda: [compute_in_pandas(part, applied=False) for part in few],
        }
    )
    measured = seconds["factors"]
    scale = SYMBOLS / PEER_SYMBOLS / measured

    def row(peer: str, ratio: float, bound: str, holds: bool) -> Row:
        name = f"16 factors, {SYMBOLS} symbols x {SESSIONS} sessions"
        return Row(name, measured, "s", peer, ratio, bound, holds)

    bare = seconds["one thread"] / seconds["bare"]
    copy, into = measured / seconds["copy"], measured / seconds["copy into"]
    plain, few_plain = seconds["pandas"] * scale, seconds["pandas, few"] * scale
    return [
        row("TA-Lib's bare calls, one thread", bare, f"<= {BARE_LIMIT:g}", bare <= BARE_LIMIT),
        row("copy of inputs and outputs", copy, "none", True),
        row("the same into memory at hand", into, "none", True),
        row("pandas", plain, f">= {PANDAS_LIMIT:g}", plain >= PANDAS_LIMIT),
        row("pandas without CCI and Aroon", few_plain, "none", True),
        Row("largest difference to pandas", apart, "", f"{TOLERANCE:g}", apart / TOLERANCE,
            "<= 1", apart <= TOLERANCE),
        *_growth(),
    ]  # fmt: skip


def call_bare(bars: pd.DataFrame) -> None:
    """Call each factor's formula over the whole history of each symbol, and keep nothing."""
    columns = {name: bars[name].to_numpy() for name in INPUTS}
    for begin in range(0, len(bars), SESSIONS):
        own = {name: column[begin : begin + SESSIONS] for name, column in columns.items()}
        for factor in CATALOGUE:
            factor.kernel(*(own[name] for name in factor.inputs), **factor.parameters)


def find_difference(bars: pd.DataFrame) -> float:
    """Return the largest difference to pandas once settled, absolute below 1, relative above."""
    columns = {name: bars[name].to_numpy() for name in INPUTS}
    days = bars["session"].to_numpy().astype("datetime64[D]")
    ours = compute_values(days, columns, np.float64)[SETTLED:]
    theirs = compute_in_pandas(bars)[[factor.name for factor in CATALOGUE]].to_numpy()[SETTLED:]
    return float((np.abs(ours - theirs) / np.maximum(1.0, np.abs(theirs))).max())


def _growth() -> list[Row]:
    """Time the last session's factors with 1, 5 and 20 years of history held."""
    last = date(2025, 12, 31)
    needed = pd.Timestamp(bars_needed_from(last))

    def of_last(years: int) -> pd.DataFrame:
        bars = make_market(1, years * SESSIONS_A_YEAR)
        return bars[bars["session"] >= needed].reset_index(drop=True)

    histories = {f"{years} years": of_last(years) for years in (1, 5, 20)}
    seconds = interleave(
        {
            name: lambda bars=bars: [compute_factors(bars, first=last) for _ in range(50)]
            for name, bars in histories.items()
        }
    )
    growth = seconds["20 years"] / seconds["5 years"]
    curve = ", ".join(f"{name} {value * 20:.2f} ms" for name, value in seconds.items())
    return [
        Row(f"a new session ({curve})", seconds["20 years"] * 20, "ms", "with 5 years held",
            growth, f"<= {GROWTH_LIMIT:g}", growth <= GROWTH_LIMIT)
    ]  # fmt: skip


def _wilder(values: pd.Series, period: int) -> pd.Series:
    return values.ewm(alpha=1 / period, adjust=False).mean()


def _ema(values: pd.Series, span: int) -> pd.Series:
    return values.ewm(span=span, adjust=False).mean()


def _fast_k(high: pd.Series, low: pd.Series, close: pd.Series, period: int) -> pd.Series:
    lowest = low.rolling(period).min()
    return 100 * (close - lowest) / (high.rolling(period).max() - lowest)


def _cci(typical: pd.Series, period: int) -> pd.Series:
    windows = typical.rolling(period)
    spread = windows.apply(lambda window: np.abs(window - window.mean()).mean(), raw=True)
    return (typical - windows.mean()) / (0.015 * spread)


def _mfi(typical: pd.Series, volume: pd.Series, period: int) -> pd.Series:
    flow, change = typical * volume, typical.diff()
    gain = flow.where(change > 0, 0.0).rolling(period).sum()
    return 100 * gain / flow.where(change != 0, 0.0).rolling(period).sum()


def _adx(high: pd.Series, low: pd.Series, true_range: pd.Series, period: int) -> pd.Series:
    up, down = high.diff(), -low.diff()
    plus = up.where((up > down) & (up > 0), 0.0)
    minus = down.where((down > up) & (down > 0), 0.0)
    smooth = _wilder(true_range, period)
    plus, minus = _wilder(plus, period) / smooth, _wilder(minus, period) / smooth
    return _wilder(100 * (plus - minus).abs() / (plus + minus), period)


def _aroon(high: pd.Series, low: pd.Series, period: int) -> pd.Series:
    highest = high.rolling(period + 1).apply(lambda window: window[::-1].argmax(), raw=True)
    lowest = low.rolling(period + 1).apply(lambda window: window[::-1].argmin(), raw=True)
    return 100 * (lowest - highest) / period


def _ultimate(
    low: pd.Series, close: pd.Series, before: pd.Series, true_range: pd.Series
) -> pd.Series:
    pressure = close - pd.concat([low, before], axis=1).min(axis=1)
    shares = [
        pressure.rolling(period).sum() / true_range.rolling(period).sum() for period in (7, 14, 28)
    ]
    return 100 * (4 * shares[0] + 2 * shares[1] + shares[2]) / 7


def main() -> None:
    print_table(run())


if __name__ == "__main__":
    main()
