"""Shows a page: asked once of the warehouse, kept until the warehouse changes, sent to many."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from factorprism.core.errors import ConfigurationError
from factorprism.core.signals import Signal, find_signal
from factorprism.views import House, NotHeld, open_house
from prism_ui.errors import BadQuestion
from prism_ui.languages import COOKIE, LANGUAGES, Language, language_of
from prism_ui.navigation import SELECTION
from prism_ui.rendering import render
from prism_ui.security import TOKEN_FIELD, TOKEN_STEP_SECONDS, Reader, make_token

KEPT_PAGES = 256
KEPT_BYTES = 64 * 2**20
LONGEST_PARAMETER = 200
YEAR_SECONDS = 365 * 24 * 3600


@dataclass(frozen=True)
class PageRequest:
    """One question to a page: `params` holds only the parameters that the page declares."""

    page: str
    params: Mapping[str, str]
    reader: Reader
    language: Language
    house: House = field(repr=False)

    def text(self, name: str) -> str | None:
        """Return the parameter `name`, None where it is absent or empty."""
        return self.params.get(name) or None

    def day(self, name: str) -> date | None:
        """Return the parameter `name` as a date; raises `BadQuestion`."""
        text = self.text(name)
        if text is None:
            return None
        try:
            return date.fromisoformat(text)
        except ValueError as exc:
            raise BadQuestion(
                f"{name} {text!r} is not a date", remedy="Write it as YYYY-MM-DD."
            ) from exc

    def whole(self, name: str) -> int | None:
        """Return the parameter `name` as a whole number from 0; raises `BadQuestion`."""
        text = self.text(name)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise BadQuestion(f"{name} {text!r} is not a whole number", remedy="Write digits only.")
        return int(text)

    def link(self, page: str, **changes: object) -> str:
        """Return the address of `page` with this question's selection, changed by `changes`."""
        return link(page, self.params, **changes)


def find_asked_signal(asked: PageRequest) -> Signal:
    """Return the signal that the address names, by default the default one; raises `NotHeld`."""
    try:
        return find_signal(asked.house.config, asked.text("signal") or "")
    except ConfigurationError as error:
        raise NotHeld(error.message, remedy=error.remedy) from error


def link(page: str, params: Mapping[str, str], **changes: object) -> str:
    """Return the address of `page`, relative to any other page; None removes a parameter."""
    kept: dict[str, object] = {name: params[name] for name in SELECTION if params.get(name)}
    chosen = {name: str(value) for name, value in (kept | changes).items() if value is not None}
    return f"{page}?{urlencode(chosen)}" if chosen else page


@dataclass(frozen=True)
class RenderedPage:
    """A page as it is sent."""

    etag: str
    body: bytes
    zipped: bytes


class PageMemory:
    """The last pages shown, least recently used out first; safe for threads."""

    def __init__(self, most: int = KEPT_PAGES, most_bytes: int = KEPT_BYTES) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._held: OrderedDict[tuple[object, ...], RenderedPage] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: tuple[object, ...]) -> RenderedPage | None:
        """Return the page of `key`, or None."""
        with self._lock:
            kept = self._held.get(key)
            if kept is not None:
                self._held.move_to_end(key)
            return kept

    def put(self, key: tuple[object, ...], kept: RenderedPage) -> None:
        """Hold `kept`, and let go of the oldest beyond the limits."""
        with self._lock:
            self._forget(key)
            self._held[key] = kept
            self._bytes += _size(kept)
            while len(self._held) > self._most or self._bytes > self._most_bytes:
                self._forget(next(iter(self._held)))

    def _forget(self, key: tuple[object, ...]) -> None:
        kept = self._held.pop(key, None)
        if kept is not None:
            self._bytes -= _size(kept)


def _size(kept: RenderedPage) -> int:
    return len(kept.body) + len(kept.zipped)


_memory = PageMemory()
# Few, so that a new version of the warehouse does not keep the server from answering others.
_painters = ThreadPoolExecutor(2, "prism-pages")
_being_drawn: dict[tuple[object, ...], asyncio.Future[RenderedPage]] = {}

Build = Callable[[PageRequest], Mapping[str, Any]]


