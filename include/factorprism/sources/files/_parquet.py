"""Parquet into a table, by the file's own columns; an index of dates is a column among them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from factorprism.sources.files._names import roles_of
from factorprism.sources.files._refusal import EXPORT_AGAIN, FileRefused, unreadable
from factorprism.sources.files._table import FileTable

# What pandas writes for a header of several levels.
_LEVELS = re.compile(r"\(['\"].*\)")


def parse_parquet(path: Path) -> FileTable:
    """Return the table of `path`.

    Raises `FileRefused` for one that is damaged, empty or of several levels.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.stat().st_size:
        raise FileRefused("the file is empty", remedy=EXPORT_AGAIN, empty=True)
    try:
        with path.open("rb") as file:
            read = pq.ParquetFile(file, page_checksum_verification=True).read()
        columns = [_to_cells(read.column(index), pa) for index in range(read.num_columns)]
    except OSError:
        raise
    # A damaged file makes the library raise of every kind: the boundary is here.
    except Exception as exc:
        remedy = "The file is damaged or of another kind; write it again."
        raise unreadable(exc, "Parquet", remedy) from exc
    names = _name_dates([str(name) for name in read.column_names], read.schema.types, pa)
    if levels := [name for name in names if _LEVELS.fullmatch(name)]:
        raise FileRefused(
            f"the columns have several levels, as {levels[0]}",
            remedy="Write one level, for one instrument: "
            "frame.columns = frame.columns.get_level_values(0).",
        )
    if not read.num_rows:
        raise FileRefused("the file has no rows", remedy=EXPORT_AGAIN, empty=True)
    lines = range(1, read.num_rows + 1)
    return FileTable(names, columns, lines, "Parquet")


def _name_dates(names: list[str], types: list[Any], pa: Any) -> list[str]:
    """Return `names` with the one column of dates named so, where no name says date."""
    dated = [pa.types.is_timestamp(kind) or pa.types.is_date(kind) for kind in types]
    if sum(dated) != 1 or "date" in roles_of(names):
        return names
    return ["date" if is_date else name for name, is_date in zip(names, dated, strict=True)]


def _to_cells(column: Any, pa: Any) -> list[Any]:
    kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        # Nanoseconds are pandas' own; a moment of a daily bar has none.
        column = column.cast(pa.timestamp("us", kind.tz), safe=False)
    cells: list[Any] = column.to_pylist()
    return cells
