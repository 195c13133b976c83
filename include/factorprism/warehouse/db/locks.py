"""Advisory locks by name: the same name is the same lock in every process and on every machine."""

from __future__ import annotations

import hashlib
import logging

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

logger = logging.getLogger("factorprism.warehouse")


def lock_number(name: str) -> int:
    """Return the 64-bit signed number of the lock called `name`."""
    digest = hashlib.sha256(f"factorprism {name}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def lock_transaction(connection: Connection, name: str) -> None:
    """Hold `name` until the transaction of `connection` ends; waits for other holders."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": lock_number(name)})


def lock_connection(connection: Connection, name: str) -> None:
    """Hold `name` until `unlock_connection`; waits for other holders.

    The server lets go by itself when the process dies.
    """
    connection.execute(text("SELECT pg_advisory_lock(:number)"), {"number": lock_number(name)})


def unlock_connection(connection: Connection, name: str) -> None:
    """Let go of `name`; a connection that broke meanwhile is given up with a warning."""
    try:
        connection.execute(
            text("SELECT pg_advisory_unlock(:number)"), {"number": lock_number(name)}
        )
    except DBAPIError:
        # The lock went with the connection. The work under it is done or has its own error to
        # raise, and every write stands for itself.
        logger.warning("the connection that held the lock %r was lost", name)
        connection.invalidate()
