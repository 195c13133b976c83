"""Codes of instruments: every usual spelling of one, and whether a file speaks of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from factorprism.core.errors import ConfigurationError
from factorprism.core.symbols import exchange_of, find_symbol, tells_exchange
from factorprism.sources.files._refusal import FileRefused, show

MARKETS = {
    "sh": "SH",
    "ss": "SH",
    "sse": "SH",
    "xshg": "SH",
    "sz": "SZ",
    "szse": "SZ",
    "xshe": "SZ",
    "bj": "BJ",
    "csi": "CSI",
}
# An index of CSI goes by Shanghai's code of it too: 000300.CSI is 000300.SH.
_ALSO = {"SH": ("CSI",), "CSI": ("SH",)}
_SYMBOL = re.compile(r"\d{6}\.S[HZ]|\^.+")
_MARKET_FIRST = re.compile(r"([a-z]{2,4})[.:#_-]?(\d{6})")
_MARKET_LAST = re.compile(r"(\d{6})[.:_-]([a-z]{2,4})")
_DIGITS = re.compile(r"(\d{1,6})(?:\.0+)?")
_LETTERED = re.compile(r"([a-z]\d{5})(?:\.(csi))?")
_HONG_KONG = re.compile(r"hk[.:#_-]?(\d{4,5})|(\d{4,5})[.:_-]hk")
_INDEX = re.compile(r"\^[a-z0-9.]+")
_NEW_YORK = re.compile(r"[a-z.-]+\.us")
# In the lines before a header: a code that opens the line, or one in brackets.
_IN_PREAMBLE = re.compile(
    r"(?:^|[(\[（])\s*((?:[a-z]{2}[.#]?)?\d{6}(?:\.[a-z]{2,4})?)\b", re.I | re.M
)


def symbol_of_stem(stem: str, wanted: Iterable[str] = ()) -> str:
    """Return the symbol that a file's name means (SH000300, 000300.XSHG, HK.00700), else `stem`.

    A code that does not say where it trades is the one of `wanted` that it stands for: AAPL is
    AAPL.US where that is wanted. Of the mainland none is: 000001 is something on each exchange.
    """
    symbol = _spell(stem)
    if tells_exchange(symbol):
        return symbol
    return next((name for name in wanted if _stands_for(symbol, name)), symbol)


def _spell(stem: str) -> str:
    digits, market = _parse(stem)
    if digits and market:
        return f"{digits}.{market}"
    low = stem.lower()
    if found := _HONG_KONG.fullmatch(low):
        return find_symbol(found.group(1) or found.group(2), "XHKG")
    text = stem.upper() if _INDEX.fullmatch(low) or _NEW_YORK.fullmatch(low) else stem
    try:
        return find_symbol(text)
    except ConfigurationError:
        return text


def _stands_for(code: str, symbol: str) -> bool:
    """Tell whether `code` is a spelling of `symbol`, or would be one at its exchange."""
    try:
        return find_symbol(code.upper(), exchange_of(symbol)) == symbol
    except ConfigurationError:
        return False


def is_symbol(text: str) -> bool:
    """Tell a symbol from any other word, such as notes.SH."""
    if text.endswith((".SH", ".SZ")) or text.startswith("^"):
        return _SYMBOL.fullmatch(text) is not None
    return tells_exchange(text)


def check_codes(cells: Sequence[Any], lines: Sequence[int], symbol: str, column: str) -> None:
    """Raise `FileRefused` at the first of `cells` that names another instrument than `symbol`."""
    strange = {cell for cell in {_text(cell) for cell in cells} if not _agrees(cell, symbol)}
    if not strange:
        return
    position = next(index for index, cell in enumerate(cells) if _text(cell) in strange)
    raise FileRefused(
        f"{column} {show(cells[position])} is another instrument than the file's name says, "
        f"{symbol}",
        line=lines[position],
        remedy="Keep one file an instrument, named by its code; if the column is no code,",
        ask={"columns": {"code": ""}},
    )


def check_preamble(text: str, symbol: str) -> None:
    """Raise `FileRefused` where the lines before the header name another than `symbol`."""
    codes = _IN_PREAMBLE.findall(text)
    if codes and _is_of_mainland(symbol) and not any(_agrees(code, symbol) for code in codes):
        line = text[: text.index(codes[0])].count("\n") + 1
        raise FileRefused(
            f"the lines before the header speak of {codes[0]}, the file's name of {symbol}",
            line=line,
            remedy="Name the file by the code of its instrument.",
        )


def _text(cell: Any) -> str:
    return "" if cell is None else str(cell).strip().strip("'\"=").strip()


def _parse(text: str) -> tuple[str, str]:
    """Return the code and the market (SH, SZ, BJ, CSI, or empty) of the mainland; else empty."""
    low = text.lower()
    if found := _LETTERED.fullmatch(low):
        return found.group(1).upper(), MARKETS.get(found.group(2) or "", "")
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
    if _is_of_mainland(symbol):
        digits, market = _parse(code)
        bare, _, own = symbol.partition(".")
        return digits == bare and market in ("", own, *_ALSO.get(own, ()))
    if symbol.startswith("^"):
        return code.upper().lstrip("^.") == symbol.upper().lstrip("^.")
    return _stands_for(re.sub(r"\.0+$", "", code), symbol)


def _is_of_mainland(symbol: str) -> bool:
    return tells_exchange(symbol) and exchange_of(symbol) == "XSHG"
