"""Which symbol of a folder is forecast: the only one there, or the one that a person names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from factorprism.core.errors import ConfigurationError, EmptyResponse, SourceError
from factorprism.core.exchanges import find_exchange
from factorprism.core.symbols import bare_code, exchange_of, find_symbol, tells_exchange
from factorprism.sources.files._codes import symbol_of_stem
from factorprism.sources.files._reading import printable
from factorprism.sources.files.source import FilesSource, list_files, list_unread

# Of a folder of hundreds these are named.
SHOWN = 8


def choose_symbol(folder: Path, target: str = "", exchange: str = "") -> str:
    """Return the symbol of `folder` that is to be forecast, after reading its file to the end.

    `target` names one of several, `exchange` where it trades if its file's name does not.
    Raises `ConfigurationError` where either is needed or does not fit, and `SourceError` or
    `MalformedResponse` where the folder or that file cannot be read.
    """
    files = _list(folder)
    symbol = _complete(_choose(files, folder, target), files, exchange)
    FilesSource(folder).first_session(symbol)
    return symbol


def list_held(folder: Path) -> list[str]:
    """Return the symbols of which `folder` has files, sorted; those without an exchange too."""
    files = list_files(folder)
    # AAPL.csv beside AAPL.US.csv is of the same symbol.
    return sorted(list_files(folder, [symbol for symbol in files if tells_exchange(symbol)]))


def _list(folder: Path) -> dict[str, list[Path]]:
    files = list_files(folder, list_held(folder))
    if files:
        return files
    unread = [printable(path.name) for path in list_unread(folder)]
    if unread:
        raise SourceError(
            f"{printable(folder)} has no file that is read; {unread[0]} is not",
            remedy="Unpack it, or save it as CSV, Excel or Parquet.",
        )
    raise EmptyResponse(
        f"{printable(folder)} has no files of bars",
        remedy="Name a file by its code: 000300.SH.csv, AAPL.US.xlsx, ^GSPC.parquet.",
    )


def _choose(files: Mapping[str, list[Path]], folder: Path, target: str) -> str:
    """Return the key of `files` that `target` means, or the only one."""
    if not target and len(files) == 1:
        return next(iter(files))
    if target:
        for symbol in files:
            if symbol_of_stem(target) == symbol or target.upper() in _spellings(symbol):
                return symbol
    what = f"no file of {target}, but of" if target else f"files of {len(files)} symbols:"
    raise ConfigurationError(
        f"{printable(folder)} has {what} {_name(files)}; choose one: --target {sorted(files)[0]}"
    )


def _spellings(symbol: str) -> tuple[str, str]:
    return symbol.upper(), bare_code(symbol).upper()


def _name(symbols: Iterable[str]) -> str:
    names = sorted(printable(symbol) for symbol in symbols)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _complete(symbol: str, files: Mapping[str, list[Path]], exchange: str) -> str:
    """Return `symbol` with its exchange, which `exchange` may only complete and never change."""
    given = find_exchange(exchange).code if exchange else ""
    if not tells_exchange(symbol):
        return _place(symbol, files[symbol][0], exchange)
    if given and given != exchange_of(symbol):
        raise ConfigurationError(
            f"{symbol} trades on {exchange_of(symbol)} by its code, not on {given}",
            remedy="Leave --exchange out, or name the file by the code that is meant.",
        )
    return symbol


def _place(symbol: str, path: Path, exchange: str) -> str:
    file = printable(path.name)
    if not exchange:
        raise ConfigurationError(
            f"the name {file} does not say where {printable(symbol)} trades; say it: "
            "--exchange XNYS, or name the file by its full code, such as 000300.SH.csv"
        )
    try:
        return find_symbol(symbol.upper(), exchange)
    except ConfigurationError as exc:
        raise ConfigurationError(
            f"the name {file} is no code of an instrument on {exchange}",
            remedy="Name the file by its code: 000300.SH.csv, 0700.HK.csv, AAPL.US.csv.",
        ) from exc
