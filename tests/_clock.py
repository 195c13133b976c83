"""The ledger's clock, stopped: a row that is to be an old one is written at its own moment."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime

import psycopg2


def stop_clock(url: str, moment: datetime | None) -> None:
    """Stop the clock of the ledger at `url` at `moment` (naive, UTC); None: it goes again."""
    reported = "clock_timestamp()" if moment is None else f"TIMESTAMPTZ '{moment}+00'"
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE OR REPLACE FUNCTION prism.ledger_clock() RETURNS TIMESTAMP WITH TIME ZONE"
            f" LANGUAGE sql AS 'SELECT {reported.replace(chr(39), chr(39) * 2)}'"
        )
