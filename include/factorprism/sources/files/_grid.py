"""Text into a table: the delimiter, the header's line, and where the data end."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from factorprism.sources.files._names import list_names, normalise_name, roles_of
from factorprism.sources.files._refusal import EXPORT_AGAIN, FileRefused, show
from factorprism.sources.files._table import FileTable

DELIMITERS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}
HEADER_SEARCHED = 40
LEAST_ROLES = 3
# A line after the data (a source, a remark) is made of words; a row that was cut short is not.
_WORDS = re.compile(r"[^\W\d_]{3,}|[\u4e00-\u9fff]{2,}")
_NUMBER = re.compile(r"[\s'\"+-]*[\d.,]+\s*[%A-Za-z\u4e07\u4ebf]?")


@dataclass(frozen=True)
class _Header:
    """A header: its line (from 0), the delimiter, and how many lines it takes."""

    line: int
    delimiter: str
    names: tuple[str, ...]
    n_lines: int = 1
    tickers: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Row:
    line: int
    cells: list[str]


def parse_text(text: str, own: Mapping[str, str]) -> FileTable:
    """Return the table in `text`; `own` are column names that the folder's owner has given.

    Raises `FileRefused` for a text without a header or rows, and for a row that does not have the
    header's cells.
    """
    if not text.strip():
        raise FileRefused("the file is empty", remedy=EXPORT_AGAIN, empty=True)
    lines = text.split("\n")
    header = _find_header(lines, own)
    rows = _without_remarks(list(_read_rows(lines, header)))
    if not rows:
        raise FileRefused("the file has no rows", remedy=EXPORT_AGAIN, empty=True)
    cells = [_fit(row, header) for row in rows]
    ended = text.endswith("\n") or rows[-1].line < len(lines)
    return FileTable(
        names=header.names,
        columns=list(zip(*cells, strict=True)),
        lines=[row.line for row in rows],
        layout=f"{DELIMITERS[header.delimiter]}, header in line {header.line + 1}",
        header_line=header.line + 1,
        preamble="\n".join(lines[: header.line]),
        tickers=header.tickers,
        open_end=not ended,
    )


def _find_header(lines: Sequence[str], own: Mapping[str, str]) -> _Header:
    """Return the first line among the file's first that names enough columns."""
    given = {name.strip() for name in own.values() if name}
    best: tuple[int, _Header] | None = None
    for index, line in enumerate(lines[:HEADER_SEARCHED]):
        for delimiter in DELIMITERS:
            if delimiter not in line:
                continue
            names = _split(line, delimiter)
            score = len(roles_of(names)) + sum(name.strip() in given for name in names)
            if score >= LEAST_ROLES and (best is None or score > best[0]):
                best = (score, _Header(index, delimiter, tuple(names)))
        if best:
            return _join_levels(lines, best[1])
    raise _no_header(lines)


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:
        return []


def _join_levels(lines: Sequence[str], header: _Header) -> _Header:
    """Return `header` with the two lines below it that yfinance writes: tickers, and the date."""
    below = [_split(line, header.delimiter) for line in lines[header.line + 1 : header.line + 3]]
    firsts = [normalise_name(cells[0])[0] if cells else "" for cells in below]
    if firsts != ["ticker", "date"]:
        return header
    names = ("Date", *header.names[1:])
    return _Header(header.line, header.delimiter, names, 3, tuple(filter(None, below[0][1:])))


def _no_header(lines: Sequence[str]) -> FileRefused:
    first = next((index for index, line in enumerate(lines) if line.strip()), 0)
    cells = max((_split(lines[first], mark) for mark in DELIMITERS), key=len)
    return FileRefused(
        f"no header is found; the first line reads {list_names(cells)}",
        line=first + 1,
        remedy="Name the columns in a first line: date, open, high, low, close, volume, amount "
        "(or 日期, 开盘, 最高, 最低, 收盘, 成交量, 成交额).",
    )


def _read_rows(lines: Sequence[str], header: _Header) -> Iterator[_Row]:
    """Yield the rows below `header` that are not blank, each with the line that it begins on."""
    start = header.line + header.n_lines
    below = (f"{line}\n" for line in lines[start:])
    reader = csv.reader(below, delimiter=header.delimiter, skipinitialspace=True, strict=True)
    line = start + 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as exc:
            raise FileRefused(
                f"the row, columns {header.names[0].strip()} to {header.names[-1].strip()}, cannot "
                f"be taken apart: a quotation mark opens or ends in the wrong place ({exc})",
                line=line,
                remedy="Fix the line, or export the file again.",
            ) from exc
        if any(cell.strip() for cell in cells):
            yield _Row(line, cells)
        line = start + reader.line_num + 1


def _without_remarks(rows: list[_Row]) -> list[_Row]:
    """Return `rows` without the lines of words after the data (a source, a remark)."""
    end = len(rows)
    while end and _is_remark(rows[end - 1].cells, rows[end - 2].cells if end > 1 else []):
        end -= 1
    return rows[:end]


def _is_remark(cells: Sequence[str], above: Sequence[str]) -> bool:
    filled = [cell.strip() for cell in cells if cell.strip()]
    if not _WORDS.search(filled[0]) or any(_NUMBER.fullmatch(cell) for cell in filled):
        return False
    # The beginning of the row above is what a row that was cut short looks like.
    return not any(cell.strip().startswith(filled[0]) for cell in above)


def _fit(row: _Row, header: _Header) -> list[str]:
    """Return the cells of `row`, one for each of the header's names."""
    width, cells = len(header.names), row.cells
    if len(cells) == width:
        return cells
    surplus = cells[width:]
    nameless = header.names[len(cells) :]
    if len(cells) > width and not any(cell.strip() for cell in surplus):
        return cells[:width]
    if len(cells) < width and not any(name.strip() for name in nameless):
        return [*cells, *([""] * len(nameless))]
    last = header.names[min(len(cells), width) - 1].strip()
    raise FileRefused(
        f"the row has {len(cells)} cells, the header {width}; it ends in column {last} with "
        f"{show(cells[-1].strip())}",
        line=row.line,
        remedy="The row is cut short or damaged; fetch or export the file again.",
    )
