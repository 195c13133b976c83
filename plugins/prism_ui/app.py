"""Puts the pages together: routes, protected files, and plain language for what goes wrong."""

from __future__ import annotations

import logging
from importlib import import_module

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from factorprism.core.errors import FactorPrismError
from prism_ui.errors import status_of
from prism_ui.headers import SafeResponses
from prism_ui.languages import language_of
from prism_ui.navigation import PAGES
from prism_ui.pages import link, remember_language
from prism_ui.rendering import render
from prism_ui.routes import decisions, files, findings, runs
from prism_ui.security import ReaderDep

logger = logging.getLogger(__name__)

home = APIRouter()


@home.get("/")
async def open_first_page(request: Request, reader: ReaderDep) -> Response:
    """Lead to the day's page."""
    return RedirectResponse(f"{request.scope.get('root_path', '')}/{PAGES[0].slug}", 307)


def create_app() -> FastAPI:
    """Return the app of all pages; every route of it asks for a login."""
    # A schema of the routes would be served to anybody.
    app = FastAPI(title="prism", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(home)
    app.include_router(files.router)
    app.include_router(runs.router)
    app.include_router(decisions.router)
    app.include_router(findings.router)
    for page in PAGES:
        app.include_router(import_module(f"prism_ui.routes.{page.slug}").router)
    app.add_exception_handler(FactorPrismError, _tell_error)
    app.add_exception_handler(StarletteHTTPException, _tell_refusal)
    app.add_exception_handler(RequestValidationError, _tell_misuse)
    app.add_middleware(SafeResponses)
    return app


async def _tell_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, FactorPrismError)
    status = status_of(error)
    if status >= 500:
        logger.warning("%s: %s", request.url.path, error.message)
    return tell(request, status, error.message, error.remedy)


async def _tell_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)
    gettext = language_of(request).gettext
    sentences = {
        401: (gettext("Nobody is logged in."), gettext("Log in to Airflow, then open this again.")),
        403: (
            gettext("This login may not do that."),
            gettext("Ask whoever administers Airflow for the right."),
        ),
        404: (gettext("There is no such page."), gettext("Choose one from the menu.")),
    }
    sentence, remedy = sentences.get(error.status_code, (str(error.detail), ""))
    return tell(request, error.status_code, sentence, remedy)


async def _tell_misuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    gettext = language_of(request).gettext
    return tell(request, 422, gettext("The form lacks a field, or one cannot be read."), "")


def tell(request: Request, status: int, sentence: str, remedy: str) -> Response:
    """Return a page with `sentence` and `remedy`, or the same as JSON where no page is wanted."""
    if "text/html" not in request.headers.get("accept", "text/html"):
        return JSONResponse({"detail": sentence, "remedy": remedy}, status)
    root = request.scope.get("root_path", "")
    html = render(
        "error.html.j2",
        language_of(request),
        {
            "page": "",
            "status": status,
            "sentence": sentence,
            "remedy": remedy,
            "root": root,
            "link": lambda page, **changes: link(page, {}, **changes),
        },
    )
    response = HTMLResponse(html, status)
    remember_language(request, response)
    return response
