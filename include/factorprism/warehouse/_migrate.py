"""Brings a database to the newest schema, once, whoever else tries at the same time."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.schema import SetColumnComment, SetTableComment

from factorprism.core.errors import WarehouseError
from factorprism.warehouse import migrations
from factorprism.warehouse._connection import Database
from factorprism.warehouse._locks import lock_transaction
from factorprism.warehouse.tables import (
    FACTOR_VIEW,
    FACTOR_VIEW_COLUMNS,
    FACTOR_VIEW_COMMENT,
    SCHEMA,
    metadata,
)


def migrate(database: Database) -> None:
    """Run the steps that are missing, all in one transaction; without any, read one row."""
    with database.begin() as connection:
        if _held_version(connection) == migrations.HEAD:
            return
        lock_transaction(connection, "migrate")
        # Whoever held the lock before has done it.
        if _held_version(connection) == migrations.HEAD:
            return
        if connection.scalar(text("SELECT to_regnamespace(:name)"), {"name": SCHEMA}) is None:
            connection.exec_driver_sql(f"CREATE SCHEMA {SCHEMA}")
        _upgrade(connection)
        _write_comments(connection)


def is_current(database: Database) -> bool:
    """Tell whether the schema is the newest version; changes nothing."""
    with database.begin() as connection:
        return _held_version(connection) == migrations.HEAD


def _held_version(connection: Connection) -> str | None:
    table = f"{SCHEMA}.alembic_version"
    if connection.scalar(text("SELECT to_regclass(:name)"), {"name": table}) is None:
        return None
    version: str | None = connection.scalar(text("SELECT version_num FROM prism.alembic_version"))
    return version


def _upgrade(connection: Connection) -> None:
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
    view = f"{SCHEMA}.{FACTOR_VIEW}"
    named = {f"VIEW {view}": FACTOR_VIEW_COMMENT} | {
        f"COLUMN {view}.{name}": comment for name, comment in FACTOR_VIEW_COLUMNS.items()
    }
    for what, comment in named.items():
        connection.exec_driver_sql(f"COMMENT ON {what} IS '{comment}'")
