"""Number cells into float64: thousands' commas, 182.92K, 3.07亿, and the many words for nothing."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from factorprism.sources.files._refusal import Refused, show

Numbers = npt.NDArray[np.float64]
MISSING_WORDS = "- -- --- — —— none nan null na n/a #n/a #n/a! nat \\n <na>"
MISSING = frozenset({"", *MISSING_WORDS.split()})
SUFFIXES = {
    "k": 3,
    "m": 6,
    "b": 9,
    "t": 12,
    "千": 3,
    "万": 4,
    "百万": 6,
    "亿": 8,
    "万亿": 12,
}
# Beyond it, nothing that is traded has a price, a volume or an amount.
LARGEST = 1e18
_PLAIN = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,2})?")
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_SUFFIXED = re.compile(r"([+-]?[\d,]+(?:\.\d+)?)\s*(k|m|b|t|千|万亿|万|百万|亿)", re.I)
_COMMA_DECIMAL = re.compile(r"[+-]?(?:\d+|\d{1,3}(?:\.\d{3})+),\d+")
_NOT_GROUPED = re.compile(r"[+-]?(?:\d+,(?:\d{1,2}|\d{4,})|\d{4,},\d+|[\d.]+\.\d{3},\d+)")


def uses_decimal_comma(columns: Sequence[Sequence[Any]]) -> bool:
    """Tell whether 4728,67 is a number with decimals in these `columns`, and 4728.67 never is."""
    texts = [cell.strip() for cells in columns for cell in cells if isinstance(cell, str)]
    with_comma = [text for text in texts if "," in text]
    if not with_comma:
        return False
    fits = all(_COMMA_DECIMAL.fullmatch(text) for text in with_comma)
    alone = not any("." in text for text in texts if "," not in text)
    return fits and alone and any(_NOT_GROUPED.fullmatch(text) for text in with_comma)


def parse_numbers(
    cells: Sequence[Any],
    lines: Sequence[int],
    name: str,
    *,
    percent: bool = False,
    decimal_comma: bool = False,
) -> Numbers:
    """Return `cells` as float64, NaN where nothing is given.

    Suffixes as in 182.92K must stand on all numbers of a column or on none, so that one lost or
    damaged is not taken for a number of another size. Raises `Refused` at the first cell that is
    no finite number.
    """
    values = np.empty(len(cells))
    suffixed: list[int] = []
    bare: list[int] = []
    for place, cell in enumerate(cells):
        value, has_suffix = _parse(cell, percent, decimal_comma)
        if value is None:
            raise _no_number(cell, lines[place], name)
        values[place] = value
        if not math.isnan(value):
            (suffixed if has_suffix else bare).append(place)
    if suffixed and bare:
        odd = min(suffixed, bare, key=len)[0]
        raise _no_number(cells[odd], lines[odd], name, "is written in another unit than the others")
    return values


def _parse(cell: Any, percent: bool, decimal_comma: bool) -> tuple[float | None, bool]:
    """Return the number (None: it is none, NaN: nothing is given) and whether it has a suffix."""
    if isinstance(cell, str):
        return _parse_text(cell, percent, decimal_comma)
    if cell is None:
        return math.nan, False
    if isinstance(cell, bool) or not isinstance(cell, int | float | Decimal):
        return None, False
    value = float(cell)
    return (None if abs(value) > LARGEST else value), False


def _parse_text(cell: str, percent: bool, decimal_comma: bool) -> tuple[float | None, bool]:
    if _PLAIN.fullmatch(cell):
        return _within(float(cell)), False
    text = unicodedata.normalize("NFKC", cell).strip().strip("'\"=$¥").strip()
    if text.lower() in MISSING:
        return math.nan, False
    if percent:
        text = text.removesuffix("%").strip()
    if decimal_comma:
        text = text.replace(".", "").replace(",", ".")
    if _PLAIN.fullmatch(text):
        return _within(float(text)), False
    if _GROUPED.fullmatch(text):
        return _within(float(text.replace(",", ""))), False
    if found := _SUFFIXED.fullmatch(text):
        return _parse_suffixed(*found.groups())
    return None, False


def _parse_suffixed(number: str, suffix: str) -> tuple[float | None, bool]:
    if "," in number and not _GROUPED.fullmatch(number):
        return None, True
    exact = Decimal(number.replace(",", "")).scaleb(SUFFIXES[suffix.lower()])
    return _within(float(exact)), True


def _within(value: float) -> float | None:
    return value if abs(value) <= LARGEST else None


def _no_number(cell: Any, line: int, name: str, why: str = "is no finite number") -> Refused:
    return Refused(
        f"{name} {show(cell)} {why}",
        line=line,
        remedy="Mend the cell (an empty one is a missing value), or export the file again.",
    )
