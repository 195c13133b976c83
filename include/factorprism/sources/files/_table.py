"""A file as a table of cells, not yet read as dates and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class FileTable:
    """The columns of one file; a cell is text, or what Parquet has (a number, a moment, None).

    `lines` says for each row where it stands, counted as an editor does (text), as the sheet does
    (Excel), or from the first row (Parquet). `preamble` are the lines before the header.
    `open_end` tells that no line end closes the last row, whose last cell may be cut short.
    """

    names: Sequence[str]
    columns: Sequence[Sequence[Any]] = field(repr=False)
    lines: Sequence[int] = field(repr=False)
    layout: str
    header_line: int | None = None
    preamble: str = field(default="", repr=False)
    tickers: Sequence[str] = ()
    open_end: bool = False