async def show(
    request: Request,
    reader: Reader,
    page: str,
    build: Build,
    *,
    params: tuple[str, ...] = SELECTION,
    template: str | None = None,
    moment: Callable[[House], Hashable] | None = None,
) -> Response:
    """Return the page `page` to `reader`: ``<page>.html.j2`` filled with what `build` returns.

    `build` runs in a thread, and only when the page is not held for the warehouse's present
    version and the value of `moment`, by which a page ages that changes with the clock. Of
    the address it sees the `params` that are named here and no others.
    """
    language = language_of(request)
    chosen = read_params(request, params)
    house = open_house()
    version = house.known_version() or await run_in_threadpool(house.read_version)
    aged = await run_in_threadpool(moment, house) if moment else None
    key = (page, tuple(chosen.items()), language.code, _who(reader), version, aged)
    kept = _memory.get(key)
    if kept is None:
        asked = PageRequest(page, chosen, reader, language, house)
        kept = await _await_page(key, asked, template or f"{page}.html.j2", build)
    return _send(request, kept)


def read_params(request: Request, names: tuple[str, ...]) -> dict[str, str]:
    """Return the parameters that a page declares, as they were sent; raises `BadQuestion`."""
    chosen = {}
    for name in names:
        text = request.query_params.get(name, "").strip()
        if len(text) > LONGEST_PARAMETER or "\0" in text:
            raise BadQuestion(f"{name} {text[:40]!r} cannot be read", remedy="Write it shorter.")
        if text:
            chosen[name] = text
    return chosen


def _who(reader: Reader) -> object:
    # Forms carry a token of the login that is renewed; without forms all readers see the same.
    return (reader.login, int(time.time()) // TOKEN_STEP_SECONDS) if reader.may_act else None


async def _await_page(
    key: tuple[object, ...], asked: PageRequest, template: str, build: Build
) -> RenderedPage:
    """Return the page once it is drawn: fifty who ask for it at once wait for the first."""
    drawing = _being_drawn.get(key)
    if drawing is None:
        loop = asyncio.get_running_loop()
        drawing = loop.run_in_executor(_painters, _draw, key, asked, template, build)
        _being_drawn[key] = drawing
        drawing.add_done_callback(lambda _: _being_drawn.pop(key, None))
    # One reader who goes away must not take the page from the others.
    return await asyncio.shield(drawing)


def _draw(key: tuple[object, ...], asked: PageRequest, template: str, build: Build) -> RenderedPage:
    html = render(template, asked.language, frame(asked) | dict(build(asked)))
    kept = _keep(html)
    _memory.put(key, kept)
    return kept


def frame(asked: PageRequest) -> dict[str, Any]:
    """Return what every page's template may use beside what its `build` returns."""
    token = make_token(asked.reader.login, time.time()) if asked.reader.may_act else ""
    return {
        "asked": asked,
        "page": asked.page,
        "link": asked.link,
        "may_act": asked.reader.may_act,
        "form_field": TOKEN_FIELD,
        "form_token": token,
    }


def _keep(html: str) -> RenderedPage:
    body = html.encode()
    return RenderedPage(
        f'"{hashlib.sha256(body).hexdigest()[:20]}"', body, gzip.compress(body, 6, mtime=0)
    )


def _send(request: Request, kept: RenderedPage) -> Response:
    headers = {
        "etag": kept.etag,
        # Kept by the browser, but asked for each time: a login that has ended shows nothing.
        "cache-control": "private, no-cache",
        "vary": "Accept-Encoding, Accept-Language, Cookie",
    }
    if request.headers.get("if-none-match") == kept.etag:
        response = Response(status_code=304, headers=headers)
    elif "gzip" in request.headers.get("accept-encoding", ""):
        response = Response(
            kept.zipped, headers=headers | {"content-encoding": "gzip"}, media_type="text/html"
        )
    else:
        response = Response(kept.body, headers=headers, media_type="text/html")
    remember_language(request, response)
    return response


def remember_language(request: Request, response: Response) -> None:
    """Keep a language that was chosen on this page for the next ones."""
    chosen = request.query_params.get("lang")
    if chosen in LANGUAGES:
        root = request.scope.get("root_path") or "/"
        response.set_cookie(
            COOKIE, chosen, max_age=YEAR_SECONDS, path=root, httponly=True, samesite="lax"
        )
