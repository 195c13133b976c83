"""Walks the ledger's chains and names the first row of each that does not fit, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table, text

from factorprism.core.ledger import Head, LedgerFault, LedgerReport
from factorprism.core.words import count
from factorprism.warehouse.chain import CHAINED, hash_cells, hash_row
from factorprism.warehouse.db.base import SCHEMA, list_value_tables, metadata, value_names
from factorprism.warehouse.db.connection import Database

BATCH = 20_000
_MOMENT = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US')"""
_DAY = "to_char({}, 'YYYY-MM-DD')"
_FORMS = {"session": _DAY, "horizon_end": _DAY, "due_at": _MOMENT, "created_at": _MOMENT}
_COLUMN = {name: number + 2 for number, name in enumerate(CHAINED)}
_POSITION, _PREVIOUS, _VALUES = (
    _COLUMN[name] for name in ("position", "previous_hash", "values_hash")
)

# The signals by one read of an index each, however long their chains are; the last is null.
SIGNAL_NAMES = """
    names AS (
        SELECT min(signal) AS signal FROM prism.forecasts
        UNION ALL
        SELECT (SELECT min(signal) FROM prism.forecasts WHERE signal > names.signal) FROM names
        WHERE names.signal IS NOT NULL
    )
"""
# Each signal's last row.
_HEADS = text(
    f"""
    WITH RECURSIVE {SIGNAL_NAMES}
    SELECT last.signal, last.position, last.row_hash FROM names
    CROSS JOIN LATERAL (
        SELECT signal, position, row_hash FROM prism.forecasts AS held
        WHERE held.signal = names.signal ORDER BY position DESC LIMIT 1
    ) AS last
    ORDER BY last.signal
    """  # noqa: S608
)
_ROWS = (
    "SELECT position, row_hash, {columns} FROM prism.forecasts AS f"
    " WHERE signal = %s AND position >= %s ORDER BY f.position"
)
# By the bytes of the symbol, as the hash has them, whatever the database's collation is.
_CELLS = (
    "SELECT f.position, v.symbol, {values} FROM {table} AS v"
    " JOIN prism.forecasts AS f USING (signal, session, model_id, word)"
    ' WHERE f.signal = %s AND f.position >= %s ORDER BY f.position, v.symbol COLLATE "C"'
)
# The first word that follows an issued one, or is numbered before its time.
_WORDS = text(
    """
    SELECT position, session, model_id, word, last_state FROM (
        SELECT position, session, model_id, word,
            lag(word) OVER said AS last_word, lag(state) OVER said AS last_state
        FROM prism.forecasts WHERE signal = :signal
        WINDOW said AS (PARTITION BY session, model_id ORDER BY position)
    ) AS words
    WHERE last_state = 'issued' OR word <= last_word
    ORDER BY position LIMIT 1
    """
)
# What belongs to a forecast that is not there, or was not issued.
_ORPHANS = """
SELECT signal, session, model_id, symbol FROM {table} AS child
WHERE (%s IS NULL OR signal = %s) AND NOT EXISTS (
    SELECT FROM prism.forecasts AS f
    WHERE f.state = 'issued' AND {same})
ORDER BY signal, session, model_id, symbol LIMIT 1
"""

Record = tuple[Any, ...]  # position, row_hash, then CHAINED as text


def read_heads(connection: Connection) -> list[Head]:
    """Return the last row of each signal's chain, by signal."""
    return [Head(*row) for row in connection.execute(_HEADS)]


def verify_chains(
    database: Database,
    signal: str | None = None,
    expected: Sequence[Head] = (),
    newest: int | None = None,
) -> LedgerReport:
    """Return what a walk over all chains, or over the one of `signal`, comes to.

    With `newest` only so many of the last rows of each are checked, and nothing else.
    """
    faults: list[LedgerFault] = []
    n_rows = 0
    expected = [kept for kept in expected if signal in (None, kept.signal)]
    with database.begin() as connection:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        heads = [head for head in read_heads(connection) if signal in (None, head.signal)]
        for head in heads:
            kept = _group_hashes(item for item in expected if item.signal == head.signal)
            walk = _Walk(connection, head, kept, newest)
            found = walk.find_fault()
            n_rows += walk.n_rows
            if newest is None:
                found = _first(found, _find_word(connection, head.signal))
            faults += [found] if found else []
        if newest is None:
            faults += _find_orphans(connection, signal)
    held = {head.signal for head in heads}
    faults += [_describe_absent(kept) for kept in expected if kept.signal not in held]
    return LedgerReport(n_rows, tuple(heads), tuple(faults))


