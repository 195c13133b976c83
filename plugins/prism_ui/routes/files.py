"""The style sheet, the script and the chart library, for readers alone."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from prism_ui.security import ReaderDep
from prism_ui.static_files import load_static_files

router = APIRouter()
# The address changes with the content.
LASTING = "private, max-age=31536000, immutable"


@router.get("/static/{path:path}")
async def send_file(path: str, request: Request, reader: ReaderDep) -> Response:
    """Send one of the files that were read at the start, by its exact path."""
    file = load_static_files().get(path)
    if file is None:
        raise HTTPException(404)
    current = request.query_params.get("v") == file.version
    headers = {
        "etag": f'"{file.version}"',
        "cache-control": LASTING if current else "private, no-cache",
        "vary": "Accept-Encoding",
    }
    if request.headers.get("if-none-match") == headers["etag"]:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["content-encoding"] = "gzip"
        return Response(file.zipped, headers=headers, media_type=file.kind)
    return Response(file.body, headers=headers, media_type=file.kind)
