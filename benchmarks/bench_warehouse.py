"""How fast rows reach PostgreSQL: against the driver's own `execute_values`, and the server alone.

The server is the embedded one, on loopback, in a folder of its own that is removed afterwards.
`execute_values` writes `SAMPLE` rows and its time is scaled to all of them. The server's own
figure is the same INSERT ... SELECT ... ON CONFLICT from a table that lies there already.
Every timed call begins with a TRUNCATE, all alike.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import psycopg2
from _table import Row, interleave, print_table
from psycopg2.extras import execute_values

from factorprism.core.calendar import calendar_of
from factorprism.core.roles import OWNER
from factorprism.market.bars import BAR_VALUES, Pull, make_bars
from factorprism.services import EmbeddedPostgres
from factorprism.warehouse import PostgresWarehouse
from factorprism.warehouse.db.bulk import merge_rows
from factorprism.warehouse.db.connection import Database

ROWS, VALUES, SAMPLE = 1_000_000, 20, 50_000
PEER_LIMIT, SERVER_LIMIT, DAY_LIMIT, GROWTH_LIMIT = 10.0, 0.5, 2.0, 1.3
KEY = ("symbol_id", "session")
NAMES = [*KEY, *(f"value_{number}" for number in range(VALUES))]
COMMITS, EVENINGS = 100, 20
YEARS, SESSIONS_A_YEAR = (1, 5, 20), 243
INSERT = (
    f"INSERT INTO prism.wide ({', '.join(NAMES)}) {{source}} ON CONFLICT ({', '.join(KEY)})"
    f" DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in NAMES[2:])}"
)

Columns = dict[str, np.ndarray]


def make_columns(n_rows: int) -> Columns:
    """Return a key of symbol and day and twenty float64 columns, in key order, fixed seed."""
    rng = np.random.default_rng(14)
    number = np.arange(n_rows)
    days = np.datetime64("2010-01-01") + (number % 3400)
    keys = {"symbol_id": (number // 3400).astype(np.int32), "session": days}
    return keys | {name: rng.normal(size=n_rows) for name in NAMES[2:]}


@contextmanager
def open_server() -> Iterator[str]:
    """Give the URL of an empty database on a server of its own."""
    home = Path(tempfile.mkdtemp(prefix="factorprism-bench-"))
    home.chmod(0o711)  # root's server runs as nobody, who must be able to pass
    server = EmbeddedPostgres(home)
    try:
        server.start()
        yield server.url("prism", OWNER)
    finally:
        server.stop()
        shutil.rmtree(server.data_folder.parent, ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)


def open_scratch(url: str) -> psycopg2.extensions.connection:
    """Create the wide table and return a kept connection."""
    connection = psycopg2.connect(url)
    with connection.cursor() as cursor:
        columns = ", ".join(f"{name} float8 NOT NULL" for name in NAMES[2:])
        cursor.execute(
            f"CREATE TABLE prism.wide (symbol_id int, session date, {columns},"
            f" PRIMARY KEY ({', '.join(KEY)}))"
        )
    connection.commit()
    return connection


def measure_bulk(url: str) -> list[Row]:
    """Merge a million rows of 22 columns in our way, by `execute_values`, and by the server."""
    connection, database, columns = open_scratch(url), Database(url), make_columns(ROWS)
    sample = list(zip(*(values[:SAMPLE].tolist() for values in columns.values()), strict=True))
    cursor = connection.cursor()
    with database.begin() as filling:
        merge_rows(filling, "wide", KEY, columns)
    cursor.execute("CREATE TEMP TABLE loaded AS SELECT * FROM prism.wide ORDER BY 1, 2")
    connection.commit()

    def merge() -> None:
        empty(connection)
        with database.begin() as merging:
            merge_rows(merging, "wide", KEY, columns)

    def insert_values() -> None:
        empty(connection)
        execute_values(cursor, INSERT.format(source="VALUES %s"), sample, page_size=1000)
        connection.commit()

    def insert_loaded() -> None:
        empty(connection)
        cursor.execute(INSERT.format(source="SELECT * FROM loaded"))
        connection.commit()

    seconds = interleave({"ours": merge, "values": insert_values, "server": insert_loaded})
    empty(connection)
    database.close()
    connection.close()
    ours, server = ROWS / seconds["ours"], ROWS / seconds["server"]
    values = SAMPLE / seconds["values"]
    name = f"merge of {ROWS:,} rows x {len(NAMES)} columns"
    return [
        Row(
            name,
            ours,
            "rows/s",
            f"execute_values, {values:,.0f} rows/s on {SAMPLE:,}, scaled",
            ours / values,
            f">= {PEER_LIMIT:g}",
            ours / values >= PEER_LIMIT,
        ),
        Row(
            name,
            ours,
            "rows/s",
            f"server's INSERT ... SELECT, {server:,.0f} rows/s",
            ours / server,
            f">= {SERVER_LIMIT:g}",
            ours / server >= SERVER_LIMIT,
        ),
    ]


def measure_day(url: str) -> list[Row]:
    """Merge a day's four rows on kept connections, beside the same by `execute_values`."""
    connection, database = psycopg2.connect(url), Database(url)
    four = {name: values[::3400] for name, values in make_columns(3400 * 4).items()}
    rows = list(zip(*(values.tolist() for values in four.values()), strict=True))
    cursor = connection.cursor()

    def merge_four() -> None:
        for _ in range(COMMITS):
            with database.begin() as merging:
                merge_rows(merging, "wide", KEY, four)

    def insert_four() -> None:
        for _ in range(COMMITS):
            execute_values(cursor, INSERT.format(source="VALUES %s"), rows)
            connection.commit()

    seconds = interleave({"four": merge_four, "values": insert_four})
    database.close()
    connection.close()
    ratio = seconds["four"] / seconds["values"]
    return [
        Row(
            f"a day's four rows x {len(NAMES)} columns",
            seconds["four"] / COMMITS * 1e3,
            "ms",
            f"execute_values of the same, {seconds['values'] / COMMITS * 1e3:.3g} ms",
            ratio,
            f"<= {DAY_LIMIT:g}",
            ratio <= DAY_LIMIT,
        )
    ]


