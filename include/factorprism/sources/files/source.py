"""`FilesSource`: the files of a folder as a source of bars."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path

import pandas as pd

from factorprism.core.calendar import TradingCalendar, calendar_of
from factorprism.core.errors import SourceError
from factorprism.core.sessions import utc_now
from factorprism.sources._tables import TableSource
from factorprism.sources.files._codes import is_symbol, symbol_of_stem
from factorprism.sources.files._reading import printable, read_file
from factorprism.sources.files._settings import load_settings, settings_of
from factorprism.sources.files._workbook import SUFFIXES as WORKBOOKS

SUFFIXES = (".csv", ".parquet")
# Anything may stand in these; they count where the name is an instrument's.
NAMED_SUFFIXES = (".txt", ".tsv", *WORKBOOKS)


class FilesSource(TableSource):
    """Bars from `folder`, one file a symbol, read anew at every question.

    A file is named by its instrument (000300.SH.xlsx, SH000300.txt, ^GSPC.parquet, 0700.HK.csv) and
    read as `read_file` does; AAPL.csv is of AAPL.US where that symbol is asked for. ``files.toml``
    in the folder says what the files cannot prove. What cannot be read raises `SourceError` or
    `MalformedResponse` naming the file and, for a value, its line and column.
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

    def first_session(self, symbol: str) -> date:
        """Return the day of the first bar of `symbol`, but none before ``history_start``."""
        return max(super().first_session(symbol), self._history_start)

    def _load(self, symbol: str) -> pd.DataFrame:
        path = self._find(symbol)
        settings = settings_of(load_settings(self._folder), symbol)
        return read_file(path, symbol, settings).bars

    def _find(self, symbol: str) -> Path:
        files = list_files(self._folder, [symbol])
        if symbol not in files:
            there = ", ".join(sorted(printable(name) for name in files))
            raise SourceError(
                f"{self._folder} has no file of {symbol}",
                remedy=f"It has {there or 'no such files at all'}. Add the file, or choose a "
                "universe without that symbol: FACTORPRISM_UNIVERSE; factorprism run makes one.",
            )
        found = [path for path in files[symbol] if path.is_file()]
        if len(found) != 1:
            names = " and ".join(printable(path.name) for path in found) or "no plain file"
            raise SourceError(
                f"{self._folder} has {names} for {symbol}, so that it is unclear which one holds",
                remedy="Keep exactly one file a symbol.",
            )
        return found[0]


def list_files(folder: Path, wanted: Sequence[str] = ()) -> dict[str, list[Path]]:
    """Return the files of `folder` by the symbol that their names mean.

    `wanted` are symbols that a name may mean without saying the exchange: AAPL for AAPL.US.
    Raises `SourceError` where `folder` is none, or may not be read.
    """
    if not folder.is_dir():
        raise SourceError(
            f"{folder} is not a folder",
            remedy="Set FACTORPRISM_FILES to a folder of CODE.csv, CODE.xlsx or CODE.parquet.",
        )
    found: dict[str, list[Path]] = {}
    for path in _list_paths(folder):
        symbol, suffix = symbol_of_stem(path.stem, wanted), path.suffix.lower()
        if suffix in SUFFIXES or (suffix in NAMED_SUFFIXES and is_symbol(symbol)):
            found.setdefault(symbol, []).append(path)
    return found


def list_unread(folder: Path, wanted: Sequence[str] = ()) -> dict[Path, str]:
    """Return the files that are named by an instrument but not read, with its symbol.

    They end otherwise (``000300.SH.csv.gz``); one beside a file that is read is no loss.
    """
    read = list_files(folder, wanted)
    named = {path: _symbol_within(path.name) for path in _list_paths(folder)}
    return {path: symbol for path, symbol in named.items() if symbol and symbol not in read}


def _list_paths(folder: Path) -> list[Path]:
    """Return what `folder` holds, without what a file system or an editor keeps beside a file."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as exc:
        raise SourceError(f"{folder} cannot be read: {exc.strerror or exc}") from exc


def _symbol_within(name: str) -> str:
    """Return the symbol that `name` means once endings are taken off, or an empty text."""
    stem = Path(name).stem
    if stem == name:
        return ""
    symbol = symbol_of_stem(stem)
    return symbol if is_symbol(symbol) else _symbol_within(stem)
