"""Keeps every answer of a source as it came, and knows what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from io import BytesIO
from typing import Any

import pandas as pd
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Connection,
    Date,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    func,
    select,
    update,
)

from factorprism.core.calendar import TradingCalendar, calendar_of
from factorprism.core.errors import WarehouseError
from factorprism.market.bars import Pull, PullState, PullSummary, hash_bars
from factorprism.warehouse.bars import bars
from factorprism.warehouse.db.base import (
    SYMBOL,
    column,
    metadata,
    moment,
    sha256,
)
from factorprism.warehouse.db.connection import Database
from factorprism.warehouse.db.locks import lock_transaction
from factorprism.warehouse.db.moments import from_database, to_database

pulls = Table(
    "pulls",
    metadata,
    column(
        "pull_id",
        BigInteger(),
        "Number of the pull, without gaps, in the order of arrival.",
        primary_key=True,
        autoincrement=False,
    ),
    column("source", Text(), "Name of the source that answered."),
    column("symbol", Text(), SYMBOL),
    column("first_session", Date(), "First day that was asked for."),
    column("last_session", Date(), "Last day that was asked for."),
    column("content_hash", Text(), "SHA-256 of the bars, hex; see hash_bars."),
    column("n_bars", Integer(), "Bars in the answer."),
    column(
        "payload",
        LargeBinary(),
        "The bars as they came, as a Parquet file; empty once retention has removed them.",
    ),
    column(
        "state",
        Text(),
        "pulled: not checked yet; accepted: merged into bars; quarantined: refused by the gate.",
    ),
    column("reason", Text(), "Why the pull was quarantined; empty otherwise."),
    moment("fetched_at", "When the source answered."),
    moment("marked_at", "When the state was last set; null while it is pulled.", nullable=True),
    CheckConstraint("state IN ('pulled', 'accepted', 'quarantined')", "state_is_known"),
    CheckConstraint("first_session <= last_session", "range_is_ordered"),
    CheckConstraint("n_bars >= 0", "n_bars_is_count"),
    sha256("content_hash"),
    UniqueConstraint(
        *("source", "symbol", "first_session", "last_session", "content_hash"),
        name="uq_pulls_content",
    ),
    Index(None, "symbol", "marked_at"),
    Index(None, "fetched_at"),
    Index(None, "marked_at"),
    comment="Every answer of a source, kept as it came; the same content is kept once.",
)


# All of a pull but its payload, which may hold years of bars.
_SUMMARY = [column for column in pulls.c if column.name != "payload"]


class PullRepository:
    """Over the table ``pulls``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save_pull(self, pull: Pull) -> int:
        """Keep `pull` as it came and return its id; the same content again gives the same id.

        A pull that is held keeps its state, its reason and the moment of its first arrival;
        content that retention has removed is kept anew.
        """
        content_hash = pull.content_hash
        with self._database.begin() as connection:
            held = _find_pull(connection, pull, content_hash)
            if held is not None:
                _refill(connection, held, pull)
                return held
            # Numbers have no gaps, so that work repeated after a crash gives the same rows.
            lock_transaction(connection, "pulls")
            held = _find_pull(connection, pull, content_hash)
            if held is not None:
                return held
            newest = connection.scalar(select(func.coalesce(func.max(pulls.c.pull_id), 0)))
            pull_id = int(newest or 0) + 1
            connection.execute(
                pulls.insert().values(
                    pull_id=pull_id,
                    source=pull.source,
                    symbol=pull.symbol,
                    first_session=pull.first,
                    last_session=pull.last,
                    content_hash=content_hash,
                    n_bars=len(pull.bars),
                    payload=_encode(pull),
                    state=pull.state.value,
                    reason="",
                    fetched_at=to_database(pull.fetched_at),
                )
            )
            return pull_id

    def load_pull(self, pull_id: int) -> Pull:
        """Return the pull; raises `WarehouseError` when it is not held or was altered."""
        with self._database.begin() as connection:
            row = connection.execute(select(pulls).where(pulls.c.pull_id == pull_id)).one_or_none()
        if row is None:
            raise WarehouseError(
                f"pull {pull_id} is not in the warehouse", remedy="Pull its bars again."
            )
        if not row.payload:
            raise WarehouseError(
                f"the content of pull {pull_id} was removed by retention; its hash is kept",
                remedy="Pull its bars again: the same content gets the same number.",
            )
        bars = pd.read_parquet(BytesIO(row.payload))
        if hash_bars(bars) != row.content_hash:
            raise WarehouseError(
                f"the content of pull {pull_id} is not what its hash says",
                remedy="Restore the table prism.pulls from a backup, or pull its bars again.",
            )
        return Pull(
            source=row.source,
            symbol=row.symbol,
            first=row.first_session,
            last=row.last_session,
            bars=bars,
            fetched_at=from_database(row.fetched_at),
            state=PullState(row.state),
            pull_id=row.pull_id,
        )

    def mark_pull(self, pull_id: int, state: PullState, reason: str = "") -> None:
        """Set what became of the pull; raises `WarehouseError` when it is not held."""
        statement = (
            update(pulls)
            .where(pulls.c.pull_id == pull_id)
            .values(state=state.value, reason=reason, marked_at=func.clock_timestamp())
        )
        with self._database.begin() as connection:
            if connection.execute(statement).rowcount == 0:
                raise WarehouseError(
                    f"pull {pull_id} is not in the warehouse", remedy="Pull its bars again."
                )

    def pending_pulls(self, source: str, symbol: str) -> list[tuple[int, date, date]]:
        """Return (id, first, last) of the pulls that no gate has checked yet, by their ranges."""
        statement = (
            select(pulls.c.pull_id, pulls.c.first_session, pulls.c.last_session)
            .where(
                pulls.c.source == source,
                pulls.c.symbol == symbol,
                pulls.c.state == PullState.PULLED.value,
            )
            .order_by(pulls.c.first_session, pulls.c.pull_id)
        )
        with self._database.begin() as connection:
            return [
                (row.pull_id, row.first_session, row.last_session)
                for row in connection.execute(statement)
            ]

    def last_pulled(self, source: str, symbol: str) -> date | None:
        """Return the last session covered by an accepted pull without a hole before it.

        Coverage begins with the earliest accepted pull; days without trading make no hole.
        """
        statement = (
            select(pulls.c.first_session, pulls.c.last_session)
            .where(
                pulls.c.source == source,
                pulls.c.symbol == symbol,
                pulls.c.state == PullState.ACCEPTED.value,
            )
            .order_by(pulls.c.first_session)
        )
        with self._database.begin() as connection:
            ranges = [
                (row.first_session, row.last_session) for row in connection.execute(statement)
            ]
        return covered_through(ranges, calendar_of(symbol)) if ranges else None

    def list_pulls(
        self, symbols: Sequence[str], limit: int, state: PullState | None = None
    ) -> list[PullSummary]:
        """Return the newest `limit` pulls of `symbols`, those in `state` alone if it is given."""
        statement = (
            select(*_SUMMARY)
            .where(pulls.c.symbol.in_(symbols))
            .order_by(pulls.c.pull_id.desc())
            .limit(limit)
        )
        if state is not None:
            statement = statement.where(pulls.c.state == state.value)
        with self._database.begin() as connection:
            return [_to_summary(row) for row in connection.execute(statement)]

    def count_pulls(self, symbols: Sequence[str]) -> dict[PullState, int]:
        """Return how many pulls of `symbols` are in each state; a state without any is left out."""
        statement = (
            select(pulls.c.state, func.count().label("n"))
            .where(pulls.c.symbol.in_(symbols))
            .group_by(pulls.c.state)
        )
        with self._database.begin() as connection:
            return {PullState(row.state): row.n for row in connection.execute(statement)}

    def list_origins(self, symbols: Sequence[str], first: date, last: date) -> list[PullSummary]:
        """Return the pulls that gave the bars in force of [`first`, `last`], by their ids.

        `n_used` and the used sessions are those within the range.
        """
        used = (
            select(
                bars.c.pull_id,
                func.count().label("n_used"),
                func.min(bars.c.session).label("first_used"),
                func.max(bars.c.session).label("last_used"),
            )
            .where(bars.c.symbol.in_(symbols), bars.c.session.between(first, last))
            .group_by(bars.c.pull_id)
            .subquery()
        )
        statement = (
            select(*_SUMMARY, used.c.n_used, used.c.first_used, used.c.last_used)
            .join(used, used.c.pull_id == pulls.c.pull_id)
            .order_by(pulls.c.pull_id)
        )
        with self._database.begin() as connection:
            return [
                _to_summary(row, row.n_used, row.first_used, row.last_used)
                for row in connection.execute(statement)
            ]

    def list_refused(self, symbols: Sequence[str], first: date, last: date) -> list[PullSummary]:
        """Return the quarantined pulls that asked for a session of [`first`, `last`], by id."""
        statement = (
            select(*_SUMMARY)
            .where(
                pulls.c.symbol.in_(symbols),
                pulls.c.first_session <= last,
                pulls.c.last_session >= first,
                pulls.c.state == PullState.QUARANTINED.value,
            )
            .order_by(pulls.c.pull_id)
        )
        with self._database.begin() as connection:
            return [_to_summary(row) for row in connection.execute(statement)]


