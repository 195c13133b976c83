"""Moves arrays to and from tables: binary COPY for many rows, one statement for a few."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from io import BytesIO
from typing import Any

import numpy as np
from psycopg2 import sql
from sqlalchemy import Connection

from factorprism.warehouse._wire import Array, Wire, decode_rows, encode_blocks, wire_of
from factorprism.warehouse.tables import SCHEMA

# Below this many rows, a staging table costs more than it saves.
FEW_ROWS = 256
_STAGING = sql.Identifier("pg_temp", "staged_rows")
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
    ordered = _order(columns, key)
    n_rows = len(next(iter(ordered.values())))
    if not n_rows:
        return
    with _cursor(connection) as cursor:
        if n_rows < FEW_ROWS:
            source = _inline_rows(cursor, ordered)
        else:
            stage_rows(connection, ordered)
            source = _STAGING
        cursor.execute(_merge_statement(table, key, ordered, constants or {}, keep, source))
        if source is _STAGING:
            cursor.execute(sql.SQL("DROP TABLE {}").format(_STAGING))


def _inline_rows(cursor: Any, columns: Mapping[str, Array]) -> sql.Composable:
    casts = ", ".join("%s::" + wire_of(values).sql_type for values in columns.values())
    rows = [cursor.mogrify(f"({casts})", row).decode() for row in _python_rows(columns)]
    return sql.SQL("(VALUES {}) AS staged ({})").format(sql.SQL(", ".join(rows)), _names(columns))


def stage_rows(connection: Connection, columns: Mapping[str, Array]) -> None:
    """Copy `columns` into the staging table, which vanishes with the transaction."""
    described = [
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(wire_of(values).sql_type))
        for name, values in columns.items()
    ]
    with _cursor(connection) as cursor:
        cursor.execute(
            sql.SQL("CREATE TEMP TABLE staged_rows ({}) ON COMMIT DROP").format(
                sql.SQL(", ").join(described)
            )
        )
        copy = sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(_STAGING)
        cursor.copy_expert(copy, _Blocks(encode_blocks(columns)), size=_READ_SIZE)


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


def _merge_statement(
    table: str,
    key: Sequence[str],
    columns: Mapping[str, Array],
    constants: Mapping[str, object],
    keep: Collection[str],
    source: sql.Composable,
) -> sql.Composed:
    replaced = [name for name in (*constants, *columns) if name not in key and name not in keep]
    updates = [sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in replaced]
    return sql.SQL(
        "INSERT INTO {table} ({names}) SELECT {values} FROM {source} "
        "ON CONFLICT ({key}) DO UPDATE SET {updates}"
    ).format(
        table=sql.Identifier(SCHEMA, table),
        names=_names((*constants, *columns)),
        values=sql.SQL(", ").join([*map(sql.Literal, constants.values()), _names(columns)]),
        source=source,
        key=_names(key),
        updates=sql.SQL(", ").join(updates),
    )


def _names(names: Collection[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))


def _order(columns: Mapping[str, Array], key: Sequence[str]) -> Mapping[str, Array]:
    # Rows are written in key order, so that two writers meet in the same order.
    keys = [columns[name] for name in reversed(key) if name in columns]
    order = np.lexsort(keys)
    if (order[1:] > order[:-1]).all():
        return columns
    return {name: values[order] for name, values in columns.items()}


def _python_rows(columns: Mapping[str, Array]) -> Iterator[tuple[object, ...]]:
    lists = [_python_values(values) for values in columns.values()]
    return zip(*lists, strict=True)


def _python_values(values: Array) -> list[object]:
    if values.ndim == 2:
        # As text, because an array of Python floats would lose the sign of zero.
        return ["{" + ",".join(map(repr, row)) + "}" for row in values.astype(float).tolist()]
    if values.dtype.kind == "M":
        days: list[date] = values.astype("datetime64[D]").tolist()
        return list(days)
    return list(values.tolist())


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
