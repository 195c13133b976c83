"""Teaches this process the days that the warehouse knows beyond the library's calendar."""

from __future__ import annotations

from collections.abc import Iterable

from factorprism.core.calendar import extend_calendar
from factorprism.warehouse import CalendarRepository


def teach_held_days(store: CalendarRepository, exchanges: Iterable[str]) -> None:
    """Teach what `store` holds of `exchanges`: published days, and those that were traded.

    Raises `WarehouseError` where the days cannot be read.
    """
    for exchange in exchanges:
        extend_calendar(exchange, store.load_days(exchange), store.load_traded(exchange))
