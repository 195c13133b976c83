"""Migrating gives the schema that the tables describe, once, whoever else migrates too."""

from __future__ import annotations

from contextlib import closing

import psycopg2
import pytest
from sqlalchemy import create_engine, make_url

from factorprism.core.errors import WarehouseError
from factorprism.warehouse import PostgresWarehouse
from factorprism.warehouse.tables import metadata

COLUMNS = """
SELECT table_name, column_name, data_type, udt_name, is_nullable, column_default
FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
WHERE table_schema = 'prism' AND table_type = 'BASE TABLE' AND table_name <> 'alembic_version'
ORDER BY 1, 2
"""
CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'prism'::regnamespace AND conrelid::regclass::text NOT LIKE '%alembic%'
ORDER BY 1, 2
"""
INDEXES = """
SELECT indexname, indexdef FROM pg_indexes
WHERE schemaname = 'prism' AND tablename <> 'alembic_version' ORDER BY 1
"""
COMMENTS = """
SELECT c.relname, a.attname, col_description(c.oid, a.attnum)
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
WHERE c.relnamespace = 'prism'::regnamespace AND c.relkind IN ('r', 'v') AND a.attnum > 0
    AND NOT a.attisdropped
    AND c.relname <> 'alembic_version'
"""


def ask(url, *statements):
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            answers = []
            for statement in statements:
                cursor.execute(statement)
                answers.append(cursor.fetchall())
            return answers
    finally:
        connection.close()


def test_migrations_give_the_tables_as_they_are_described(migrated_url, warehouse_url):
    engine = create_engine(make_url(warehouse_url).set(drivername="postgresql+psycopg2"))
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA prism")
        metadata.create_all(connection)
    engine.dispose()
    described = ask(warehouse_url, COLUMNS, CONSTRAINTS, INDEXES)
    assert len(described[0]) > 100
    assert ask(migrated_url, COLUMNS, CONSTRAINTS, INDEXES) == described


def test_every_column_of_the_database_says_what_it_means(migrated_url):
    (rows,) = ask(migrated_url, COMMENTS)
    assert len(rows) > 100
    assert [row[:2] for row in rows if not row[2]] == []
    held = {row[:2]: row[2] for row in rows}
    assert held["bars", "volume_shares"] == metadata.tables["prism.bars"].c.volume_shares.comment


def test_migrating_again_keeps_the_rows(warehouse, run_sql):
    run_sql("INSERT INTO prism.factor_catalogues VALUES (repeat('a', 64), 1, 'roc')")
    warehouse.migrate()
    assert run_sql("SELECT count(*) FROM prism.factor_catalogues") == [(1,)]


def test_rivals_migrate_an_empty_database_together(warehouse_url, run_together):
    rivals = [PostgresWarehouse(warehouse_url) for _ in range(4)]
    run_together(*(rival.migrate for rival in rivals))
    assert rivals[0].forecasts.load_forecasts() == []
    for rival in rivals:
        rival.close()


def test_schema_of_a_newer_version_is_named(owner_url, run_sql):
    run_sql("UPDATE prism.alembic_version SET version_num = '9999'")
    with (
        closing(PostgresWarehouse(owner_url)) as warehouse,
        pytest.raises(WarehouseError, match="9999") as refused,
    ):
        warehouse.migrate()
    assert "Install" in refused.value.remedy


def test_a_login_that_may_not_change_the_schema_is_refused_with_who_may(warehouse, run_sql):
    run_sql("UPDATE prism.alembic_version SET version_num = '0001'")
    with pytest.raises(WarehouseError, match="and prism_writer may not change it") as refused:
        warehouse.migrate()
    assert "FACTORPRISM_WAREHOUSE_OWNER_URL" in refused.value.remedy


def test_absent_schema_is_named(warehouse_url):
    empty = PostgresWarehouse(warehouse_url)
    for call in (empty.forecasts.load_forecasts, empty.fingerprint):
        with pytest.raises(WarehouseError, match="absent or older"):
            call()
    empty.close()
