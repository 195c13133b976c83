"""The page of that name; it is still to come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from prism_ui.pages import Asked, show
from prism_ui.security import ReaderDep

router = APIRouter()


@router.get("/data")
async def open_data(request: Request, reader: ReaderDep) -> Response:
    """Show the page."""
    return await show(request, reader, "data", build)


def build(asked: Asked) -> Mapping[str, Any]:
    """Answer the page's question."""
    return {}
