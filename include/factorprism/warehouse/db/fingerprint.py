"""Hashes what the warehouse holds, so that two runs of the same work can be compared."""

from __future__ import annotations

import hashlib

from psycopg2 import sql
from sqlalchemy import Connection, Table

from factorprism.warehouse.db.connection import Database
from factorprism.warehouse.tables import SCHEMA, metadata

# Work that is repeated after a crash raises an open alert once more, and is later; a row's hash
# covers its moment.
_LEFT_OUT = {
    ("alerts", "raises"),
    *(("forecasts", name) for name in ("late_by", "previous_hash", "row_hash")),
}


def compute_fingerprints(database: Database) -> dict[str, str]:
    """Return the SHA-256 (hex) of each table's content, by table name.

    Rows are taken in the order of their key. Wall-clock columns (``*_at``) are left out, and so
    are how often an open alert was raised, how late a forecast is and the hashes of its chain.
    """
    with database.begin() as connection:
        connection.exec_driver_sql(
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;"
            "SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1"
        )
        tables = sorted(metadata.tables.values(), key=lambda table: table.name)
        return {table.name: _hash_table(connection, table) for table in tables}


def combine_fingerprints(fingerprints: dict[str, str]) -> str:
    """Return one SHA-256 (hex) over the tables' own."""
    lines = "\n".join(f"{name} {digest}" for name, digest in sorted(fingerprints.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def _hash_table(connection: Connection, table: Table) -> str:
    names = [
        column.name
        for column in table.columns
        if not column.name.endswith("_at") and (table.name, column.name) not in _LEFT_OUT
    ]
    # By the bytes of the text, whatever the database's collation is.
    order = [
        sql.SQL('{}::text COLLATE "C"').format(sql.Identifier(column.name))
        for column in table.primary_key
    ]
    query = sql.SQL("COPY (SELECT {} FROM {} ORDER BY {}) TO STDOUT").format(
        sql.SQL(", ").join(map(sql.Identifier, names)),
        sql.Identifier(SCHEMA, table.name),
        sql.SQL(", ").join(order),
    )
    sink = _Sink("\t".join(names))
    connection.connection.cursor().copy_expert(query, sink)
    return sink.hexdigest()


class _Sink:
    """A file to write to that keeps only the hash."""

    def __init__(self, head: str) -> None:
        self._digest = hashlib.sha256(f"{head}\n".encode())

    def write(self, piece: bytes | str) -> None:
        self._digest.update(piece.encode() if isinstance(piece, str) else piece)

    def hexdigest(self) -> str:
        return self._digest.hexdigest()
