"""Locks hold between processes, connections heal, and failures are said in plain language."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from factorprism.core.alerts import Alert
from factorprism.core.errors import WarehouseError
from factorprism.core.roles import WRITER
from factorprism.warehouse import PostgresWarehouse
from factorprism.warehouse.db.connection import Database

HOLDER = """
import sys, time
from factorprism.warehouse import PostgresWarehouse
with PostgresWarehouse(sys.argv[1]).lock("daily"):
    print("held", flush=True)
    time.sleep(600)
"""


def test_lock_of_a_killed_process_is_free(warehouse, migrated_url):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, migrated_url], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "held\n"
        entered = threading.Event()

        def wait():
            with warehouse.lock("daily"):
                entered.set()

        waiter = threading.Thread(target=wait)
        waiter.start()
        assert not entered.wait(0.3)
        with warehouse.lock("weekly"):
            pass
        holder.kill()
        assert entered.wait(20)
        waiter.join()
    finally:
        holder.kill()
        holder.communicate()


def test_lock_is_let_go_when_the_block_fails(warehouse, open_rivals):
    with pytest.raises(KeyError), warehouse.lock("daily"):
        raise KeyError
    (rival,) = open_rivals(1)
    with rival.lock("daily"):
        pass


def test_work_goes_on_after_the_server_dropped_the_connections(
    warehouse, open_rivals, run_as, caplog
):
    # The server has five seconds to end them: it does not do so at once.
    drop = (
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE application_name = 'factorprism' AND datname = current_database()"
        " AND usename = current_user"
    )
    warehouse.forecasts.load_forecasts()
    run_as(WRITER, drop)
    assert warehouse.forecasts.load_forecasts() == []
    with warehouse.lock("daily"):
        run_as(WRITER, drop)
        assert warehouse.forecasts.load_forecasts() == []
    assert "'daily' was lost" in caplog.text
    (rival,) = open_rivals(1)
    with rival.lock("daily"):
        pass


def test_wrong_password_and_absent_database_are_named(migrated_url):
    name = migrated_url.rsplit("/", 1)[1]
    absent = PostgresWarehouse(migrated_url.replace(name, "nowhere"))
    with pytest.raises(WarehouseError, match='database "nowhere" does not exist') as refused:
        absent.migrate()
    assert "FACTORPRISM_WAREHOUSE_URL" in refused.value.remedy
    with pytest.raises(WarehouseError, match="cannot be reached"), absent.lock("daily"):
        pass
    absent.close()


def test_moments_are_utc_whatever_the_server_says(warehouse, run_sql, migrated_url):
    name = migrated_url.rsplit("/", 1)[1]
    run_sql(f"ALTER DATABASE {name} SET timezone = 'Asia/Shanghai'")
    run_sql(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")
    warehouse.close()
    with warehouse._database.begin() as connection:
        shown = [
            connection.exec_driver_sql(f"SHOW {setting}").scalar_one()
            for setting in ("timezone", "transaction_isolation", "application_name")
        ]
    assert shown == ["UTC", "read committed", "factorprism"]


def test_closed_warehouse_holds_no_connection(warehouse, run_sql):
    warehouse.forecasts.load_forecasts()
    warehouse.close()
    count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'factorprism'"
    for _ in range(200):
        if run_sql(f"{count} AND datname = current_database()") == [(0,)]:
            break
        run_sql("SELECT pg_sleep(0.01)")
    else:
        pytest.fail("a connection stayed open")


@pytest.mark.parametrize(
    ("statement", "remedy"),
    [
        ("RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'", "disk of the data"),
        ("RAISE EXCEPTION 'no more' USING ERRCODE = 'out_of_memory'", "more"),
        (
            "SET LOCAL transaction_read_only = on; CREATE TABLE t (x int)",
            "FACTORPRISM_WAREHOUSE_URL",
        ),
    ],
)
def test_a_server_that_cannot_go_on_is_said_with_what_helps(migrated_url, statement, remedy):
    database = Database(migrated_url)
    with pytest.raises(WarehouseError) as caught, database.begin() as connection:
        connection.exec_driver_sql(f"DO $$ BEGIN {statement}; END $$")
    database.close()
    assert remedy in caught.value.remedy
    assert "\n" not in caught.value.message


def test_a_read_only_server_is_said_when_a_row_is_to_be_written(migrated_url):
    warehouse = PostgresWarehouse(f"{migrated_url}?options=-c%20default_transaction_read_only%3Don")
    with pytest.raises(WarehouseError, match="read-only transaction") as caught:
        warehouse.alerts.raise_alert(Alert("other thing", "critical", "a sentence"))
    warehouse.close()
    assert "read-only" in caught.value.remedy
