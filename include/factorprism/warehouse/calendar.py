"""What the warehouse knows of an exchange's days: those that vendors publish, and its own bars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime

import psycopg2
from sqlalchemy import Boolean, Date, Table, Text, func, select
from sqlalchemy.dialects.postgresql import insert

from factorprism.core.calendar import extend_calendar
from factorprism.core.errors import WarehouseError
from factorprism.core.symbols import symbol_patterns
from factorprism.warehouse.db.base import column, metadata, moment
from factorprism.warehouse.db.connection import Database, parse_url
from factorprism.warehouse.db.moments import from_database, to_database

trading_days = Table(
    "trading_days",
    metadata,
    column("exchange", Text(), "Calendar code of the exchange, such as XSHG.", primary_key=True),
    column("day", Date(), "Calendar day.", primary_key=True),
    column("source", Text(), "Name of the source that published it.", primary_key=True),
    column("trades", Boolean(), "Whether the exchange trades on the day."),
    moment("fetched_at", "When the source last said so."),
    comment="Trading days as the vendor publishes them; the newest answer replaces an older one.",
)


_NEWEST = """
SELECT DISTINCT ON (day) day, trades FROM prism.trading_days WHERE exchange = %(exchange)s
ORDER BY day, fetched_at DESC, source
"""


# A row that was set aside was given all the same, unless it is missing or lies on a closed day.
_TRADED = """
SELECT session FROM prism.bar_extents JOIN prism.bars USING (symbol)
WHERE symbol LIKE ANY (%(patterns)s)
UNION
SELECT session FROM prism.set_aside JOIN prism.findings USING (symbol, finding_id)
WHERE symbol LIKE ANY (%(patterns)s) AND cleared_at IS NULL
AND expectation NOT IN ('no_session_missing', 'no_session_extra')
ORDER BY session
"""


@dataclass(frozen=True)
class TradingDays:
    """What vendors have `published` of days (whether each trades), and the days with any bar."""

    published: Mapping[date, bool]
    traded: Sequence[date]


class CalendarRepository:
    """Over the table ``trading_days``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save_days(
        self, exchange: str, source: str, days: Mapping[date, bool], fetched_at: datetime
    ) -> None:
        """Keep what `source` said at `fetched_at` (naive, UTC): day, and whether it trades.

        Days that are not in `days` keep their earlier answer, and an answer that is older than
        the one held changes nothing.
        """
        if not days:
            return
        rows = [
            {
                "exchange": exchange,
                "day": day,
                "source": source,
                "trades": trades,
                "fetched_at": to_database(fetched_at),
            }
            for day, trades in sorted(days.items())
        ]
        fresh = insert(trading_days)
        newest = fresh.on_conflict_do_update(
            index_elements=[column.name for column in trading_days.primary_key],
            set_={"trades": fresh.excluded.trades, "fetched_at": fresh.excluded.fetched_at},
            where=trading_days.c.fetched_at <= fresh.excluded.fetched_at,
        )
        with self._database.begin() as connection:
            connection.execute(newest, rows)

    def load_days(self, exchange: str) -> dict[date, bool]:
        """Return all days held of `exchange`, ascending, each by its newest answer."""
        with self._database.begin() as connection:
            rows = connection.exec_driver_sql(_NEWEST, {"exchange": exchange}).all()
        return {row.day: row.trades for row in rows}

    def load_traded(self, exchange: str) -> list[date]:
        """Return the days of which a source has given a bar of any symbol of `exchange`, ascending.

        Those with a bar that is held, and those whose row was set aside for what it says.
        """
        wanted = {"patterns": symbol_patterns(exchange)}
        with self._database.begin() as connection:
            return [row.session for row in connection.exec_driver_sql(_TRADED, wanted)]

    def last_fetched(self, exchange: str, source: str) -> datetime | None:
        """Return when `source` last answered (naive, UTC), or None."""
        statement = select(func.max(trading_days.c.fetched_at)).where(
            trading_days.c.exchange == exchange, trading_days.c.source == source
        )
        with self._database.begin() as connection:
            moment: datetime | None = connection.scalar(statement)
        return from_database(moment) if moment else None


def read_trading_days(url: str, exchange: str, *, timeout_seconds: int) -> TradingDays:
    """Return what `CalendarRepository` loads, over one connection that is closed again.

    For processes that plan and must not wait: connecting, and then the query, may each take
    `timeout_seconds`. Raises `WarehouseError` beyond that and for everything else that fails.
    """
    parsed = parse_url(url).set(drivername="postgresql")
    try:
        with (
            closing(
                psycopg2.connect(
                    parsed.render_as_string(hide_password=False),
                    connect_timeout=timeout_seconds,
                    tcp_user_timeout=timeout_seconds * 1000,
                    options=f"-c statement_timeout={timeout_seconds * 1000}",
                    application_name="factorprism calendar",
                )
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(_NEWEST, {"exchange": exchange})
            published = dict(cursor.fetchall())
            cursor.execute(_TRADED, {"patterns": symbol_patterns(exchange)})
            return TradingDays(published, [session for (session,) in cursor.fetchall()])
    except psycopg2.Error as exc:
        # The driver's message may hold the address; the kind of fault is enough here.
        raise WarehouseError(
            f"the trading days of {exchange} cannot be read: {type(exc).__name__}",
            remedy="Start the warehouse or correct FACTORPRISM_WAREHOUSE_URL.",
        ) from exc


def teach_held_days(store: CalendarRepository, exchanges: Iterable[str]) -> None:
    """Teach what `store` holds of `exchanges`: published days, and those that were traded.

    Raises `WarehouseError` where the days cannot be read.
    """
    for exchange in exchanges:
        extend_calendar(exchange, store.load_days(exchange), store.load_traded(exchange))
