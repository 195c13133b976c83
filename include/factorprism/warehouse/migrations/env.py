"""Runs the migration steps on the connection, and in the transaction, that the caller holds."""

from __future__ import annotations

from alembic import context

from factorprism.warehouse.tables import SCHEMA, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    include_schemas=True,
    version_table_schema=SCHEMA,
)
with context.begin_transaction():
    context.run_migrations()
