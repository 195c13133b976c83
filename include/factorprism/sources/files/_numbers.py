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

from factorprism.core.arrays import DayArray
from factorprism.sources.files._refusal import FileRefused, show

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
# Percentage points between the change that is given and that of the closes, on the median row.
CHANGE_TOLERANCE = 0.02
CHANGE_SIZES = (1.0, 100.0)
_PLAIN = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,2})?")
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_SUFFIXED = re.compile(r"([+-]?[\d,]+(?:\.\d+)?)\s*(k|m|b|t|千|万亿|万|百万|亿)", re.I)
_COMMA_DECIMAL = re.compile(r"[+-]?(?:(?:\d+|\d{1,3}(?:\.\d{3})+),\d+|\d{1,3}(?:\.\d{3})+)")
_NOT_GROUPED = re.compile(r"[+-]?(?:0\d*,\d+|\d+,(?:\d{1,2}|\d{4,})|\d{4,},\d+)")
# Dots that group: more than one of them, or one before a comma.
_DOTS_GROUP = re.compile(r"[+-]?\d{1,3}(?:(?:\.\d{3}){2,}|(?:\.\d{3})+,\d+)")
_UNIT = re.compile(r"\s*(?:%|k|m|b|t|千|万亿|万|百万|亿)$", re.I)
_SIGNS = frozenset(",.\uff0c\uff0e")


def uses_decimal_comma(
    prices: Sequence[Sequence[Any]], others: Sequence[Sequence[Any]] = ()
) -> bool | None:
    """Tell whether the comma is the decimal sign in the columns `prices` and `others`.

    None is undecided: each comma in `prices` stands before three digits, so that 4,128 can be
    4.128 and 4128, and no other cell fits one reading only.
    """
    priced = _list_signed(prices)
    signed = [*priced, *_list_signed(others)]
    if not any("," in text for text in signed):
        return False
    if not all(_COMMA_DECIMAL.fullmatch(text) for text in signed):
        return False
    if any(_DOTS_GROUP.fullmatch(text) for text in signed):
        return True
    if any(_NOT_GROUPED.fullmatch(text) for text in signed):
        # One odd comma among cells with dots is a damaged cell, which is refused.
        return all("," in text for text in signed)
    return None if any("," in text for text in priced) else False


def _list_signed(columns: Sequence[Sequence[Any]]) -> list[str]:
    """Return the numbers with a comma or a dot in `columns`, without units."""
    return [
        _UNIT.sub("", _clean(cell))
        for cells in columns
        for cell in cells
        if isinstance(cell, str) and not _SIGNS.isdisjoint(cell)
    ]


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
    damaged is not taken for a number of another size. Raises `FileRefused` at the first cell that
    is no finite number.
    """
    values = np.empty(len(cells))
    suffixed: list[int] = []
    bare: list[int] = []
    for index, cell in enumerate(cells):
        value, has_suffix = _parse(cell, percent, decimal_comma)
        if value is None:
            raise _no_number(cell, lines[index], name)
        values[index] = value
        if not math.isnan(value):
            (suffixed if has_suffix else bare).append(index)
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
    if not decimal_comma and _PLAIN.fullmatch(cell):
        return _within(float(cell)), False
    text = _clean(cell)
    if text.lower() in MISSING:
        return math.nan, False
    if percent:
        text = text.removesuffix("%").strip()
    if decimal_comma:
        if "." in text and not _COMMA_DECIMAL.fullmatch(_UNIT.sub("", text)):
            return None, False
        text = text.replace(".", "").replace(",", ".")
    if _PLAIN.fullmatch(text):
        return _within(float(text)), False
    if _GROUPED.fullmatch(text):
        return _within(float(text.replace(",", ""))), False
    if found := _SUFFIXED.fullmatch(text):
        return _parse_suffixed(*found.groups())
    return None, False


def _clean(cell: str) -> str:
    return unicodedata.normalize("NFKC", cell).strip().strip("'\"=$¥").strip()


def _parse_suffixed(number: str, suffix: str) -> tuple[float | None, bool]:
    if "," in number and not _GROUPED.fullmatch(number):
        return None, True
    exact = Decimal(number.replace(",", "")).scaleb(SUFFIXES[suffix.lower()])
    return _within(float(exact)), True


def _within(value: float) -> float | None:
    return value if abs(value) <= LARGEST else None


def _no_number(cell: Any, line: int, name: str, why: str = "is no finite number") -> FileRefused:
    return FileRefused(
        f"{name} {show(cell)} {why}",
        line=line,
        remedy="Fix the cell (an empty one is a missing value), or export the file again.",
    )


def to_per_cent(days: DayArray, close: Numbers, change: Numbers) -> Numbers:
    """Return `change` in per cent, NaN throughout where it does not follow from the closes.

    A single row cannot tell; its change is taken for per cent.
    """
    order = np.argsort(days, kind="stable")
    prices = np.where(close > 0, close, np.nan)[order]
    own = 100.0 * (prices[1:] / prices[:-1] - 1.0)
    given = change[order][1:]
    compared = np.isfinite(own) & np.isfinite(given)
    if not compared.any():
        return change
    errors = [float(np.median(np.abs(given * size - own)[compared])) for size in CHANGE_SIZES]
    best = int(np.argmin(errors))
    if errors[best] > CHANGE_TOLERANCE:
        return np.full(len(change), np.nan)
    return change * CHANGE_SIZES[best]
