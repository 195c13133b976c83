"""Writes the answer files: each factor by its published formula, in plain Python.

Run as ``python make_answers.py`` in this folder. It shares nothing with the package, so that the
answers cannot repeat its faults; `bars.csv` is written once and then only read. Where a
publication leaves the start of an average open, TA-Lib's choice is taken and named here.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import fmean, pstdev

FOLDER = Path(__file__).parent
COLUMNS = ("session", "open", "high", "low", "close", "volume_shares")
N_SESSIONS = 120

Series = list[float | None]
Bars = dict[str, list[float]]


def make_bars() -> list[list[str]]:
    """Return a random walk of weekdays with a fixed seed, prices in cents."""
    chance, close, day = random.Random(14), 40.0, date(2021, 3, 1)
    rows = []
    while len(rows) < N_SESSIONS:
        if day.weekday() < 5:
            opened = round(close * (1 + chance.gauss(0, 0.006)), 2)
            close = round(opened * (1 + chance.gauss(0.0005, 0.015)), 2)
            high = round(max(opened, close) * (1 + abs(chance.gauss(0, 0.005))), 2)
            low = round(min(opened, close) * (1 - abs(chance.gauss(0, 0.005))), 2)
            volume = float(chance.randrange(1_000_000, 5_000_000, 100))
            rows.append([day.isoformat(), *map(repr, (opened, high, low, close, volume))])
        day += timedelta(days=1)
    return rows


def ema(values: Sequence[float], n: int, first: int | None = None) -> Series:
    """Exponential average; its first value, at row `first`, is the mean of the n rows to it."""
    first = n - 1 if first is None else first
    result: Series = [None] * len(values)
    average = fmean(values[first - n + 1 : first + 1])
    result[first] = average
    for row in range(first + 1, len(values)):
        average += 2 / (n + 1) * (values[row] - average)
        result[row] = average
    return result


def chain(series: Series, step: Callable[[list[float]], Series]) -> Series:
    """Apply `step` to the part of `series` that has values."""
    known = [value for value in series if value is not None]
    return [None] * (len(series) - len(known)) + step(known)


def wilder(values: Sequence[float], n: int) -> Series:
    """Wilder's average: the mean of the first n, then 1/n of the new and the rest of the old."""
    result: Series = [None] * len(values)
    average = fmean(values[:n])
    result[n - 1] = average
    for row in range(n, len(values)):
        average = (average * (n - 1) + values[row]) / n
        result[row] = average
    return result


def over(n: int, size: int, value: Callable[[int], float]) -> Series:
    """`value` of each row that has `n` rows before it."""
    return [None if row < n else value(row) for row in range(size)]


def changes(values: Sequence[float]) -> list[float]:
    return [after - before for before, after in pairwise(values)]


def typical(bars: Bars) -> list[float]:
    triples = zip(bars["high"], bars["low"], bars["close"], strict=True)
    return [sum(triple) / 3 for triple in triples]


def true_ranges(bars: Bars) -> list[float]:
    """From the second session on."""
    return [
        max(high, before) - min(low, before)
        for high, low, before in zip(
            bars["high"][1:], bars["low"][1:], bars["close"][:-1], strict=True
        )
    ]


def roc_12(bars: Bars) -> Series:
    close = bars["close"]
    return over(12, len(close), lambda t: 100 * (close[t] / close[t - 12] - 1))


def gains_and_losses(bars: Bars, n: int) -> list[tuple[float, float] | None]:
    moves = changes(bars["close"])
    gains = wilder([max(move, 0.0) for move in moves], n)
    losses = wilder([max(-move, 0.0) for move in moves], n)
    pairs = zip(gains, losses, strict=True)
    return [None, *(None if up is None or down is None else (up, down) for up, down in pairs)]


def rsi_14(bars: Bars) -> Series:
    pairs = gains_and_losses(bars, 14)
    return [None if pair is None else 100 - 100 / (1 + pair[0] / pair[1]) for pair in pairs]


def cmo_9(bars: Bars) -> Series:
    pairs = gains_and_losses(bars, 9)
    return [
        None if pair is None else 100 * (pair[0] - pair[1]) / (pair[0] + pair[1]) for pair in pairs
    ]


def cci_14(bars: Bars) -> Series:
    price = typical(bars)

    def at(t: int) -> float:
        window = price[t - 13 : t + 1]
        mean = fmean(window)
        return (price[t] - mean) / (0.015 * fmean(abs(value - mean) for value in window))

    return over(13, len(price), at)


def fast_k(bars: Bars, n: int) -> Series:
    def at(t: int) -> float:
        highest, lowest = max(bars["high"][t - n + 1 : t + 1]), min(bars["low"][t - n + 1 : t + 1])
        return 100 * (bars["close"][t] - lowest) / (highest - lowest)

    return over(n - 1, len(bars["close"]), at)


def willr_14(bars: Bars) -> Series:
    return [None if value is None else value - 100 for value in fast_k(bars, 14)]


def slow_k_9_3(bars: Bars) -> Series:
    return chain(
        fast_k(bars, 9),
        lambda known: over(2, len(known), lambda t: fmean(known[t - 2 : t + 1])),
    )


