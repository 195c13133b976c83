"""The pool of connections to PostgreSQL, and the plain language for what goes wrong on one."""

from __future__ import annotations

import select
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError

from factorprism.core.errors import ConfigurationError, WarehouseError
from factorprism.core.tls import require_tls
from factorprism.warehouse.db.json_columns import encode_json
from factorprism.warehouse.db.locks import lock_connection, unlock_connection

OLDEST_SERVER = 140000
# What helps where the server itself cannot go on, by PostgreSQL's code.
_SERVER_REMEDIES = {
    "53100": "The disk of the database server is full: free some space there and run it again.",
    "53200": "The database server is out of memory: give it more and run it again.",
    "53300": "The database server takes no more connections: raise max_connections.",
    "42501": "This login may not do that: docs/deployment.md#roles says what each role may.",
    "25006": "The database server is read-only (a standby, or default_transaction_read_only): "
    "set FACTORPRISM_WAREHOUSE_URL to the one that may be written.",
}
# PostgreSQL's codes for a table, column, function or schema that is not there.
_ABSENT = ("42P01", "42703", "42883", "3F000")


class Database:
    """Transactions on one PostgreSQL; nothing is opened before the first of them."""

    def __init__(self, url: str) -> None:
        self._url = parse_url(url)
        self._engine = _build_engine(self._url)

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Give a connection in a transaction that is committed when the block ends well.

        Raises `WarehouseError` for everything that the server or the way to it refuses.
        """
        try:
            with self._engine.begin() as connection:
                yield connection
        except (DBAPIError, psycopg2.Error) as exc:
            raise self._explain(exc) from exc

    @contextmanager
    def hold(self, name: str) -> Iterator[None]:
        """Hold the lock `name` against every other holder for the length of the block."""
        try:
            connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            lock_connection(connection, name)
        except DBAPIError as exc:
            raise self._explain(exc) from exc
        try:
            yield
        finally:
            unlock_connection(connection, name)
            connection.close()

    def close(self) -> None:
        self._engine.dispose()

    def _explain(self, exc: DBAPIError | psycopg2.Error) -> WarehouseError:
        cause = exc.orig if isinstance(exc, DBAPIError) else exc
        lines = str(cause).strip().splitlines()
        message = lines[0] if lines else type(cause).__name__
        code = getattr(cause, "pgcode", None)
        if code in _ABSENT:
            return WarehouseError(
                f"the warehouse's schema is absent or older than this version: {message}",
                remedy="Any factorprism command brings it up to date, for instance "
                "factorprism services start.",
            )
        if code is not None:
            return WarehouseError(
                f"the warehouse refuses: {message}",
                remedy=_SERVER_REMEDIES.get(
                    code, "docs/data-dictionary.md says what each column allows."
                ),
            )
        where = name_server(self._url)
        return WarehouseError(
            f"the warehouse at {where} cannot be reached: {message}",
            remedy="Start it (factorprism services start) or correct FACTORPRISM_WAREHOUSE_URL.",
        )


class ReadOnlyDatabase(Database):
    """Transactions that may only read: the server refuses every change, whoever is logged in."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._engine = self._engine.execution_options(postgresql_readonly=True)


class DryDatabase(Database):
    """All transactions in one that is never committed: what is written is read, and then gone.

    Whoever else writes the same keys waits until `close`.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._held: Connection | None = None

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Give the one connection, at a savepoint to which a block that fails goes back."""
        try:
            if self._held is None:
                self._held = self._engine.connect()
            with self._held.begin_nested():
                yield self._held
        except (DBAPIError, psycopg2.Error) as exc:
            raise self._explain(exc) from exc

    def close(self) -> None:
        if self._held is not None:
            self._held.close()  # rolls back
        super().close()


def name_server(url: URL) -> str:
    """Return host, port and database of `url`, as a person would name the warehouse."""
    if url.host is None:
        return url.render_as_string(hide_password=True)
    return f"{url.host}:{url.port or 5432}/{url.database}"


def parse_url(url: str) -> URL:
    """Return `url` for the driver in use.

    Raises `ConfigurationError` unless it is PostgreSQL's, and as `require_tls` does.
    ``postgresql://user@/prism?host=/run/postgresql`` reaches a server over its unix socket.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as exc:
        # The text is kept out of the message: it may hold a password.
        raise _no_url("it cannot be read as a URL") from exc
    if parsed.drivername.partition("+")[0] not in ("postgresql", "postgres"):
        raise _no_url(f"it starts with {parsed.drivername}://")
    require_tls(url, "the warehouse's URL")
    return parsed.set(drivername="postgresql+psycopg2")


def _no_url(why: str) -> ConfigurationError:
    return ConfigurationError(
        f"the warehouse's URL cannot be used: {why}",
        remedy="Write postgresql://user:password@host:5432/database.",
    )


def _build_engine(url: URL) -> Engine:
    engine = create_engine(
        url,
        # The ledger's trigger must see what a rival has just committed.
        isolation_level="READ COMMITTED",
        json_serializer=encode_json,
        pool_size=2,
        connect_args={
            "application_name": "factorprism",
            "connect_timeout": int(str(url.query.get("connect_timeout", 10))),
            "keepalives_idle": 30,
        },
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "checkout", _refuse_dead)
    return engine


def _prepare(connection: Any, _: object) -> None:
    if connection.server_version < OLDEST_SERVER:
        raise WarehouseError(
            f"the server is PostgreSQL {connection.server_version // 10000}",
            remedy="Use PostgreSQL 14 or newer.",
        )
    with connection.cursor() as cursor:
        # Moments come back in UTC, and a connection that waits with a lock is not cut off.
        cursor.execute("SET TIME ZONE 'UTC'; SET idle_session_timeout = 0")
    connection.commit()


def _refuse_dead(connection: Any, _record: object, _proxy: object) -> None:
    # An idle connection has nothing to read unless the server has ended it. Looking costs no
    # round trip, which a day's few rows would feel.
    answers = select.poll()
    answers.register(connection, select.POLLIN)
    if answers.poll(0):
        raise DisconnectionError("the server ended an idle connection")
