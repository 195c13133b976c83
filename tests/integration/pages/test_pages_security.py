"""Nobody sees a page without a login, nobody acts without the right, input is only ever text."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import quote

import pytest

from default_signal import DAILY

PAGES = ("today", "image", "record", "data", "models", "lineage")
HOSTILE = ("<script>alert(1)</script>", "'; drop table prism.forecasts; --", "2025-13-45")
FORM = "form_token"


def fill(path: str) -> str:
    """Replace the placeholders of a route."""
    return re.sub(r"\{[^}]*\}", DAILY, path)


def test_every_route_asks_for_a_login(pages: Any) -> None:
    routes = pages.call("routes")
    assert ("GET", "/prism/today") in map(tuple, routes)
    assert len(routes) >= len(PAGES) + 4
    for method, path in routes:
        answer = pages.call("request", method, fill(path), "", {})
        assert answer["status"] == 401, (method, path)
        assert "000300" not in answer["text"]


def test_no_schema_and_no_documentation_of_the_routes_is_served(pages: Any) -> None:
    for path in ("docs", "redoc", "openapi.json"):
        assert pages.get(f"/prism/{path}", "").status == 404


@pytest.mark.parametrize("page", PAGES)
def test_a_viewer_reads_every_page_under_a_strict_policy(pages: Any, page: str) -> None:
    answer = pages.get(f"/prism/{page}", accept="text/html")
    assert answer.status == 200, answer.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "private, no-cache"
    # What the policy forbids is not in the page: no inline script, style or handler.
    for script in re.findall(r"<script[^>]*>", answer.text):
        assert "src=" in script or 'type="application/json"' in script
    assert not re.findall(r"\s(style|on\w+)=", re.sub(r">[^<]*<", "><", answer.text))
    assert "http://" not in answer.text.replace("http://www.w3.org/", "")
    assert "https://" not in answer.text


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_input_comes_back_as_text(pages: Any, page: str, text: str) -> None:
    answers = [
        pages.get(f"/prism/{page}?{name}={quote(text)}", accept="text/html")
        for name in ("session", "signal")
    ]
    for answer in answers:
        assert answer.status in (200, 400, 404), answer.text
        assert "<script>alert" not in answer.text
        assert "Traceback" not in answer.text
    if page in ("today", "record"):
        wrong = answers[0 if page == "today" else 1]
        assert wrong.status in (400, 404)
        assert text in html.unescape(wrong.text)


def test_files_are_for_readers_and_only_those_of_the_folder(pages: Any) -> None:
    style = pages.get("/prism/static/style.css")
    assert style.status == 200
    assert style.headers["content-type"].startswith("text/css")
    assert style.headers["x-content-type-options"] == "nosniff"
    assert pages.get("/prism/static/style.css", "").status == 401
    for path in ("..%2Fapp.py", "%2e%2e/security.py", "/etc/passwd", "vendor", ""):
        assert pages.get(f"/prism/static/{path}").status in (404, 307), path
    tag = style.headers["etag"]
    assert pages.get("/prism/static/style.css", if_none_match=tag).status == 304


def test_viewers_may_send_no_form(pages: Any) -> None:
    token = pages.call("form_token", "viewer", 0)
    posts = [path for method, path in pages.call("routes") if method == "POST"]
    assert "/prism/probe" in posts
    for path in posts:
        assert pages.post(fill(path), "viewer", {FORM: token}).status == 403, path
        assert pages.post(fill(path), "").status == 401, path


def test_an_operator_sends_a_form_from_a_page_of_the_same_login(pages: Any) -> None:
    token = pages.call("form_token", "user", 0)
    answer = pages.post("/prism/probe", "user", {FORM: token})
    assert (answer.status, answer.text) == (200, '"done"')
    same = {"origin": "http://testserver", "sec_fetch_site": "same-origin"}
    assert pages.post("/prism/probe", "user", {FORM: token}, **same).status == 200


@pytest.mark.parametrize(
    ("login", "age", "headers"),
    [
        ("admin", 0, {}),  # another login's
        ("user", 13 * 3600, {}),  # too old
        ("user", -7200, {}),  # of a time to come
        ("user", 0, {"sec_fetch_site": "cross-site"}),
        ("user", 0, {"origin": "https://elsewhere.example"}),
        ("user", 0, {"origin": "null"}),
    ],
)
def test_a_form_from_elsewhere_is_refused(
    pages: Any, login: str, age: float, headers: dict[str, str]
) -> None:
    token = pages.call("form_token", login, age)
    assert pages.post("/prism/probe", "user", {FORM: token}, **headers).status == 403


@pytest.mark.parametrize("token", ["", "1.2", "x.y", "²³.4", "1700000000."])
def test_a_form_without_a_token_of_ours_is_refused(pages: Any, token: str) -> None:
    assert pages.post("/prism/probe", "user", {FORM: token}).status == 403


def test_only_pages_of_operators_carry_a_token(pages: Any) -> None:
    token = pages.call("form_token", "admin", 0)
    for role in ("viewer", "admin"):
        for page in PAGES:
            text = pages.get(f"/prism/{page}", role).text
            assert role == "admin" or token not in text
