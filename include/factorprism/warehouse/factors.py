"""Holds the factor panels, and knows from which session on they no longer follow from the bars."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from sqlalchemy import (
    ARRAY,
    REAL,
    CheckConstraint,
    Connection,
    Date,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import insert

from factorprism.market.panels import FactorPanel
from factorprism.warehouse.bars import bar_extents, bar_revisions, bars
from factorprism.warehouse.db.base import CATALOGUE, SYMBOL, column, metadata, moment, sha256
from factorprism.warehouse.db.bulk import merge_rows, read_rows
from factorprism.warehouse.db.connection import Database
from factorprism.warehouse.db.locks import lock_transaction
from factorprism.warehouse.db.wire import DATE, real_array

factor_catalogues = Table(
    "factor_catalogues",
    metadata,
    column("catalogue_hash", Text(), CATALOGUE, primary_key=True),
    column(
        "position",
        Integer(),
        "Place of the factor in factor_values, counted from 1.",
        primary_key=True,
        autoincrement=False,
    ),
    column("name", Text(), "Name of the factor; its unit stands in the catalogue."),
    sha256("catalogue_hash"),
    CheckConstraint("position >= 1", "position_counts_from_one"),
    UniqueConstraint("catalogue_hash", "name"),
    comment="The factors of each catalogue, in the order of their values.",
)

factors = Table(
    "factors",
    metadata,
    column("symbol", Text(), SYMBOL, primary_key=True),
    column("catalogue_hash", Text(), CATALOGUE, primary_key=True),
    column("session", Date(), "Session whose close is the last value read.", primary_key=True),
    column(
        "factor_values",
        ARRAY(REAL()),
        "One value a factor, in the catalogue's order and units; NaN: missing.",
    ),
    comment="The factors of each symbol and session, one array for a whole catalogue.",
)

factor_watermarks = Table(
    "factor_watermarks",
    metadata,
    column("symbol", Text(), SYMBOL, primary_key=True),
    column("catalogue_hash", Text(), CATALOGUE, primary_key=True),
    column("computed_through", Date(), "Last session whose factors are computed."),
    column(
        "dirty_from",
        Date(),
        "First session whose factors do not follow from the bars now held; null: none.",
        nullable=True,
    ),
    moment("computed_at", "When factors were last saved."),
    comment="How far the factors of a symbol are computed, and from where they are stale.",
)


_LOAD = """
SELECT session, factor_values FROM prism.factors
WHERE symbol = %(symbol)s AND catalogue_hash = %(catalogue_hash)s
    AND session BETWEEN %(first)s AND %(last)s
ORDER BY session
"""


@dataclass(frozen=True)
class _State:
    """When the symbol's bars last changed, and the first session whose factors are stale."""

    changed_at: datetime
    dirty_from: date | None


