"""Today: what is forecast, how sure one may be of it, and what is amiss."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from factorprism.core.readings import ForecastLine
from factorprism.core.sessions import utc_now
from factorprism.views import House
from factorprism.views.freshness import Freshness, read_freshness
from factorprism.views.today import read_today
from prism_ui.pages import Asked, show
from prism_ui.security import ReaderDep
from source_ends import source_end

router = APIRouter()


@router.get("/today")
async def open_today(request: Request, reader: ReaderDep) -> Response:
    """Show all forecasts of one session."""
    return await show(request, reader, "today", build, moment=read_moment)


def read_moment(house: House) -> Hashable:
    """Return what the page owes to the clock: it ages once an evening, at the publication."""
    config = house.config
    published = config.calendar_of(config.universe.target).last_published(utc_now())
    return published, source_end(os.environ)


def build(asked: Asked) -> Mapping[str, Any]:
    """Answer with the session asked for, or with the latest one in the ledger."""
    house, final = asked.house, source_end(os.environ)

    def freshness_of(line: ForecastLine) -> Freshness:
        own = line.universe == house.config.universe_name
        calendar = house.config.calendar_of(line.target)
        return read_freshness(house.warehouse, line, calendar, utc_now(), final if own else None)

    return {"today": read_today(house.warehouse, asked.day("session"), freshness_of)}
