"""Today: what is forecast, how sure one may be of it, and what is amiss."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from factorprism.core.ledger import ForecastLine
from factorprism.core.sessions import utc_now
from factorprism.core.signals import list_issued_signals
from factorprism.health import Freshness, read_freshness
from factorprism.views import House
from factorprism.views.today import read_today
from prism_ui.pages import PageRequest, show
from prism_ui.security import ReaderDep
from source_ends import source_end

router = APIRouter()


@router.get("/today")
async def open_today(request: Request, reader: ReaderDep) -> Response:
    """Show all forecasts of one session."""
    return await show(request, reader, "today", build, moment=read_moment)


def read_moment(house: House) -> Hashable:
    """Return what of the page changes with the clock: it ages with each signal's publication."""
    symbols = dict.fromkeys(signal.symbol for signal in list_issued_signals(house.config))
    return tuple(
        (
            house.config.calendar_of(symbol).last_published(utc_now()),
            source_end(os.environ, symbol),
        )
        for symbol in symbols
    )


def build(asked: PageRequest) -> Mapping[str, Any]:
    """Answer with the session asked for, or with the latest one in the ledger."""
    house = asked.house
    issued = {signal.name: signal for signal in list_issued_signals(house.config)}

    def freshness_of(line: ForecastLine) -> Freshness:
        own = issued.get(line.signal)
        final = source_end(os.environ, own.symbol) if own else None
        calendar = house.config.calendar_of(line.symbol)
        return read_freshness(house.warehouse, line, calendar, utc_now(), final)

    today = read_today(house.warehouse, house.config, asked.day("session"), freshness_of)
    return {"today": today, "issued": frozenset(issued)}
