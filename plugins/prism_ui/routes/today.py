"""Today: what is forecast, how sure one may be of it, and what is amiss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from factorprism.views.today import read_today
from prism_ui.pages import Asked, show
from prism_ui.security import ReaderDep

router = APIRouter()


@router.get("/today")
async def open_today(request: Request, reader: ReaderDep) -> Response:
    """Show all forecasts of one session."""
    return await show(request, reader, "today", build)


def build(asked: Asked) -> Mapping[str, Any]:
    """Answer with the session asked for, or with the latest one in the ledger."""
    return {"today": read_today(asked.house.warehouse, asked.day("session"))}
