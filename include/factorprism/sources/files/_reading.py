"""Reads one file into a bar frame, and says what was decided or in which line it cannot be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from factorprism.core.errors import EmptyResponse, MalformedResponse, SourceError
from factorprism.core.symbols import exchange_of, is_index
from factorprism.market.bars import BAR_PRICES, make_bars
from factorprism.sources._convert import scale
from factorprism.sources.files import _adjusted, _units
from factorprism.sources.files._codes import check_codes, check_preamble
from factorprism.sources.files._cut import check_last_cell
from factorprism.sources.files._dates import Days, parse_dates
from factorprism.sources.files._grid import parse_text
from factorprism.sources.files._names import REQUIRED, Columns, assign_columns
from factorprism.sources.files._numbers import (
    Numbers,
    parse_numbers,
    to_per_cent,
    uses_decimal_comma,
)
from factorprism.sources.files._parquet import parse_parquet
from factorprism.sources.files._refusal import FileRefused, show
from factorprism.sources.files._settings import SETTINGS_FILE, FileSettings, describe, render_line
from factorprism.sources.files._table import FileTable
from factorprism.sources.files._text import decode
from factorprism.sources.files._workbook import SUFFIXES as WORKBOOKS
from factorprism.sources.files._workbook import is_workbook, parse_workbook

PRICES = (*BAR_PRICES, "pre_close")
# Files in which a fault is at a row, not at a line.
OF_ROWS = (".parquet", *WORKBOOKS)
NUMBERS = (*BAR_PRICES, "volume", "amount", "pre_close", "pct_chg")


@dataclass(frozen=True)
class Reading:
    """The bars of one file, and what was decided on the way.

    `columns` says by role what the file calls it; `notes` what was left out and why.
    """

    bars: pd.DataFrame = field(repr=False)
    encoding: str
    layout: str
    dates: str
    columns: Mapping[str, str]
    units: _units.Units
    notes: tuple[str, ...] = ()


def read_file(path: Path, symbol: str, settings: FileSettings | None = None) -> Reading:
    """Return the bars of `path` as those of `symbol`; rows stay as they are, in date order.

    Volume comes in shares, amount in CNY, `pct_chg` in per cent; what the file does not give is
    NaN. Nothing is repaired.

    Raises
    ------
    MalformedResponse
        For what cannot be read or proved, naming file, line and column.
    EmptyResponse
        For a file without rows.
    SourceError
        For a file that cannot be opened.
    """
    name = printable(path)
    try:
        return _read(path, symbol, settings or FileSettings())
    except FileRefused as exc:
        unit = "row" if path.suffix.lower() in OF_ROWS else "line"
        where = f"{name}, {unit} {exc.line}" if exc.line is not None else name
        kind = EmptyResponse if exc.empty else MalformedResponse
        said = f" {_ask(symbol, settings or FileSettings(), exc.ask)}" if exc.ask else ""
        raise kind(f"{where}: {exc.why}", remedy=f"{exc.remedy}{said}") from exc
    except OSError as exc:
        raise SourceError(f"{name} cannot be opened: {exc.strerror or exc}") from exc


def printable(path: Path | str) -> str:
    """Return the name of `path`, with bytes that are no UTF-8 written out."""
    return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


@dataclass(frozen=True)
class _Opened:
    """A file of which the days are read and the numbers not yet; `cells` and `names` by role."""

    path: Path
    symbol: str
    settings: FileSettings
    table: FileTable
    columns: Columns
    cells: Mapping[str, Sequence[Any]]
    names: Mapping[str, str]
    days: Days


@dataclass(frozen=True)
class _Decided:
    """A file's numbers by role, their units, and whether the prices are adjusted."""

    numbers: dict[str, Numbers]
    units: _units.Units
    adjusted: bool


def _read(path: Path, symbol: str, settings: FileSettings) -> Reading:
    table, encoding = _load_table(path, settings)
    columns = assign_columns(table.names, settings.columns, table.header_line)
    _check_instrument(table, columns, symbol)
    cells = {role: table.columns[index] for role, index in columns.positions.items()}
    names = {role: table.names[index].strip() for role, index in columns.positions.items()}
    days = parse_dates(cells["date"], table.lines, names["date"] or "date", exchange_of(symbol))
    opened = _Opened(path, symbol, settings, table, columns, cells, names, days)
    decided = _decide(opened, _choose_sign(opened))
    numbers = decided.numbers
    if "pct_chg" in numbers:
        numbers["pct_chg"] = to_per_cent(days.days, numbers["close"], numbers["pct_chg"])
    notes = _find_notes(names, numbers, decided.adjusted)
    bars = _make_bars(symbol, days, numbers, decided.units, decided.adjusted)
    return Reading(bars, encoding, table.layout, days.form, names, decided.units, tuple(notes))


