"""The share of missing cells by factor and period, defined as in every quality report."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np

from factorprism.core.calendar import calendar_of
from factorprism.factors import CATALOGUE, catalogue_hash
from factorprism.market.panels import FactorPanel
from factorprism.quality import count_missing
from factorprism.warehouse import PostgresWarehouse


@dataclass(frozen=True)
class FactorRow:
    """One factor: its `missing` cells in each period and in all, and its look-back in sessions."""

    factor: str
    lookback: int | None
    missing: tuple[int, ...] = field(repr=False)
    total: int


@dataclass(frozen=True)
class MissingTable:
    """Missing cells of one symbol's stored factors, the warm-up included.

    `periods` are years, or the months of one year (first day each); `n_sessions` counts the
    sessions of each, so that a ratio is ``missing / n_sessions``. `line` is that of the reports.
    """

    symbol: str
    line: str
    periods: tuple[date, ...]
    n_sessions: tuple[int, ...]
    rows: tuple[FactorRow, ...] = field(repr=False)

    @property
    def ratios(self) -> tuple[float, ...]:
        """The ratio of each period over all factors."""
        cells = [n * len(self.rows) for n in self.n_sessions]
        missing = [sum(row.missing[index] for row in self.rows) for index in range(len(cells))]
        return tuple(found / of if of else 0.0 for found, of in zip(missing, cells, strict=True))


def load_missing(
    warehouse: PostgresWarehouse, symbol: str, through: date, year: int | None = None
) -> MissingTable | None:
    """Return the missing cells of `symbol` by year, or by month of `year`; None without factors."""
    calendar = calendar_of(symbol)
    first = calendar.first if year is None else date(year, 1, 1)
    last = through if year is None else date(year, 12, 31)
    panel = warehouse.factors.load_factors(symbol, catalogue_hash(), first, last)
    return tabulate_missing(panel, by="Y" if year is None else "M") if len(panel.sessions) else None


def tabulate_missing(panel: FactorPanel, *, by: str) -> MissingTable:
    """Group the missing cells of `panel`, which has sessions, by ``"Y"`` or ``"M"``."""
    periods, starts = np.unique(panel.sessions.astype(f"datetime64[{by}]"), return_index=True)
    missing = np.add.reduceat(np.isnan(panel.values).astype(np.int64), starts, axis=0)
    lookbacks = {factor.name: factor.lookback for factor in CATALOGUE}
    report = count_missing(panel, lookbacks)
    return MissingTable(
        symbol=panel.symbol,
        line=report.line,
        periods=tuple(periods.astype("datetime64[D]").tolist()),
        n_sessions=tuple(np.diff(np.append(starts, len(panel.sessions))).tolist()),
        rows=tuple(
            FactorRow(
                name,
                lookbacks.get(name),
                tuple(missing[:, index].tolist()),
                report.per_factor[name],
            )
            for index, name in enumerate(panel.factors)
        ),
    )
