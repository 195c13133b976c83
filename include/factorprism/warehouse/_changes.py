"""Remembers what a merge of bars changed: the revisions, the extent, and the stale factors."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from psycopg2.extras import execute_values
from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.postgresql import insert

from factorprism.core.schemas import Revision
from factorprism.warehouse.tables import bar_extents, factor_watermarks

_SAVE_REVISIONS = """
INSERT INTO prism.bar_revisions
    (symbol, session, column_name, revision, old_value, new_value, pull_id, revised_at)
SELECT new.symbol, new.session, new.column_name, 1 + (
        SELECT count(*) FROM prism.bar_revisions AS held
        WHERE held.symbol = new.symbol AND held.session = new.session
            AND held.column_name = new.column_name
    ), new.old_value, new.new_value, new.pull_id, new.revised_at
FROM (VALUES %s)
    AS new (symbol, session, column_name, old_value, new_value, pull_id, revised_at)
"""
_REVISION = "(%s, %s::date, %s, %s::float8, %s::float8, %s::bigint, %s::timestamptz)"


def begin_change(connection: Connection, symbol: str) -> datetime:
    """Return the moment of a change: later than every earlier change of `symbol`.

    The caller holds the symbol's lock. A wall clock that was set back is overruled, because the
    order of these moments says what was known before what.
    """
    now: datetime = connection.scalars(select(func.clock_timestamp())).one()
    held = connection.scalar(select(bar_extents.c.changed_at).where(bar_extents.c.symbol == symbol))
    return now if held is None else max(now, held + timedelta(microseconds=1))


def save_revisions(
    connection: Connection, revisions: Sequence[Revision], revised_at: datetime
) -> None:
    """Write one row a revision, numbered after those of the same value."""
    rows = [
        (
            revision.symbol,
            revision.session,
            revision.column,
            revision.old_value,
            revision.new_value,
            revision.pull_id,
            revised_at,
        )
        for revision in revisions
    ]
    if rows:
        cursor = connection.connection.cursor()
        execute_values(cursor, _SAVE_REVISIONS, rows, _REVISION, page_size=1000)


def mark_changed(
    connection: Connection, symbol: str, first: date, last: date, changed_at: datetime
) -> None:
    """Widen the symbol's extent to [`first`, `last`] and call its factors stale from `first`."""
    new = insert(bar_extents).values(
        symbol=symbol, first_session=first, last_session=last, changed_at=changed_at
    )
    connection.execute(
        new.on_conflict_do_update(
            index_elements=[bar_extents.c.symbol],
            set_={
                "first_session": func.least(bar_extents.c.first_session, first),
                "last_session": func.greatest(bar_extents.c.last_session, last),
                "changed_at": changed_at,
            },
        )
    )
    connection.execute(
        update(factor_watermarks)
        .where(factor_watermarks.c.symbol == symbol)
        # least() passes over null, which stands for "none is stale".
        .values(dirty_from=func.least(factor_watermarks.c.dirty_from, first))
    )
