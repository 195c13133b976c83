"""Codes of instruments: every usual spelling of one, and whether a file speaks of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from factorprism.sources.files._refusal import Refused, show

MARKETS = {
    "sh": "SH",
    "ss": "SH",
    "sse": "SH",
    "xshg": "SH",
    "sz": "SZ",
    "szse": "SZ",
    "xshe": "SZ",
}
SYMBOL = re.compile(r"\d{6}\.S[HZ]|\^.+")
_MARKET_FIRST = re.compile(r"([a-z]{2,4})[.:#_-]?(\d{6})")
_MARKET_LAST = re.compile(r"(\d{6})[.:_-]([a-z]{2,4})")
_DIGITS = re.compile(r"(\d{1,6})(?:\.0+)?")
_US = re.compile(r"\^[a-z0-9.]+")
# In the lines before a header: a code that opens the line, or one in brackets.
_IN_PREAMBLE = re.compile(
    r"(?:^|[(\[（])\s*((?:[a-z]{2}[.#]?)?\d{6}(?:\.[a-z]{2,4})?)\b", re.I | re.M
)


def symbol_of_stem(stem: str) -> str:
    """Return the symbol that a file's name means (SH000300, 000300.XSHG), else `stem`."""
    digits, market = _parse(stem)
    if digits and market:
        return f"{digits}.{market}"
    return stem.upper() if _US.fullmatch(stem.lower()) else stem


def is_symbol(text: str) -> bool:
    """Tell a symbol of a known exchange from any other word."""
    return SYMBOL.fullmatch(text) is not None


def check_codes(cells: Sequence[Any], lines: Sequence[int], symbol: str, column: str) -> None:
    """Raise `Refused` at the first cell of `cells` that names another instrument than `symbol`."""
    strange = {cell for cell in {_text(cell) for cell in cells} if not _agrees(cell, symbol)}
    if not strange:
        return
    position = next(place for place, cell in enumerate(cells) if _text(cell) in strange)
    raise Refused(
        f"{column} {show(cells[position])} is another instrument than the file's name says, "
        f"{symbol}",
        line=lines[position],
        remedy="Keep one file an instrument, named by its code; if the column is no code,",
        ask={"columns": {"code": ""}},
    )


def check_preamble(text: str, symbol: str) -> None:
    """Raise `Refused` where the lines before the header name another instrument than `symbol`."""
    codes = _IN_PREAMBLE.findall(text)
    if codes and not symbol.startswith("^") and not any(_agrees(code, symbol) for code in codes):
        line = text[: text.index(codes[0])].count("\n") + 1
        raise Refused(
            f"the lines before the header speak of {codes[0]}, the file's name of {symbol}",
            line=line,
            remedy="Name the file by the code of its instrument.",
        )


def _text(cell: Any) -> str:
    return "" if cell is None else str(cell).strip().strip("'\"=").strip()


def _parse(text: str) -> tuple[str, str]:
    """Return six digits and the market (SH, SZ, or empty) of a Chinese code; empty for others."""
    low = text.lower()
    if found := _MARKET_FIRST.fullmatch(low):
        return found.group(2), MARKETS.get(found.group(1), "")
    if found := _MARKET_LAST.fullmatch(low):
        return found.group(1), MARKETS.get(found.group(2), "")
    if found := _DIGITS.fullmatch(low):
        return found.group(1).zfill(6), ""
    return "", ""


def _agrees(code: str, symbol: str) -> bool:
    if not code:
        return True
    if symbol.startswith("^"):
        return code.upper().lstrip("^.") == symbol.upper().lstrip("^.")
    digits, market = _parse(code)
    return digits == symbol[:6] and market in ("", symbol[7:])
