"""Moves arrays to and from tables: binary COPY for many rows, one statement for a few."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from io import BytesIO
from typing import Any

import numpy as np
from sqlalchemy import Connection

from factorprism.warehouse.db.base import SCHEMA
from factorprism.warehouse.db.wire import Array, Wire, decode_rows, encode_blocks, wire_of

# Below this many rows, a staging table costs more than it saves.
FEW_ROWS = 256
_STAGING = "pg_temp.staged_rows"
_READ_SIZE = 1 << 20


def merge_rows(
    connection: Connection,
    table: str,
    key: Sequence[str],
    columns: Mapping[str, Array],
    *,
    constants: Mapping[str, object] | None = None,
    keep: Collection[str] = (),
) -> None:
    """Insert rows into `table`; where `key` is held already, replace the other columns.

    Parameters
    ----------
    key
        Columns of the table's primary key; each in `columns` or `constants`.
    columns
        Arrays of one length, a row an element: days, int32, int64, float32, float64, or float32
        [row, element] for a ``real[]``. NaN is stored as NaN.
    constants
        Columns that have one value in all rows.
    keep
        Columns whose held value stays when a row is replaced.
    """
    ordered, constants = _order(columns, key), constants or {}
    n_rows = len(next(iter(ordered.values())))
    if not n_rows:
        return
    head, tail = _merge_statement(table, (*constants, *ordered), tuple(key), frozenset(keep))
    with _cursor(connection) as cursor:
        same = "".join(cursor.mogrify("%s, ", [value]).decode() for value in constants.values())
        if n_rows < FEW_ROWS:
            rows = ", ".join(f"({same}{row})" for row in _literal_rows(ordered))
            cursor.execute(f"{head} VALUES {rows} {tail}")
        else:
            stage_rows(connection, ordered)
            source = f"SELECT {same}{_names(ordered)} FROM {_STAGING}"  # noqa: S608
            cursor.execute(f"{head} {source} {tail}")
            cursor.execute(f"DROP TABLE {_STAGING}")


def stage_rows(connection: Connection, columns: Mapping[str, Array]) -> None:
    """Copy `columns` into the staging table, which vanishes with the transaction."""
    described = ", ".join(
        f"{_quote(name)} {wire_of(values).sql_type}" for name, values in columns.items()
    )
    with _cursor(connection) as cursor:
        # One of an earlier merge is there still where transactions are nested.
        cursor.execute(f"DROP TABLE IF EXISTS {_STAGING}")
        cursor.execute(f"CREATE TEMP TABLE staged_rows ({described}) ON COMMIT DROP")
        blocks = _Blocks(encode_blocks(columns))
        cursor.copy_expert(f"COPY {_STAGING} FROM STDIN (FORMAT binary)", blocks, size=_READ_SIZE)


def read_rows(
    connection: Connection,
    query: str,
    parameters: Mapping[str, object],
    wires: list[Wire],
) -> list[Array]:
    """Return the columns of `query` (``%(name)s`` parameters), bit for bit as they are held.

    No column may hold a null.
    """
    sink = BytesIO()
    with _cursor(connection) as cursor:
        inner = cursor.mogrify(query, parameters).decode()
        cursor.copy_expert(f"COPY ({inner}) TO STDOUT (FORMAT binary)", sink)
    return decode_rows(sink.getvalue(), wires)


@lru_cache(maxsize=64)
def _merge_statement(
    table: str, names: tuple[str, ...], key: tuple[str, ...], keep: frozenset[str]
) -> tuple[str, str]:
    """Return what stands before and after the rows of the statement that merges them."""
    updates = ", ".join(
        f"{_quote(name)} = excluded.{_quote(name)}"
        for name in names
        if name not in key and name not in keep
    )
    return (
        f"INSERT INTO {SCHEMA}.{_quote(table)} ({_names(names)})",
        f"ON CONFLICT ({_names(key)}) DO UPDATE SET {updates}",
    )


def _names(names: Iterable[str]) -> str:
    return ", ".join(map(_quote, names))


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _order(columns: Mapping[str, Array], key: Sequence[str]) -> Mapping[str, Array]:
    # Rows are written in key order, so that two writers meet in the same order.
    keys = [columns[name] for name in reversed(key) if name in columns]
    order = np.lexsort(keys)
    if (order[1:] > order[:-1]).all():
        return columns
    return {name: values[order] for name, values in columns.items()}


def _literal_rows(columns: Mapping[str, Array]) -> Iterator[str]:
    # Numbers and days as quoted text, which the server reads as the column's own type: an
    # unquoted -0.0 would lose its sign.
    texts = [_literals(values) for values in columns.values()]
    return (", ".join(row) for row in zip(*texts, strict=True))


def _literals(values: Array) -> list[str]:
    if values.ndim == 2:
        return [f"'{{{','.join(map(repr, row))}}}'" for row in values.tolist()]
    if values.dtype.kind == "M":
        return [f"'{day}'" for day in values.astype("datetime64[D]").tolist()]
    return [f"'{value!r}'" for value in values.tolist()]


def _cursor(connection: Connection) -> Any:
    return connection.connection.cursor()


class _Blocks:
    """A file to read from, over blocks of bytes; holds one block at a time."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = memoryview(b"")

    def read(self, size: int) -> bytes:
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return b""
            self._rest = memoryview(block)
        piece, self._rest = self._rest[:size], self._rest[size:]
        return bytes(piece)
