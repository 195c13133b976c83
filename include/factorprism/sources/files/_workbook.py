"""An Excel workbook into a table: its sheet is read as text is, one line a row."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time
from io import BytesIO, StringIO
from typing import Any

from factorprism.sources.files._grid import parse_text
from factorprism.sources.files._refusal import EXPORT_AGAIN, FileRefused, unreadable
from factorprism.sources.files._table import FileTable

SUFFIXES = (".xlsx", ".xls")
# A .xls may as well be text: terminals call their exports so.
_BEGINS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


def is_workbook(data: bytes) -> bool:
    """Tell a workbook (or another archive) from text, by how it begins."""
    return data.startswith(_BEGINS)


def parse_workbook(data: bytes, own: Mapping[str, str]) -> FileTable:
    """Return the one table in the sheets of `data`; `own` as in `parse_text`.

    Raises `FileRefused` for a workbook that is damaged or locked, and for one in which no sheet
    holds bars, or several do.
    """
    tables, refusals = {}, []
    for name, rows in _read_sheets(data).items():
        try:
            tables[name] = parse_text(_to_text(rows), own)
        except FileRefused as exc:
            refusals.append(exc)
    if len(tables) > 1:
        raise FileRefused(
            f"the sheets {' and '.join(map(repr, tables))} hold bars each",
            remedy="Keep one sheet an instrument, each in a file of its own.",
        )
    if not tables:
        raise _most_telling(refusals)
    ((name, table),) = tables.items()
    layout = f"Excel, sheet {name!r}, header in row {table.header_line}"
    return replace(table, layout=layout)


def _read_sheets(data: bytes) -> dict[str, list[list[Any]]]:
    """Return the cells of each sheet by its name, from its first row on."""
    from python_calamine import CalamineWorkbook

    try:
        book = CalamineWorkbook.from_filelike(BytesIO(data))
        return {
            name: book.get_sheet_by_name(name).to_python(skip_empty_area=False)
            for name in book.sheet_names
        }
    # A damaged file makes the library raise of every kind: the boundary is here.
    except Exception as exc:
        remedy = "The file is damaged, locked or of another kind; save it again, or as CSV."
        raise unreadable(exc, "an Excel workbook", remedy) from exc


def _most_telling(refusals: Sequence[FileRefused]) -> FileRefused:
    """Return the refusal of a sheet that is not empty, if there is one."""
    empty = FileRefused("the workbook is empty", remedy=EXPORT_AGAIN, empty=True)
    return next((exc for exc in refusals if not exc.empty), empty)


def _to_text(rows: Sequence[Sequence[Any]]) -> str:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    # An empty row is a line as well, so that the lines are the sheet's rows.
    writer.writerows([_to_cell(cell) for cell in row] or [""] for row in rows)
    return text.getvalue()


def _to_cell(cell: Any) -> str:
    """Return what a cell of text would hold; numbers with all their digits."""
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    if isinstance(cell, datetime):
        return str(cell.date() if cell.time() == time.min else cell)
    if isinstance(cell, date):
        return cell.isoformat()
    return " ".join(str(cell).split())