def _choose_sign(opened: _Opened) -> bool:
    """Return whether the comma is the decimal sign: as said, as written, or as the units prove."""
    if opened.settings.decimal:
        return opened.settings.decimal == ","
    cells = opened.cells
    comma = uses_decimal_comma(
        [cells[role] for role in PRICES if role in cells],
        [cells[role] for role in NUMBERS if role in cells and role not in PRICES],
    )
    if comma is not None:
        return comma
    proved = [sign for sign in (False, True) if _proves_plain_units(opened, sign)]
    if len(proved) != 1:
        raise _ambiguous(opened)
    return proved[0]


def _proves_plain_units(opened: _Opened, comma: bool) -> bool:
    """Tell whether the units follow without thousands of CNY that nobody has said.

    Prices a thousand times too large fit an amount in thousands of CNY.
    """
    try:
        units = _decide(opened, comma).units
    except FileRefused:
        return False
    documented = _units.TUSHARE[1] if _is_tushare(opened.table) else None
    return units.cny in (1.0, opened.settings.cny, opened.columns.cny, documented)


def _ambiguous(opened: _Opened) -> FileRefused:
    role, index, cell = next(
        (role, index, cell)
        for role in PRICES
        for index, cell in enumerate(opened.cells.get(role, ()))
        if isinstance(cell, str) and "," in cell
    )
    return FileRefused(
        f"{opened.names[role]} {show(cell)} can be with decimals and with thousands, and the units "
        "prove neither alone",
        line=opened.table.lines[index],
        remedy='If the comma is the decimal sign (else "."),',
        ask={"decimal": ","},
    )


def _decide(opened: _Opened, comma: bool) -> _Decided:
    """Return numbers and units where the comma is the decimal sign, or not."""
    table, names = opened.table, opened.names
    numbers = _parse_all(opened.cells, names, table, comma)
    _check_given(numbers, names, table)
    check_last_cell(table, opened.columns, numbers, "," if comma else ".")
    numbers = {role: values for role, values in numbers.items() if _is_given(role, values)}
    said = _said_adjusted(opened.path, opened.symbol, table, opened.cells)
    units, adjusted = _decide_units(
        opened.symbol, opened.settings, opened.columns, table, opened.days, numbers, said
    )
    return _Decided(numbers, units, adjusted)


def _load_table(path: Path, settings: FileSettings) -> tuple[FileTable, str]:
    if path.suffix.lower() == ".parquet":
        return parse_parquet(path), ""
    data = path.read_bytes()
    if is_workbook(data):
        return parse_workbook(data, settings.columns), ""
    text = decode(data, settings.encoding)
    return parse_text(text.text, settings.columns), text.encoding


def _check_instrument(table: FileTable, columns: Columns, symbol: str) -> None:
    check_preamble(table.preamble, symbol)
    # yfinance writes the ticker of each column in the line below the header.
    below = [(table.header_line or 0) + 1] * len(table.tickers)
    check_codes(table.tickers, below, symbol, "the columns' ticker")
    if (index := columns.positions.get("code")) is not None:
        check_codes(table.columns[index], table.lines, symbol, table.names[index].strip())


def _parse_all(
    cells: Mapping[str, Sequence[Any]], names: Mapping[str, str], table: FileTable, comma: bool
) -> dict[str, Numbers]:
    return {
        role: parse_numbers(
            cells[role], table.lines, names[role], percent=role == "pct_chg", decimal_comma=comma
        )
        for role in NUMBERS
        if role in cells
    }


def _check_given(
    numbers: Mapping[str, Numbers], names: Mapping[str, str], table: FileTable
) -> None:
    """Raise `FileRefused` where a needed column has not a single value."""
    for role, values in numbers.items():
        if role in REQUIRED and not np.isfinite(values).any():
            raise FileRefused(
                f"{names[role]} has no value in any row; {role} is needed",
                line=table.lines[0],
                remedy="Export the file with this column filled.",
            )


def _said_adjusted(
    path: Path, symbol: str, table: FileTable, cells: Mapping[str, Sequence[Any]]
) -> str:
    # Of an index, terminals write the setting of the window: there is nothing to adjust.
    if is_index(symbol):
        return ""
    return _adjusted.said_adjusted([path.stem, table.preamble], cells.get("adjustment", ()))


def _is_given(role: str, values: Numbers) -> bool:
    """Tell a column that holds something from an optional one without a single value."""
    given = values > 0 if role == "amount" else np.isfinite(values)
    return role in REQUIRED or bool(given.any())


