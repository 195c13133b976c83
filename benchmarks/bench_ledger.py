"""How fast a ledger is verified, beside hashing the texts of its rows alone.

A million words in three chains, each with its values, as an owner would load them: past the
trigger that numbers and links them one by one. The walk is `factorprism ledger verify`'s own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date, timedelta
from hashlib import sha256
from io import StringIO

import psycopg2
from _table import Row
from bench_warehouse import open_server

from factorprism.warehouse import PostgresWarehouse
from factorprism.warehouse.chain import CHAINED, hash_row, hash_values, quote

ROWS, SIGNALS, SAMPLE = 999_999, 3, 33_333
SECONDS_LIMIT = 60.0
SYMBOL, NAMES = "000300.SH", ("p_up", "p_up_raw", "base_rate")
FIRST = date(1900, 1, 1)
CREATED = "2026-01-05T11:31:02.123456"

Fields = tuple[str, ...]


def make_chain(signal: str, n_rows: int) -> Iterator[tuple[Fields, str, tuple[float, ...]]]:
    """Yield the fields of each row of a chain in their order, its hash, and its values."""
    previous = ""
    for number in range(n_rows):
        day = FIRST + timedelta(days=number % 36_500)
        model = f"inception-{number // 36_500:012x}"
        mark = sha256(f"{signal} {number}".encode()).hexdigest()
        values = (0.5 + number % 1000 / 2500, 0.5, 0.53)
        values_hash = hash_values({SYMBOL: dict(zip(NAMES, values, strict=True))})
        fields = (
            *(signal, day.isoformat(), model, "1", str(number + 1), "issued", "direction"),
            *(signal.split("-")[0], "14", (day + timedelta(days=20)).isoformat(), SYMBOL, ""),
            *(mark, mark, mark, "false", "2026-01-05T11:30:00.000000", CREATED),
            *(values_hash, previous),
        )
        previous = hash_row(fields)
        yield fields, previous, values


def load_ledger(url: str, rows: int = ROWS) -> None:
    """Load `rows` words in `SIGNALS` chains past the guards."""
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        cursor.execute("SET TIME ZONE 'UTC'; ALTER TABLE prism.forecasts DISABLE TRIGGER USER")
        for number in range(SIGNALS):
            _copy_chain(cursor, f"universe{number}-direction-14", rows // SIGNALS)
        cursor.execute("ALTER TABLE prism.forecasts ENABLE ALWAYS TRIGGER forecasts_chain")
        cursor.execute("ALTER TABLE prism.forecasts ENABLE ALWAYS TRIGGER forecasts_append_only")
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE prism.forecasts, prism.direction_forecasts")
    connection.close()


def _copy_chain(cursor: psycopg2.extensions.cursor, signal: str, n_rows: int) -> None:
    words, values = StringIO(), StringIO()
    for fields, row_hash, held in make_chain(signal, n_rows):
        words.write("\t".join((*fields, row_hash)) + "\n")
        key = (*fields[:4], SYMBOL)
        values.write("\t".join((*key, *map(repr, held))) + "\n")
    for stream in (words, values):
        stream.seek(0)
    columns = ", ".join((*CHAINED, "row_hash"))
    cursor.copy_expert(f"COPY prism.forecasts ({columns}) FROM STDIN", words)
    cursor.copy_expert("COPY prism.direction_forecasts FROM STDIN", values)


def measure_hashing() -> float:
    """Return the seconds that hashing the texts of `ROWS` rows takes, written already."""
    texts = [
        f"[{', '.join(map(quote, fields))}]".encode()
        for fields, _, _ in make_chain("universe0-direction-14", SAMPLE)
    ]
    started = time.perf_counter()
    for _ in range(ROWS // SAMPLE):
        for text in texts:
            sha256(text).hexdigest()
    return time.perf_counter() - started


def run() -> list[Row]:
    with open_server() as url:
        warehouse = PostgresWarehouse(url)
        warehouse.migrate()
        load_ledger(url)
        started = time.perf_counter()
        report = warehouse.forecasts.verify()
        seconds = time.perf_counter() - started
        warehouse.close()
    assert (report.n_rows, report.faults) == (ROWS, ())
    alone = measure_hashing()
    return [
        Row(
            f"verifying a ledger of {ROWS:,} rows",
            ROWS / seconds,
            "rows/s",
            f"hashing the rows' texts alone, {ROWS / alone:,.0f} rows/s",
            alone / seconds,
            f"all in <= {SECONDS_LIMIT:g} s ({seconds:.1f})",
            seconds <= SECONDS_LIMIT,
        )
    ]
