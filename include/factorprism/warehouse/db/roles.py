"""Who may do what in the warehouse: grants by the tables' own definitions, after each migration.

A table says of itself in ``info`` what it is: ``ledger`` (rows are added and never changed) or
``rows_replaced`` (rows of one key are deleted and written anew).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

from sqlalchemy import Connection, Table, text

from factorprism.core.roles import OWNER, READER, ROLES, WRITER, Login
from factorprism.warehouse.tables import SCHEMA, metadata

logger = logging.getLogger("factorprism.warehouse")

HOW = "docs/deployment.md#roles"
_STATE = text(
    """
    SELECT (SELECT count(*) FROM pg_roles WHERE rolname = ANY (:roles)) AS n_roles,
        (SELECT count(*) FROM pg_roles WHERE rolname = ANY (:granted)
            AND NOT has_schema_privilege(pg_roles.oid, n.oid, 'USAGE')) AS n_without,
        me.rolsuper AND pg_get_userbyid(n.nspowner) <> :owner AS hands_over,
        me.rolsuper OR me.rolcreaterole AS may_create,
        pg_has_role(n.nspowner, 'USAGE') AS owns_schema, me.rolname, me.rolsuper
    FROM pg_roles AS me CROSS JOIN pg_namespace AS n
    WHERE me.rolname = current_user AND n.nspname = :schema
    """
).bindparams(roles=list(ROLES), granted=[WRITER, READER], owner=OWNER, schema=SCHEMA)
# An identity's sequence follows its table.
_FOREIGN_OBJECTS = text(
    f"""
SELECT format('ALTER SCHEMA %I', nspname) FROM pg_namespace
WHERE nspname = '{SCHEMA}' AND nspowner <> '{OWNER}'::regrole
UNION ALL
SELECT format('ALTER %s %s', CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
    WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, oid::regclass) FROM pg_class
WHERE relnamespace = '{SCHEMA}'::regnamespace AND relowner <> '{OWNER}'::regrole
AND relkind IN ('r', 'p', 'v', 'm', 'S') AND NOT EXISTS (
    SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid
    AND deptype IN ('a', 'i') AND refclassid = 'pg_class'::regclass)
UNION ALL
SELECT format('ALTER ROUTINE %s', oid::regprocedure) FROM pg_proc
WHERE pronamespace = '{SCHEMA}'::regnamespace AND proowner <> '{OWNER}'::regrole
"""  # noqa: S608
)


def are_granted(connection: Connection) -> bool:
    """Tell whether `write_grants` would find nothing to do, or may do nothing.

    The schema must exist. The grants of one call are made in one transaction, so that the first
    of them stands for all.
    """
    state = connection.execute(_STATE).one()
    lacks_roles = state.may_create and state.n_roles < len(ROLES)
    lacks = lacks_roles or state.n_without or state.hands_over
    return not (lacks and state.owns_schema)


def write_grants(connection: Connection) -> None:
    """Give each role what it may do in the schema, and take the rest from it; may be repeated.

    Roles that are missing are made without a login where the connecting user may do so; where he
    may not, a warning says how. A superuser hands the schema over to its owner's role.
    """
    state = connection.execute(_STATE).one()
    if state.n_roles < len(ROLES) and state.may_create:
        _create_roles(connection)
    held = set(connection.scalars(text("SELECT rolname FROM pg_roles")))
    if missing := [role for role in ROLES if role not in held]:
        logger.warning("%s is not on this server; %s says how to make it", missing[0], HOW)
    if state.rolsuper and OWNER in held:
        _hand_over(connection)
    for role in {WRITER, READER} & held:
        connection.exec_driver_sql("; ".join(list_grants(role)))


def list_grants(role: str) -> Iterator[str]:
    """Yield the statements by which `role`, the writer or the reader, gets its rights."""
    for kind in ("TABLES", "SEQUENCES", "ROUTINES"):
        yield f"REVOKE ALL ON ALL {kind} IN SCHEMA {SCHEMA} FROM {role}, PUBLIC"
    yield f"REVOKE ALL ON SCHEMA {SCHEMA} FROM {role}, PUBLIC"
    yield f"GRANT USAGE ON SCHEMA {SCHEMA} TO {role}"
    # Tables, views and Alembic's own table; routines, since a view or a trigger may call one.
    for right, kind in (("SELECT", "TABLES"), ("SELECT", "SEQUENCES"), ("EXECUTE", "ROUTINES")):
        yield f"GRANT {right} ON ALL {kind} IN SCHEMA {SCHEMA} TO {role}"
    if role == WRITER:
        yield f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {SCHEMA} TO {role}"
        for table in metadata.sorted_tables:
            yield f"GRANT {', '.join(list_changes(table))} ON {table.fullname} TO {role}"


def list_changes(table: Table) -> list[str]:
    """Return what the writer may do to `table` beside reading it."""
    if table.info.get("ledger"):
        return ["INSERT"]
    return ["INSERT", "UPDATE", *(["DELETE"] if table.info.get("rows_replaced") else [])]


def read_login(connection: Connection) -> Login:
    """Return who this connection is; the schema must exist."""
    state = connection.execute(_STATE).one()
    return Login(state.rolname, state.rolsuper, state.owns_schema)


def _create_roles(connection: Connection) -> None:
    for role in ROLES:
        # Roles belong to the whole server, where another database may be migrated just now.
        connection.exec_driver_sql(
            f"DO $$ BEGIN CREATE ROLE {role} NOLOGIN;"
            " EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        )


def _hand_over(connection: Connection) -> None:
    for statement in connection.scalars(_FOREIGN_OBJECTS).all():
        connection.exec_driver_sql(f"{statement} OWNER TO {OWNER}")