def _decide_units(
    symbol: str,
    settings: FileSettings,
    columns: Columns,
    table: FileTable,
    days: Days,
    numbers: Mapping[str, Numbers],
    said: str,
) -> tuple[_units.Units, bool]:
    """Return the units, and whether the prices are adjusted (which the owner has allowed)."""
    evidence = _units.Evidence(
        symbol=symbol,
        days=days.days,
        low=numbers["low"],
        high=numbers["high"],
        volume=numbers["volume"],
        amount=numbers.get("amount"),
        stated=(settings.shares or columns.shares, settings.cny or columns.cny),
        documented=_units.TUSHARE if _is_tushare(table) else None,
    )
    stepping = _find_adjustment(evidence, numbers["close"])
    if said or stepping or (settings.adjusted and not is_index(symbol)):
        why = f"the file says {said}" if said else (stepping[1] if stepping else "")
        if not settings.adjusted:
            raise FileRefused(
                f"the prices are adjusted: {why}",
                remedy="Export unadjusted prices (不复权); if you mean to use adjusted ones, whose "
                "amount is then left out,",
                ask={"adjusted": True},
            )
        return _units_of_adjusted(evidence, stepping), True
    units = _units.prove_units(evidence)
    if isinstance(units, _units.Unproved):
        raise _unproved(symbol, units)
    if evidence.amount is None and not is_index(symbol) and settings.adjusted is None:
        raise FileRefused(
            "there is no amount, so that adjusted prices cannot be distinguished from unadjusted "
            "ones",
            remedy="If they are unadjusted,",
            ask={"adjusted": False},
        )
    return units, False


def _is_tushare(table: FileTable) -> bool:
    """Tell the vendor's own columns, whose units it documents."""
    names = {name.strip().lower() for name in table.names}
    return {"ts_code", "trade_date", "vol", "amount"} <= names


def _find_adjustment(evidence: _units.Evidence, close: Numbers) -> tuple[float, str] | None:
    if evidence.amount is None or is_index(evidence.symbol):
        return None
    ratio = _units.average_prices(evidence.volume, evidence.amount)
    return _adjusted.find_adjustment(evidence.days, evidence.low, evidence.high, close, ratio)


def _units_of_adjusted(
    evidence: _units.Evidence, stepping: tuple[float, str] | None
) -> _units.Units:
    if evidence.stated[0] is not None:
        return _units.Units(evidence.stated[0], 1.0, "said; the prices are adjusted, as said")
    pairs = {pair[1] / pair[0]: pair for pair in (*_units.RARE, *_units.USUAL)}
    shares, cny = pairs[stepping[0]] if stepping else (1.0, 1.0)
    return _units.Units(shares, cny, "by the end of the history that is unadjusted")


def _unproved(symbol: str, unproved: _units.Unproved) -> FileRefused:
    ask: dict[str, Any] = {"units": unproved.ask}
    if "amount" not in unproved.ask and not is_index(symbol):
        ask["adjusted"] = False
    return FileRefused(
        f"the units cannot be proved: {unproved.why}",
        remedy="If these are the units (or with others: shares, lots, CNY, thousand CNY, or what "
        "one unit is worth),",
        ask=ask,
    )


def _ask(symbol: str, settings: FileSettings, more: Mapping[str, Any]) -> str:
    """Return the request for one line of `SETTINGS_FILE`, which keeps what stands there."""
    line = render_line(symbol, describe(settings, more))
    return f"write this line into {SETTINGS_FILE} beside the file: {line}"


def _find_notes(names: Mapping[str, str], numbers: dict[str, Numbers], adjusted: bool) -> list[str]:
    notes = []
    if adjusted:
        notes.append("prices are adjusted, as said; amount is left out")
    if "adj_close" in names:
        notes.append(f"{names['adj_close']} is adjusted and not used")
    if "pct_chg" in numbers and np.isnan(numbers["pct_chg"]).all():
        notes.append(f"{names['pct_chg']} does not follow from the closes and is left out")
    return notes


def _make_bars(
    symbol: str, days: Days, numbers: dict[str, Numbers], units: _units.Units, adjusted: bool
) -> pd.DataFrame:
    as_they_stand = (*BAR_PRICES, "pre_close", "pct_chg")
    columns = {name: numbers[name] for name in as_they_stand if name in numbers}
    columns["volume_shares"] = np.round(scale(numbers["volume"], units.shares))
    if "amount" in numbers and not adjusted:
        columns["amount_cny"] = scale(numbers["amount"], units.cny)
    return make_bars(pd.DataFrame({"symbol": symbol, "session": days.days, **columns}))