class FactorRepository:
    """Over ``factors``, ``factor_catalogues`` and ``factor_watermarks``."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # When the bars that a caller is about to compute from had last changed.
        self._seen: dict[tuple[str, str], datetime | None] = {}

    def changed_from(self, symbol: str, catalogue_hash: str) -> date | None:
        """Return the first session whose factors are not computed from the bars now held.

        None when there are no bars or nothing is stale. Costs the same for any length of history.
        """
        with self._database.begin() as connection:
            state = _read_state(connection, symbol, catalogue_hash)
        self._seen[symbol, catalogue_hash] = state.changed_at if state else None
        return state.dirty_from if state else None

    def save_factors(self, panel: FactorPanel, catalogue_hash: str) -> int:
        """Merge `panel`'s rows, mark them as computed, and return their number.

        Sessions whose bars were merged after this store was last asked for `changed_from` are
        left out and stay stale: the panel cannot follow from those bars. Sessions before the
        panel's first one stay stale too, and so does all if the panel begins after a stale one.
        Raises ``ValueError`` when the catalogue is held with other factors.
        """
        if not len(panel.sessions):
            return 0
        key = (panel.symbol, catalogue_hash)
        with self._database.begin() as connection:
            lock_transaction(connection, f"bars {panel.symbol}")
            _save_catalogue(connection, panel.factors, catalogue_hash)
            state = _read_state(connection, panel.symbol, catalogue_hash)
            n_valid = self._count_valid(connection, panel, key, state)
            if not n_valid:
                return 0
            days = panel.sessions[:n_valid].astype("datetime64[D]")
            merge_rows(
                connection,
                "factors",
                ("symbol", "catalogue_hash", "session"),
                {"session": days, "factor_values": panel.values[:n_valid]},
                constants={"symbol": panel.symbol, "catalogue_hash": catalogue_hash},
            )
            first, last = days[0].astype(date), days[-1].astype(date)
            _advance(connection, key, state.dirty_from if state else None, first, last)
        return n_valid

    def load_factors(
        self, symbol: str, catalogue_hash: str, first: date, last: date
    ) -> FactorPanel:
        """Return the panel of [`first`, `last`], bit for bit as saved; missing sessions are absent.

        A catalogue that was never saved gives a panel without sessions and factors.
        """
        with self._database.begin() as connection:
            names = _load_catalogue(connection, catalogue_hash)
            parameters = {
                "symbol": symbol,
                "catalogue_hash": catalogue_hash,
                "first": first,
                "last": last,
            }
            days, values = read_rows(connection, _LOAD, parameters, [DATE, real_array(len(names))])
        return FactorPanel(symbol, days, names, values)

    def _count_valid(
        self, connection: Connection, panel: FactorPanel, key: tuple[str, str], state: _State | None
    ) -> int:
        if state is None or self._seen.get(key, state.changed_at) == state.changed_at:
            return len(panel.sessions)
        changed = _changed_after(connection, panel.symbol, self._seen[key])
        return int(np.searchsorted(panel.sessions, np.datetime64(changed, "D")))


def _read_state(connection: Connection, symbol: str, catalogue_hash: str) -> _State | None:
    watermark = factor_watermarks.c
    joined = bar_extents.outerjoin(
        factor_watermarks,
        (watermark.symbol == bar_extents.c.symbol) & (watermark.catalogue_hash == catalogue_hash),
    )
    row = connection.execute(
        select(
            bar_extents.c.first_session,
            bar_extents.c.changed_at,
            watermark.computed_through,
            watermark.dirty_from,
        )
        .select_from(joined)
        .where(bar_extents.c.symbol == symbol)
    ).one_or_none()
    if row is None:
        return None
    stale = row.first_session if row.computed_through is None else row.dirty_from
    return _State(row.changed_at, stale)


def _changed_after(connection: Connection, symbol: str, seen: datetime | None) -> date | None:
    # Reads the symbol's history, but only when a merge came between asking and saving.
    inserted = select(func.min(bars.c.session)).where(bars.c.symbol == symbol)
    revised = select(func.min(bar_revisions.c.session)).where(bar_revisions.c.symbol == symbol)
    if seen is not None:
        inserted = inserted.where(bars.c.recorded_at > seen)
        revised = revised.where(bar_revisions.c.revised_at > seen)
    first: date | None = connection.scalar(
        select(func.least(inserted.scalar_subquery(), revised.scalar_subquery()))
    )
    return first


def _advance(
    connection: Connection,
    key: tuple[str, str],
    dirty_from: date | None,
    first: date,
    last: date,
) -> None:
    """Move the watermark of `key` over [`first`, `last`], unless stale sessions lie before it."""
    symbol, catalogue_hash = key
    if dirty_from is not None and dirty_from < first:
        return
    if dirty_from is not None and dirty_from <= last:
        dirty_from = connection.scalar(
            select(func.min(bars.c.session)).where(bars.c.symbol == symbol, bars.c.session > last)
        )
    new = insert(factor_watermarks).values(
        symbol=symbol,
        catalogue_hash=catalogue_hash,
        computed_through=last,
        dirty_from=dirty_from,
        computed_at=func.clock_timestamp(),
    )
    connection.execute(
        new.on_conflict_do_update(
            index_elements=[factor_watermarks.c.symbol, factor_watermarks.c.catalogue_hash],
            set_={
                "computed_through": func.greatest(factor_watermarks.c.computed_through, last),
                "dirty_from": dirty_from,
                "computed_at": func.clock_timestamp(),
            },
        )
    )


def _load_catalogue(connection: Connection, catalogue_hash: str) -> tuple[str, ...]:
    statement = (
        select(factor_catalogues.c.name)
        .where(factor_catalogues.c.catalogue_hash == catalogue_hash)
        .order_by(factor_catalogues.c.position)
    )
    return tuple(connection.scalars(statement))


def _save_catalogue(connection: Connection, names: tuple[str, ...], catalogue_hash: str) -> None:
    held = _load_catalogue(connection, catalogue_hash)
    if not held:
        rows = [
            {"catalogue_hash": catalogue_hash, "position": position, "name": name}
            for position, name in enumerate(names, start=1)
        ]
        connection.execute(insert(factor_catalogues).on_conflict_do_nothing(), rows)
        held = _load_catalogue(connection, catalogue_hash)
    if held != names:
        raise ValueError(
            f"panel.factors: {names} is not what catalogue {catalogue_hash} holds: {held}"
        )