class _Walk:
    """One walk along one chain to its `head`, past the heads that were `kept` elsewhere."""

    def __init__(
        self, connection: Connection, head: Head, kept: Mapping[int, set[str]], newest: int | None
    ) -> None:
        self._connection, self._head, self._kept = connection, head, kept
        self._start = 1 if newest is None else max(1, head.position - newest + 1)
        self.n_rows = 0

    def find_fault(self) -> LedgerFault | None:
        """Return the first row that does not fit, or None."""
        last_position, last_hash = self._load_anchor()
        rows, cells = self._read_rows(), self._hash_cells()
        next_cells = next(cells, None)
        for row in rows:
            self.n_rows += 1
            position, row_hash = row[0], row[1]
            values_hash = ""
            if next_cells is not None and next_cells[0] == position:
                values_hash, next_cells = next_cells[1], next(cells, None)
            if (
                position != last_position + 1
                or row[_PREVIOUS] != last_hash
                or hash_row(row[2:]) != row_hash
            ):
                return self._fault(
                    row, _describe_misfit(row, next(rows, None), last_position, last_hash)
                )
            if values_hash != row[_VALUES]:
                return self._fault(
                    row, f"the values of {_name(row)} are not those it was hashed with"
                )
            if self._kept.get(position, {row_hash}) != {row_hash}:
                return self._fault(row, _describe_rewritten(row))
            last_position, last_hash = position, row_hash
        lost = [position for position in self._kept if position > last_position]
        return self._fault_of_end(last_position, min(lost)) if lost else None

    def _fault(self, row: Record, sentence: str) -> LedgerFault:
        return LedgerFault(self._head.signal, row[0], sentence)

    def _fault_of_end(self, last_position: int, kept: int) -> LedgerFault:
        sentence = f"the chain ends at row {last_position}, the head that was kept is row {kept}: "
        return LedgerFault(
            self._head.signal, last_position, sentence + "the last rows were removed"
        )

    def _load_anchor(self) -> tuple[int, str]:
        """Return position and hash of the row that the first one looked at must follow."""
        statement = text(
            "SELECT position, row_hash FROM prism.forecasts"
            " WHERE signal = :signal AND position < :start ORDER BY position DESC LIMIT 1"
        )
        chosen = {"signal": self._head.signal, "start": self._start}
        held = self._connection.execute(statement, chosen).one_or_none()
        return (held.position, held.row_hash) if held else (0, "")

    def _read_rows(self) -> Iterator[Record]:
        columns = ", ".join(_FORMS.get(name, "{}::text").format(name) for name in CHAINED)
        return self._stream("rows", _ROWS.format(columns=columns))

    def _hash_cells(self) -> Iterator[tuple[int, str]]:
        """Yield position and hash of the values held, for each row that has any.

        Those of every target: a signal may have changed its own, and no row may have two.
        """
        streams = map(self._read_cells, list_value_tables())
        for position, cells in groupby(merge(*streams, key=itemgetter(0)), itemgetter(0)):
            yield position, hash_cells(cell[1:] for cell in cells)

    def _read_cells(self, table: Table) -> Iterator[tuple[int, str, str, str]]:
        """Yield position, symbol, name and bits of each value in `table`."""
        names = sorted(value_names(table))
        values = ", ".join(f"encode(float8send(v.{name} + 0.0), 'hex')" for name in names)
        for position, symbol, *held in self._stream(
            table.name, _CELLS.format(values=values, table=table.fullname)
        ):
            for name, bits in zip(names, held, strict=True):
                yield position, symbol, name, bits

    def _stream(self, name: str, query: str) -> Iterator[Record]:
        # A cursor of the server's, so that a long chain never lies in memory.
        driver: Any = self._connection.connection
        with driver.cursor(f"ledger_{name}") as cursor:
            cursor.itersize = BATCH
            cursor.execute(query, (self._head.signal, self._start))
            yield from cursor


