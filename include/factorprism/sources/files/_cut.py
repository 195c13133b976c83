"""Finds a number that the file's end has cut short: it still reads as one, but as another."""

from __future__ import annotations

import math
import re

import numpy as np

from factorprism.sources.files._names import Columns
from factorprism.sources.files._numbers import Numbers
from factorprism.sources.files._refusal import FileRefused, show
from factorprism.sources.files._table import FileTable

# Rows before the last that say how a number of its column looks.
COMPARED_ROWS = 20
# One digit lost is ten-fold.
SMALLEST_SHARE = 0.2


def check_last_cell(
    table: FileTable, columns: Columns, numbers: dict[str, Numbers], sign: str = "."
) -> None:
    """Raise `FileRefused` where a file that does not end its last line may have cut a number in it.

    The number is whole if it has all the decimals (behind `sign`) of those above it and is of
    their size; the only row of a file has nothing above it.
    """
    index = len(table.names) - 1
    role = next((name for name, held in columns.positions.items() if held == index), None)
    if not table.open_end or (role not in numbers and role != "date"):
        return
    cells = [str(cell).strip() for cell in table.columns[index][-COMPARED_ROWS - 1 :]]
    above = len(cells[-2]) if len(cells) > 1 else len(cells[-1]) + 1
    if role == "date":
        whole = len(cells[-1]) >= above
    else:
        whole = _is_whole(cells, numbers[str(role)], sign)
    if not whole:
        raise FileRefused(
            f"{table.names[index].strip()} {show(cells[-1])} may be cut short: the file ends "
            "within the line",
            line=table.lines[-1],
            remedy="Fetch or export the file again; if it is whole, end its last line.",
        )


def _is_whole(cells: list[str], values: Numbers, sign: str) -> bool:
    last = abs(float(values[-1]))
    earlier = np.abs(values[-COMPARED_ROWS - 1 : -1])
    earlier = earlier[np.isfinite(earlier) & (earlier > 0)]
    if not len(earlier):
        return math.isnan(last) and len(values) > 1
    if math.isnan(last):
        return False
    decimals = [_count_decimals(cell, sign) for cell in cells]
    small = last < SMALLEST_SHARE * float(np.median(earlier))
    return decimals[-1] >= max(decimals[:-1], default=0) and not small


def _count_decimals(cell: str, sign: str) -> int:
    found = re.search(rf"[{sign}](\d*)", cell)
    return len(found.group(1)) if found else 0