def covered_through(ranges: Sequence[tuple[date, date]], calendar: TradingCalendar) -> date:
    """Return the last session that `ranges`, ascending by their start, cover without a hole."""
    covered = ranges[0][1]
    for first, last in ranges[1:]:
        if first > covered:
            between = calendar.sessions(covered + timedelta(days=1), first - timedelta(days=1))
            if len(between):
                break
        covered = max(covered, last)
    return calendar.session_on_or_before(covered)


def _to_summary(
    row: Any, n_used: int = 0, first_used: date | None = None, last_used: date | None = None
) -> PullSummary:
    return PullSummary(
        pull_id=row.pull_id,
        source=row.source,
        symbol=row.symbol,
        first=row.first_session,
        last=row.last_session,
        content_hash=row.content_hash,
        n_bars=row.n_bars,
        state=PullState(row.state),
        reason=row.reason,
        fetched_at=from_database(row.fetched_at),
        marked_at=from_database(row.marked_at) if row.marked_at else None,
        n_used=n_used,
        first_used=first_used,
        last_used=last_used,
    )


def _encode(pull: Pull) -> bytes:
    payload: bytes = pull.bars.to_parquet(None, index=False, compression="zstd")
    return payload


def _refill(connection: Connection, pull_id: int, pull: Pull) -> None:
    cleared = (pulls.c.pull_id == pull_id) & (func.octet_length(pulls.c.payload) == 0)
    if connection.scalar(select(pulls.c.pull_id).where(cleared)) is not None:
        connection.execute(update(pulls).where(cleared).values(payload=_encode(pull)))


def _find_pull(connection: Connection, pull: Pull, content_hash: str) -> int | None:
    held: int | None = connection.scalar(
        select(pulls.c.pull_id).where(
            pulls.c.source == pull.source,
            pulls.c.symbol == pull.symbol,
            pulls.c.first_session == pull.first,
            pulls.c.last_session == pull.last,
            pulls.c.content_hash == content_hash,
        )
    )
    return held
