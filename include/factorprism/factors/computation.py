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

from factorprism.core.schemas import DayArray, FactorPanel
from factorprism.factors._kernels import Column
from factorprism.factors.catalogue import CATALOGUE, INPUTS, Factor
from factorprism.factors.segments import cut_segments

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

    def compute_one(symbol: str, rows: slice) -> FactorPanel:
        days = sessions[rows]
        own = {name: column[rows] for name, column in columns.items()}
        values = compute_values(days, own, np.float32, first=first, catalogue=catalogue)
        return FactorPanel(symbol, days[len(days) - len(values) :], names, values)

    parts = _split(bars["symbol"])
    if threads == 1 or len(parts) < 2:
        return [compute_one(symbol, rows) for symbol, rows in parts]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda part: compute_one(*part), parts))


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
    if not (sessions[1:] > sessions[:-1]).all():
        raise ValueError("sessions: they must be strictly ascending, each given once")
    begin = first or (sessions[0].astype(date) if len(sessions) else date.max)
    n_skipped = int(np.searchsorted(sessions, np.datetime64(begin, "D")))
    block = np.full((len(sessions) - n_skipped, len(catalogue)), np.nan, dtype=dtype)
    usable = _usable(columns)
    if usable.all():
        _fill(block, n_skipped, sessions, columns, begin, catalogue)
        return block
    # No NaN may reach TA-Lib: one would spoil every later row of its recursive indicators.
    kept = {name: column[usable] for name, column in columns.items()}
    dense = np.full((int(usable[n_skipped:].sum()), len(catalogue)), np.nan, dtype=dtype)
    _fill(dense, int(usable[:n_skipped].sum()), sessions[usable], kept, begin, catalogue)
    block[usable[n_skipped:]] = dense
    return block


def _fill(
    block: npt.NDArray[Float],
    n_skipped: int,
    sessions: DayArray,
    columns: Mapping[str, Column],
    first: date,
    catalogue: tuple[Factor, ...],
) -> None:
    for warm, start, stop in cut_segments(sessions, first):
        run = {name: column[warm:stop] for name, column in columns.items()}
        for position, factor in enumerate(catalogue):
            values = factor.compute(*(run[name] for name in factor.inputs))
            block[start - n_skipped : stop - n_skipped, position] = values[start - warm :]


def _usable(columns: Mapping[str, Column]) -> npt.NDArray[np.bool_]:
    usable = np.ones(len(columns["close"]), dtype=np.bool_)
    for name in INPUTS:
        column = columns[name]
        usable &= (column >= 0.0 if name == "volume_shares" else column > 0.0) & (column < np.inf)
    return usable


def _split(symbols: pd.Series) -> list[tuple[str, slice]]:
    codes, names = pd.factorize(symbols)
    borders = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist(), len(codes)]
    if len(codes) == 0:
        return []
    if len(borders) - 1 != len(names):
        raise ValueError(
            "bars: the rows of a symbol must stand together; sort by (symbol, session)"
        )
    spans = pairwise(borders)
    return [(str(name), slice(*span)) for name, span in zip(names, spans, strict=True)]
