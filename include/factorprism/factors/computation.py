"""From bars to factor panels: one symbol's rows from a session on, or many symbols at once."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from itertools import pairwise
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from factorprism.core.arrays import DayArray
from factorprism.factors._kernels import Column
from factorprism.factors.catalogue import CATALOGUE
from factorprism.factors.factor import INPUTS, Factor, into_range
from factorprism.factors.flat_windows import Columns, blank_flat, find_runs
from factorprism.factors.segments import bars_needed_from, cut_segments
from factorprism.market.panels import FactorPanel

Float = TypeVar("Float", np.float32, np.float64)


def compute_factors(
    bars: pd.DataFrame, *, first: date | None = None, catalogue: tuple[Factor, ...] = CATALOGUE
) -> FactorPanel:
    """Return the factors of one symbol's `bars` (a bar frame) for its sessions from `first` on.

    Row t reads bars up to session t, and none before ``bars_needed_from(t)``: the same bars give
    the same bytes, however much history or future stands around them. A session whose bar is
    missing or unusable (a value that is NaN or infinite, a price that is not positive, a negative
    volume) is NaN throughout and counts as no session for its neighbours; the first `lookback`
    sessions of a history are NaN, and so are rows where a formula divides 0 by 0.

    Raises ``ValueError`` when `bars` does not hold exactly one symbol with ascending sessions.
    """
    panels = compute_panels(bars, first=first, catalogue=catalogue, threads=1)
    if len(panels) != 1:
        raise ValueError(f"bars: {len(panels)} symbols, exactly one is allowed")
    return panels[0]


def compute_panels(
    bars: pd.DataFrame,
    *,
    first: date | None = None,
    catalogue: tuple[Factor, ...] = CATALOGUE,
    threads: int = 2,
) -> list[FactorPanel]:
    """Return one panel a symbol of `bars`, in their order, as `compute_factors` would.

    TA-Lib gives up the interpreter lock, so that `threads` symbols are computed at a time; their
    number changes no byte. Raises ``ValueError`` when the rows of a symbol do not stand together
    or its sessions are not strictly ascending.
    """
    absent = [name for name in ("symbol", "session", *INPUTS) if name not in bars]
    if absent:
        raise ValueError(f"bars: columns {absent} are missing; it has {list(bars.columns)}")
    sessions = bars["session"].to_numpy().astype("datetime64[D]")
    columns = {name: np.ascontiguousarray(bars[name].to_numpy(dtype=np.float64)) for name in INPUTS}
    names = tuple(factor.name for factor in catalogue)
    parts = [
        (symbol, rows, sessions[rows][0 if first is None else _row_of(sessions[rows], first) :])
        for symbol, rows in _split(bars["symbol"])
    ]
    # One block for all: the pages of many small ones would cost as much as a factor or two.
    ends = np.cumsum([len(days) for _, _, days in parts], dtype=np.intp)
    block = np.empty((int(ends[-1]) if parts else 0, len(catalogue)), dtype=np.float32)

    def compute_part(position: int) -> FactorPanel:
        symbol, rows, days = parts[position]
        values = block[ends[position] - len(days) : ends[position]]
        own = {name: column[rows] for name, column in columns.items()}
        _compute_into(values, sessions[rows], own, first, catalogue)
        return FactorPanel(symbol, days, names, values)

    if threads == 1 or len(parts) < 2:
        return [compute_part(position) for position in range(len(parts))]
    # A share for each thread rather than a task for each symbol: handing over costs more.
    shares = np.array_split(np.arange(len(parts)), threads)
    with ThreadPoolExecutor(threads) as pool:
        done = pool.map(lambda share: [compute_part(int(at)) for at in share], shares)
        return [panel for share in done for panel in share]


def compute_values(
    sessions: DayArray,
    columns: Mapping[str, Column],
    dtype: type[Float],
    *,
    first: date | None = None,
    catalogue: tuple[Factor, ...] = CATALOGUE,
) -> npt.NDArray[Float]:
    """Return the factors of one symbol, [session from `first` on, factor], C-contiguous.

    `columns` holds each of `INPUTS` as contiguous float64 [session]; the rules are those of
    `compute_factors`. Raises ``ValueError`` when `sessions` is not strictly ascending.
    """
    n_skipped = 0 if first is None else _row_of(sessions, first)
    block = np.empty((len(sessions) - n_skipped, len(catalogue)), dtype=dtype)
    _compute_into(block, sessions, columns, first, catalogue)
    return block


def _compute_into(
    block: npt.NDArray[Float],
    sessions: DayArray,
    columns: Columns,
    first: date | None,
    catalogue: tuple[Factor, ...],
) -> None:
    if first is not None:
        # Here, so that a new session's work does not grow with the history that is passed.
        begin = _row_of(sessions, bars_needed_from(first))
        sessions = sessions[begin:]
        columns = {name: column[begin:] for name, column in columns.items()}
    if not (sessions[1:] > sessions[:-1]).all():
        raise ValueError("sessions: they must be strictly ascending, each given once")
    n_skipped = len(sessions) - len(block)
    usable = _usable(columns)
    if usable.all():
        block[:] = _compute_rows(sessions, columns, n_skipped, catalogue).T
        return
    # No NaN may reach TA-Lib: one would spoil every later row of its recursive indicators.
    kept = {name: column[usable] for name, column in columns.items()}
    n_before = int(np.count_nonzero(usable[:n_skipped]))
    block[:] = np.nan
    block[usable[n_skipped:]] = _compute_rows(sessions[usable], kept, n_before, catalogue).T


def _compute_rows(
    sessions: DayArray, columns: Columns, n_skipped: int, catalogue: tuple[Factor, ...]
) -> Column:
    """Return the factors of usable bars from row `n_skipped` on, float64 [factor, session]."""
    rows = np.empty((len(catalogue), len(sessions) - n_skipped))
    if not rows.size:
        return rows
    for warm, start, stop in cut_segments(sessions, n_skipped):
        kept = max(start, n_skipped)
        for position, factor in enumerate(catalogue):
            begin = warm if factor.recursive else max(warm, start - factor.lookback)
            inputs = [columns[name][begin:stop] for name in factor.inputs]
            values = factor.kernel(*inputs, **factor.parameters)
            rows[position, kept - n_skipped : stop - n_skipped] = values[kept - begin :]
    kinds = {factor.undefined.what for factor in catalogue if factor.undefined is not None}
    runs = {what: find_runs(what, columns) for what in kinds}
    for position, factor in enumerate(catalogue):
        if factor.undefined is not None:
            blank_flat(rows[position], factor.undefined, runs[factor.undefined.what], n_skipped)
    lower = np.array([[factor.lower] for factor in catalogue])
    upper = np.array([[factor.upper] for factor in catalogue])
    return into_range(rows, lower, upper)


def _row_of(sessions: DayArray, day: date) -> int:
    return int(np.searchsorted(sessions, np.datetime64(day, "D")))


def _usable(columns: Columns) -> npt.NDArray[np.bool_]:
    usable = np.ones(len(columns["close"]), dtype=np.bool_)
    for name in INPUTS:
        column = columns[name]
        usable &= column >= 0.0 if name == "volume_shares" else column > 0.0
        usable &= column < np.inf
    return usable


def _split(symbols: pd.Series) -> list[tuple[str, slice]]:
    if not len(symbols):
        return []
    values = symbols.array
    changes = np.flatnonzero(np.asarray(values[1:] != values[:-1], dtype=np.bool_)) + 1
    borders = [0, *changes.tolist(), len(symbols)]
    names = [str(symbols.iloc[border]) for border in borders[:-1]]
    if len(set(names)) != len(names):
        raise ValueError(
            "bars: the rows of a symbol must stand together; sort by (symbol, session)"
        )
    spans = pairwise(borders)
    return [(name, slice(*span)) for name, span in zip(names, spans, strict=True)]
