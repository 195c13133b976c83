"""The ledger's clock, stopped: a row that is to be an old one is written at its own moment."""

from __future__ import annotations

from datetime import datetime

from sql import execute

CLOCK = """
CREATE OR REPLACE FUNCTION prism.ledger_clock() RETURNS TIMESTAMP WITH TIME ZONE
LANGUAGE sql AS $$SELECT {}$$
"""


def stop_clock(url: str, moment: datetime | None) -> None:
    """Stop the clock of the ledger at `url` at `moment` (naive, UTC); None: it goes again."""
    now = "clock_timestamp()" if moment is None else f"TIMESTAMPTZ '{moment}+00'"
    execute(url, CLOCK.format(now))
