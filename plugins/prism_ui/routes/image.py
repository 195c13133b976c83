"""Image: what the model saw at one session, and the attribution of its forecast."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from factorprism.views import choose_line, list_shown_lines, locate_session
from factorprism.views.image import SCALE_SESSIONS, read_image
from prism_ui.image_figures import build_bar_tables, build_cells, build_closes
from prism_ui.pages import PageRequest, show
from prism_ui.security import ReaderDep

router = APIRouter()


@router.get("/image")
async def open_image(request: Request, reader: ReaderDep) -> Response:
    """Show the image of one session, its reasons and its nearest neighbours."""
    return await show(request, reader, "image", build)


def build(asked: PageRequest) -> Mapping[str, Any]:
    """Answer with the session asked for, or with the line's last one in the ledger.

    A day that the ledger has no row of is shown as far as its factors are held.
    """
    house = asked.house
    lines = list_shown_lines(house.warehouse, house.config)
    line = choose_line(lines, house.config, asked.text("signal"))
    if line is None:
        return {"image": None}
    session = asked.day("session") or line.last
    image = read_image(house.warehouse, house.config, line, session)
    gettext = asked.language.gettext
    words = {
        "value": gettext("value"),
        "scaled": gettext("normalised"),
        "missing": gettext("missing"),
        "session": gettext("Session"),
    }
    return {
        "image": image,
        "lines": lines,
        "line": line,
        "at": locate_session(session, image.known),
        "recent_sessions": SCALE_SESSIONS,
        "cells": build_cells(image, words, gettext) if image.picture else None,
        "closes": build_closes(image.closes, words["session"]) if image.closes else None,
        "bars": build_bar_tables(image.reasons) if image.reasons else [],
    }