def measure_growth(url: str) -> list[Row]:
    """Merge an evening's 21 bars, one of them revised, beneath histories of 1, 5 and 20 years."""
    warehouse = PostgresWarehouse(url)
    evenings = {
        f"{years}": make_evening(warehouse, f"00000{position}.SH", years * SESSIONS_A_YEAR)
        for position, years in enumerate(YEARS)
    }
    seconds = interleave(evenings)
    warehouse.close()
    shortest = seconds[f"{YEARS[0]}"]
    return [
        Row(
            f"an evening's merge after {years} years",
            seconds[f"{years}"] / EVENINGS * 1e3,
            "ms",
            f"after {YEARS[0]} year, {shortest / EVENINGS * 1e3:.3g} ms",
            seconds[f"{years}"] / shortest,
            f"<= {GROWTH_LIMIT:g}",
            seconds[f"{years}"] / shortest <= GROWTH_LIMIT,
        )
        for years in YEARS[1:]
    ]


def make_evening(warehouse: PostgresWarehouse, symbol: str, n_sessions: int) -> Callable[[], None]:
    """Load a history and return the call that merges its last bars, revised each time."""
    days = calendar_of(symbol).session_days[-n_sessions:].astype("datetime64[us]")
    values = np.random.default_rng(14).uniform(1000, 5000, (n_sessions, len(BAR_VALUES)))
    columns = dict(zip(BAR_VALUES, values.T, strict=True))
    bars = make_bars(pd.DataFrame({"symbol": symbol, "session": days, **columns}))
    first, last = bars["session"].iloc[0].date(), bars["session"].iloc[-1].date()
    pull_id = warehouse.pulls.save_pull(
        Pull("bench", symbol, first, last, bars, datetime(2026, 1, 1))
    )
    warehouse.bars.merge_bars(bars, pull_id)
    evening = bars.iloc[-21:].copy()

    def merge() -> None:
        for _ in range(EVENINGS):
            evening.loc[evening.index[-1], "close"] += 1.0
            warehouse.bars.merge_bars(evening, pull_id)
            warehouse.factors.changed_from(symbol, "0" * 64)
            warehouse.bars.load_extent(symbol)

    return merge


def empty(connection: psycopg2.extensions.connection) -> None:
    """Empty the wide table."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE prism.wide")
    connection.commit()


def run() -> list[Row]:
    with open_server() as url:
        warehouse = PostgresWarehouse(url)
        warehouse.migrate()
        warehouse.close()
        return [*measure_bulk(url), *measure_day(url), *measure_growth(url)]


def main() -> None:
    print_table(run())


if __name__ == "__main__":
    main()
