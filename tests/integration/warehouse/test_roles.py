"""What each role of the warehouse may do, and what a real PostgreSQL refuses it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pytest

from factorprism.core.roles import OWNER, READER, ROLES, WRITER, Login
from factorprism.warehouse import PostgresWarehouse
from factorprism.warehouse.tables import metadata

TABLES = {table.name: table for table in metadata.sorted_tables}
LEDGERS = sorted(name for name, table in TABLES.items() if table.info.get("ledger"))
REPLACED = sorted(name for name, table in TABLES.items() if table.info.get("rows_replaced"))
OTHERS = sorted(set(TABLES) - set(LEDGERS))

Run = Callable[..., list[Any]]

RIGHTS = """
SELECT c.relname, array_agg(p ORDER BY p) FROM pg_class c
CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES',
    'TRIGGER', 'MAINTAIN']) p
WHERE relnamespace = 'prism'::regnamespace AND relkind IN ('r', 'v')
AND has_table_privilege(c.oid, p) GROUP BY 1
"""
GUARDED = """
SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger JOIN pg_proc f ON f.oid = tgfoid
WHERE proname = 'refuse_change' AND tgenabled = 'A'
"""


CHANGES = [
    "UPDATE prism.{table} SET {column} = {column}",
    "DELETE FROM prism.{table}",
    "TRUNCATE prism.{table}",
    "ALTER TABLE prism.{table} DISABLE TRIGGER ALL",
    "DROP TRIGGER {table}_append_only ON prism.{table}",
    "DROP TABLE prism.{table}",
    "SELECT * FROM prism.{table} FOR UPDATE",
]
WRITES = ["INSERT INTO prism.{table} DEFAULT VALUES", *CHANGES[:3]]


def refuse(run_as: Run, role: str, statement: str, **names: str) -> None:
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        run_as(role, statement.format(**names))


@pytest.fixture(scope="module")
def ask(postgres: Any, migrated_template: str) -> Iterator[Run]:
    """Run a statement, named after the role, in one database for all that changes nothing."""
    url, opened = postgres.new_database(migrated_template), {}
    for role in ROLES:
        opened[role] = psycopg2.connect(postgres.as_role(url, role))
        opened[role].autocommit = True

    def run(role: str, statement: str) -> list[Any]:
        with opened[role].cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

    yield run
    for connection in opened.values():
        connection.close()
    postgres.drop_database(url)


def name_column(table: str) -> str:
    return next(iter(TABLES[table].columns)).name


def test_a_table_is_a_ledger_where_the_database_guards_its_rows_and_nowhere_else(ask: Run) -> None:
    guarded = {name.removeprefix("prism.") for (name,) in ask(OWNER, GUARDED)}
    assert guarded == set(LEDGERS)
    assert not set(LEDGERS) & set(REPLACED)


def test_the_writer_may_change_what_is_no_ledger_and_delete_what_is_replaced(ask: Run) -> None:
    rights = {name: set(held) for name, held in ask(WRITER, RIGHTS)}
    assert all(rights[name] == {"SELECT", "INSERT"} for name in LEDGERS)
    for name in OTHERS:
        expected = {"SELECT", "INSERT", "UPDATE"} | ({"DELETE"} if name in REPLACED else set())
        assert rights[name] == expected, name
    unnamed = set(rights) - set(TABLES)
    assert {"alembic_version", "factor_values"} <= unnamed
    assert all(rights[name] == {"SELECT"} for name in unnamed)


def test_the_reader_may_read_everything_and_nothing_else(ask: Run) -> None:
    rights = dict(ask(READER, RIGHTS))
    assert set(TABLES) < set(rights)
    assert all(held == ["SELECT"] for held in rights.values())


@pytest.mark.parametrize("table", LEDGERS)
def test_the_writer_is_refused_any_change_of_a_ledger(ask: Run, table: str) -> None:
    for statement in CHANGES:
        refuse(ask, WRITER, statement, table=table, column=name_column(table))


@pytest.mark.parametrize(
    "statement",
    [
        "SET session_replication_role = replica",
        "CREATE TABLE prism.mine (x int)",
        "CREATE TABLE public.mine (x int)",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
        "CREATE FUNCTION prism.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE OR REPLACE FUNCTION prism.refuse_change() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN RETURN NULL; END'",
        "DROP SCHEMA prism CASCADE",
        "TRUNCATE prism.bars CASCADE",
        "DELETE FROM prism.bars",
        "UPDATE prism.alembic_version SET version_num = '0001'",
        "ALTER TABLE prism.bars ADD COLUMN x int",
        f"SET ROLE {OWNER}",
    ],
)
def test_the_writer_is_refused_what_migrates_or_undoes_a_guard(ask: Run, statement: str) -> None:
    refuse(ask, WRITER, statement)


@pytest.mark.parametrize("table", sorted(TABLES))
def test_the_reader_is_refused_every_write(ask: Run, table: str) -> None:
    for statement in WRITES:
        refuse(ask, READER, statement, table=table, column=name_column(table))


def test_no_function_of_the_schema_runs_with_its_owners_rights(ask: Run) -> None:
    found = "SELECT proname FROM pg_proc WHERE pronamespace = 'prism'::regnamespace AND prosecdef"
    assert ask(OWNER, found) == []


def test_each_login_is_known_for_what_it_is(postgres: Any, migrated_url: str) -> None:
    for role, owns in ((OWNER, True), (WRITER, False), (READER, False)):
        with closing(PostgresWarehouse(postgres.as_role(migrated_url, role))) as warehouse:
            assert warehouse.read_login() == Login(role, is_superuser=False, owns_schema=owns)


def test_rights_that_were_lost_come_back_with_the_next_check_and_wider_ones_go(
    owner_url: str, run_sql: Run, run_as: Run
) -> None:
    before = run_as(WRITER, RIGHTS)
    run_sql(f"REVOKE ALL ON ALL TABLES IN SCHEMA prism FROM {WRITER}")
    run_sql(f"REVOKE USAGE ON SCHEMA prism FROM {WRITER}")
    run_sql(f"GRANT ALL ON prism.forecasts TO {WRITER}, {READER}")
    run_sql(f"GRANT CREATE ON SCHEMA prism TO {WRITER}, PUBLIC")
    refuse(run_as, WRITER, "TABLE prism.forecasts")
    with closing(PostgresWarehouse(owner_url)) as warehouse:
        warehouse.migrate()
        warehouse.migrate()
    assert run_as(WRITER, RIGHTS) == before
    refuse(run_as, READER, "DELETE FROM prism.forecasts")
    for role in (WRITER, READER):
        refuse(run_as, role, "CREATE TABLE prism.mine (x int)")


def test_a_writer_without_rights_finds_no_current_schema_and_says_who_may_fix_it(
    migrated_url: str, run_sql: Run
) -> None:
    run_sql(f"REVOKE USAGE ON SCHEMA prism FROM {WRITER}")
    with closing(PostgresWarehouse(migrated_url)) as warehouse:
        assert not warehouse.is_current()
