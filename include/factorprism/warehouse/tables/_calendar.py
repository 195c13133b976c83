"""The table of the exchanges' days as vendors publish them, for sessions beyond the library's."""

from __future__ import annotations

from sqlalchemy import Boolean, Date, Table, Text

from factorprism.warehouse.tables._base import column, metadata, moment

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
