"""Lineage: one row of the ledger, back to what was pulled and forward to what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from factorprism.views import NotHeld, choose_line, list_shown_lines, locate_session
from factorprism.views.lineage import read_lineage
from prism_ui.navigation import SELECTION
from prism_ui.pages import PageRequest, show
from prism_ui.security import ReaderDep

router = APIRouter()


@router.get("/lineage")
async def open_lineage(request: Request, reader: ReaderDep) -> Response:
    """Show where the row of one session comes from, and what became of it."""
    return await show(request, reader, "lineage", build, params=(*SELECTION, "model", "state"))


def build(asked: PageRequest) -> Mapping[str, Any]:
    """Answer with the row asked for, or with the one that stands for the session."""
    house = asked.house
    lines = list_shown_lines(house.warehouse, house.config)
    line = choose_line(lines, house.config, asked.text("signal"))
    if line is None:
        return {"lineage": None}
    session = asked.day("session") or line.last
    lineage = read_lineage(
        house.warehouse,
        house.config,
        line,
        session,
        model_id=asked.text("model") or "",
        state=asked.text("state") or "",
    )
    if lineage is None:
        raise NotHeld(
            f"the ledger has no such row of {line.signal} at {session}",
            remedy=f"It holds sessions from {line.first} to {line.last}; choose one on the page "
            "Today.",
        )
    at = locate_session(session, lineage.known)
    return {"lineage": lineage, "lines": lines, "line": line, "at": at}
