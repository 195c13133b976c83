"""The files source: a folder of CODE.csv or CODE.parquet that somebody else has filled."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import pandas as pd

from factorprism.core.calendar import TradingCalendar, calendar_of
from factorprism.core.errors import SourceError
from factorprism.core.sessions import utc_now
from factorprism.sources._read import read_bars
from factorprism.sources._tables import TableSource

SUFFIXES = (".csv", ".parquet")


class FilesSource(TableSource):
    """Bars from `folder`, one file a symbol, read anew at every question.

    Columns ``trade_date`` (2020-01-31 or 20200131), ``open``, ``high``, ``low``, ``close``,
    ``volume`` (shares), ``amount`` (CNY); ``pre_close`` and ``pct_chg`` (per cent) are taken where
    they are given, other columns are ignored, and empty cells are NaN. What cannot be read raises
    `SourceError` or `MalformedResponse` naming the file and, for a value, its line.
    """

    name = "files"

    def __init__(
        self,
        folder: Path,
        *,
        history_start: date = date.min,
        now: Callable[[], datetime] = utc_now,
        calendar_of: Callable[[str], TradingCalendar] = calendar_of,
    ) -> None:
        super().__init__(now=now, calendar_of=calendar_of)
        self._folder = folder
        self._history_start = history_start

    def __repr__(self) -> str:
        return f"FilesSource({str(self._folder)!r})"

    def list_symbols(self) -> tuple[str, ...]:
        if not self._folder.is_dir():
            raise SourceError(
                f"{self._folder} is not a folder",
                remedy="Set FACTORPRISM_FILES to a folder of CODE.csv or CODE.parquet.",
            )
        files = [path for path in self._folder.iterdir() if path.suffix in SUFFIXES]
        return tuple(sorted({path.stem for path in files}))

    def first_session(self, symbol: str) -> date:
        """Return the day of the first bar of `symbol`, but none before ``history_start``."""
        return max(super().first_session(symbol), self._history_start)

    def _load(self, symbol: str) -> pd.DataFrame:
        return read_bars(self._find(symbol), symbol)

    def _find(self, symbol: str) -> Path:
        there = self.list_symbols()
        if symbol not in there:
            raise SourceError(
                f"{self._folder} has no {symbol}.csv or {symbol}.parquet",
                remedy=f"It has {', '.join(there) or 'no such files at all'}.",
            )
        paths = [self._folder / f"{symbol}{suffix}" for suffix in SUFFIXES]
        found = [path for path in paths if path.is_file()]
        if len(found) != 1:
            names = " and ".join(path.name for path in found) or "no plain file"
            raise SourceError(
                f"{self._folder} has {names} for {symbol}, so that it is unclear which one holds",
                remedy="Keep exactly one file a symbol.",
            )
        return found[0]