def _describe_misfit(
    row: Record, following: Record | None, last_position: int, last_hash: str
) -> str:
    """Say in what way `row` does not fit behind row `last_position`, whose hash is `last_hash`."""
    fits_itself = hash_row(row[2:]) == row[1]
    if row[0] > last_position + 1 and fits_itself:
        after = f"row {last_position}" if last_position else "the beginning"
        gone = f"{count(row[0] - last_position - 1, 'row')} removed"
        return f"{gone} between {after} and {_name(row)}"
    if row[0] <= last_position or (following is not None and following[_PREVIOUS] == last_hash):
        return f"{_name(row)} was inserted: the row after it does not follow it"
    if not fits_itself:
        if _fits_at(row, row[0] - 1):
            return f"row {last_position} was inserted: {_name(row)} stood in its place before"
        if _fits_at(row, row[0] + 1):
            return f"a row was removed before {_name(row)}, which stood one place further on"
        if following is None and row[_PREVIOUS] != last_hash:
            return f"{_name(row)} was inserted: it does not follow row {last_position}"
        return f"{_name(row)} was altered: its content does not give its hash"
    return f"{_name(row)} does not follow row {last_position}: one of both was replaced"


def _fits_at(row: Record, position: int) -> bool:
    """Tell whether the row gives its hash at another position."""
    moved = (*row[2:_POSITION], str(position), *row[_POSITION + 1 :])
    return bool(hash_row(moved) == row[1])


def _describe_rewritten(row: Record) -> str:
    return f"{_name(row)} has another hash than the head that was kept: the ledger was rewritten"


def _describe_absent(kept: Head) -> LedgerFault:
    sentence = f"the ledger has no row of it, the head that was kept is row {kept.position}"
    return LedgerFault(kept.signal, 0, sentence)


def _name(row: Record) -> str:
    session, model_id, word = (row[_COLUMN[name]] for name in ("session", "model_id", "word"))
    return f"row {row[0]} (session {session}, model {model_id}, word {word})"


def _group_hashes(kept: Iterable[Head]) -> dict[int, set[str]]:
    """Return the hashes that were kept of each position; where they differ, no row has them all."""
    hashes: dict[int, set[str]] = {}
    for head in kept:
        hashes.setdefault(head.position, set()).add(head.row_hash)
    return hashes


def _first(*found: LedgerFault | None) -> LedgerFault | None:
    return min((item for item in found if item), key=lambda item: item.position, default=None)


def _find_word(connection: Connection, signal: str) -> LedgerFault | None:
    row = connection.execute(_WORDS, {"signal": signal}).one_or_none()
    if row is None:
        return None
    why = "follows an issued word" if row.last_state == "issued" else "is numbered before its time"
    named = f"row {row.position} (session {row.session}, model {row.model_id}, word {row.word})"
    return LedgerFault(signal, row.position, f"{named} {why}")


def _find_orphans(connection: Connection, signal: str | None) -> Iterator[LedgerFault]:
    """Yield the first row of each table of values, and of the outcomes, that has no forecast."""
    outcomes = metadata.tables[f"{SCHEMA}.outcomes"]
    for table in (*list_value_tables(), outcomes):
        is_values = table is not outcomes
        key = ("signal", "session", "model_id", *(("word",) if is_values else ()))
        same = " AND ".join(f"f.{name} = child.{name}" for name in key)
        query = _ORPHANS.format(table=table.fullname, same=same)
        row = connection.exec_driver_sql(query, (signal, signal)).one_or_none()
        if row is not None:
            what = "values" if is_values else "an outcome"
            sentence = f"{what} of {row.symbol} (session {row.session}, model {row.model_id})"
            yield LedgerFault(row.signal, 0, f"{sentence} belong to no issued forecast")
