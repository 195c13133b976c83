"""Brings a database to the newest schema, once, whoever else tries at the same time."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.schema import SetColumnComment, SetTableComment

from factorprism.core.errors import WarehouseError
from factorprism.warehouse import migrations
from factorprism.warehouse.db.connection import Database
from factorprism.warehouse.db.locks import lock_transaction
from factorprism.warehouse.db.roles import HOW, are_granted, write_grants
from factorprism.warehouse.tables import SCHEMA, VIEWS, metadata

# Null, and so false, where there is no such schema.
_MAY_ENTER = text("SELECT has_schema_privilege(to_regnamespace(:name), 'USAGE')")
_MAY_CHANGE = text(
    """
    SELECT coalesce(has_schema_privilege(to_regnamespace(:name), 'CREATE'),
        has_database_privilege(current_database(), 'CREATE')), current_user
    """
)


def migrate(database: Database) -> None:
    """Run the steps that are missing and grant the roles their rights, all in one transaction.

    Without any, two rows are read. Raises `WarehouseError` for a login that may not change the
    schema.
    """
    with database.begin() as connection:
        if _is_done(connection):
            return
        lock_transaction(connection, "migrate")
        # Whoever held the lock before has done it.
        if _is_done(connection):
            return
        if _held_version(connection) != migrations.HEAD:
            _require_owner(connection)
            _upgrade(connection)
            _write_comments(connection)
        write_grants(connection)


def is_current(database: Database) -> bool:
    """Tell whether the schema is the newest version; changes nothing."""
    with database.begin() as connection:
        return _held_version(connection) == migrations.HEAD


def _is_done(connection: Connection) -> bool:
    return _held_version(connection) == migrations.HEAD and are_granted(connection)


def _held_version(connection: Connection) -> str | None:
    """Return the version, None where there is none or the login may not read it."""
    if not connection.scalar(_MAY_ENTER, {"name": SCHEMA}):
        return None
    table = f"{SCHEMA}.alembic_version"
    if connection.scalar(text("SELECT to_regclass(:name)"), {"name": table}) is None:
        return None
    version: str | None = connection.scalar(text("SELECT version_num FROM prism.alembic_version"))
    return version


def _require_owner(connection: Connection) -> None:
    allowed, login = connection.execute(_MAY_CHANGE, {"name": SCHEMA}).one()
    if not allowed:
        raise WarehouseError(
            f"the warehouse's schema is absent or of another version, and {login} "
            "may not change it",
            remedy="Run factorprism doctor once as its owner, named by "
            f"FACTORPRISM_WAREHOUSE_OWNER_URL: {HOW}.",
        )


def _upgrade(connection: Connection) -> None:
    if connection.scalar(text("SELECT to_regnamespace(:name)"), {"name": SCHEMA}) is None:
        connection.exec_driver_sql(f"CREATE SCHEMA {SCHEMA}")
    # Imported here because most runs find an up-to-date schema.
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    folder = str(Path(migrations.__file__).parent)
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as exc:
        raise WarehouseError(
            f"the warehouse's schema is not one that this version knows: {exc}",
            remedy="Install the version of factorprism that wrote it, or a newer one.",
        ) from exc


def _write_comments(connection: Connection) -> None:
    # The tables are the one place that says what a column means; the steps hold structure alone.
    for table in metadata.sorted_tables:
        connection.execute(SetTableComment(table))
        for column in table.columns:
            connection.execute(SetColumnComment(column))
    for view in VIEWS:
        name = f"{SCHEMA}.{view.name}"
        _comment(connection, f"VIEW {name}", view.comment)
        for column_name, comment in view.columns.items():
            _comment(connection, f"COLUMN {name}.{column_name}", comment)


def _comment(connection: Connection, what: str, comment: str) -> None:
    quoted = comment.replace("'", "''")
    connection.exec_driver_sql(f"COMMENT ON {what} IS '{quoted}'")
