"""SQL as tests speak it to a database: each statement in a transaction of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg2

Execute = Callable[..., list[Any]]


@contextmanager
def connect(url: str) -> Iterator[Execute]:
    """Give a function that runs a statement with its parameters and returns the rows, if any."""
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True

        def run(statement: str, *parameters: object) -> list[Any]:
            with connection.cursor() as cursor:
                cursor.execute(statement, parameters or None)
                return cursor.fetchall() if cursor.description else []

        yield run


def execute(url: str, statement: str, *parameters: object) -> list[Any]:
    """Run one statement over a connection of its own."""
    with connect(url) as run:
        return run(statement, *parameters)