def mfi_14(bars: Bars) -> Series:
    price = typical(bars)

    def at(t: int) -> float:
        rows = range(t - 13, t + 1)
        flow = {row: price[row] * bars["volume_shares"][row] for row in rows}
        positive = sum(flow[row] for row in rows if price[row] > price[row - 1])
        negative = sum(flow[row] for row in rows if price[row] < price[row - 1])
        return 100 - 100 / (1 + positive / negative)

    return over(14, len(price), at)


def adx_14(bars: Bars) -> Series:
    """TA-Lib's sums start with 13 moves, from which the 14th takes its share like any later one."""
    n = 14
    ups, downs = changes(bars["high"]), [-move for move in changes(bars["low"])]
    moves = [
        (
            up if up > down and up > 0 else 0.0,
            down if down > up and down > 0 else 0.0,
            true_range,
        )
        for up, down, true_range in zip(ups, downs, true_ranges(bars), strict=True)
    ]
    sums = [sum(column) for column in zip(*moves[: n - 1], strict=True)]
    directional: list[float] = []
    for move in moves[n - 1 :]:
        sums = [total - total / n + new for total, new in zip(sums, move, strict=True)]
        plus, minus = sums[0] / sums[2], sums[1] / sums[2]
        directional.append(100 * abs(plus - minus) / (plus + minus))
    return [None] * n + wilder(directional, n)


def aroonosc_25(bars: Bars) -> Series:
    def since(values: list[float], t: int, best: Callable[[list[float]], float]) -> int:
        window = values[t - 25 : t + 1][::-1]
        return window.index(best(window))

    def at(t: int) -> float:
        up, down = since(bars["high"], t, max), since(bars["low"], t, min)
        return 100 * (25 - up) / 25 - 100 * (25 - down) / 25

    return over(25, len(bars["high"]), at)


def ultosc_7_14_28(bars: Bars) -> Series:
    lows = [min(low, before) for low, before in zip(bars["low"][1:], bars["close"], strict=False)]
    pressure = [close - low for close, low in zip(bars["close"][1:], lows, strict=True)]
    ranges = true_ranges(bars)

    def share(t: int, n: int) -> float:
        return sum(pressure[t - n : t]) / sum(ranges[t - n : t])

    def at(t: int) -> float:
        return 100 * (4 * share(t, 7) + 2 * share(t, 14) + share(t, 28)) / 7

    return over(28, len(bars["close"]), at)


def trix_15(bars: Bars) -> Series:
    series: Series = list(bars["close"])
    for _ in range(3):
        series = chain(series, lambda known: ema(known, 15))
    return chain(
        series, lambda known: over(1, len(known), lambda t: 100 * (known[t] / known[t - 1] - 1))
    )


def macd_hist_12_26_9(bars: Bars) -> Series:
    """TA-Lib starts the fast average on the same session as the slow one."""
    pairs = zip(ema(bars["close"], 12, first=25), ema(bars["close"], 26), strict=True)
    line: Series = [None if fast is None or slow is None else fast - slow for fast, slow in pairs]
    signal = chain(line, lambda known: ema(known, 9))
    return [
        None if value is None or average is None else 100 * (value - average) / close
        for value, average, close in zip(line, signal, bars["close"], strict=True)
    ]


def ppo_12_26(bars: Bars) -> Series:
    """Here, unlike in MACD, each average starts as early as it can."""
    pairs = zip(ema(bars["close"], 12), ema(bars["close"], 26), strict=True)
    return [
        None if fast is None or slow is None else 100 * (fast / slow - 1) for fast, slow in pairs
    ]


def bollinger_b_20(bars: Bars) -> Series:
    close = bars["close"]

    def at(t: int) -> float:
        window = close[t - 19 : t + 1]
        middle, spread = fmean(window), 2 * pstdev(window)
        return (close[t] - (middle - spread)) / (2 * spread)

    return over(19, len(close), at)


def natr_14(bars: Bars) -> Series:
    averages = [None, *wilder(true_ranges(bars), 14)]
    return [
        None if average is None else 100 * average / close
        for average, close in zip(averages, bars["close"], strict=True)
    ]


def volume_ratio_20(bars: Bars) -> Series:
    volume = bars["volume_shares"]
    return over(19, len(volume), lambda t: volume[t] / fmean(volume[t - 19 : t + 1]))


FORMULAS = (
    roc_12, rsi_14, cci_14, willr_14, mfi_14, adx_14, aroonosc_25, cmo_9, ultosc_7_14_28, trix_15,
    macd_hist_12_26_9, ppo_12_26, slow_k_9_3, bollinger_b_20, natr_14, volume_ratio_20,
)  # fmt: skip


def main() -> None:
    path = FOLDER / "bars.csv"
    if not path.exists():
        with path.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([COLUMNS, *make_bars()])
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    bars = {name: [float(row[name]) for row in rows] for name in COLUMNS[1:]}
    for formula in FORMULAS:
        values = formula(bars)
        with (FOLDER / f"{formula.__name__}.csv").open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("session", "value"))
            for row, value in zip(rows, values, strict=True):
                writer.writerow((row["session"], "" if value is None else repr(value)))


if __name__ == "__main__":
    main()
