"""The token is in the request's body and nowhere else."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from factorprism.core.errors import SourceError
from factorprism.sources import TushareSource

FAULTS = [
    "throttled:天",
    "wrong-token",
    "no-permission",
    "refused",
    "http:502",
    "http:404",
    "html",
    "null",
    "no-columns",
    "garbage",
    "empty",
    "cut",
    "truncated:0",
]


def chain_of(error: BaseException | None) -> list[BaseException]:
    links: list[BaseException] = []
    while error is not None and error not in links:
        links.append(error)
        error = error.__cause__ or error.__context__
    return links


def fail(source: TushareSource) -> SourceError:
    with pytest.raises(SourceError) as caught:
        list(source.fetch_bars(["000300.SH"], date(2015, 1, 5), date(2015, 12, 31)))
    return caught.value


def assert_silent(error: SourceError, token: str) -> None:
    for link in chain_of(error):
        texts = [str(link), repr(link), repr(vars(link)), repr(link.args)]
        texts += traceback.format_exception(link)
        # As printed by tools that show the variables of each frame.
        shown = traceback.TracebackException.from_exception(link, capture_locals=True)
        own = [frame for frame in shown.stack if Path(frame.filename) != Path(__file__)]
        texts += [str(frame.locals) for frame in own]
        assert not [text for text in texts if token in text]


@pytest.mark.parametrize("fault", FAULTS)
def test_no_error_shows_the_token(
    open_tushare: Callable[..., TushareSource], server: Any, fault: str
) -> None:
    server.script(*[fault] * 30)
    assert_silent(fail(open_tushare()), server.token)


def test_a_message_that_repeats_the_token_is_scrubbed(
    open_tushare: Callable[..., TushareSource], server: Any
) -> None:
    server.script(*[f"refused:bad {server.token} !"] * 6)
    error = fail(open_tushare())
    assert "bad [token] !" in error.message
    assert_silent(error, server.token)


def test_an_unreachable_vendor_shows_no_token(
    open_tushare: Callable[..., TushareSource], server: Any
) -> None:
    assert_silent(fail(open_tushare(url="http://127.0.0.1:1/dataapi")), server.token)


def test_a_slow_vendor_shows_no_token(
    open_tushare: Callable[..., TushareSource], server: Any
) -> None:
    server.script(*["slow:5"] * 6)
    assert_silent(fail(open_tushare(timeout_seconds=0.05)), server.token)


def test_no_log_line_file_or_representation_holds_the_token(
    open_tushare: Callable[..., TushareSource],
    server: Any,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    server.script("throttled", f"refused:{server.token}", "html", "truncated:50", "silent:5")
    source = open_tushare()
    with caplog.at_level(logging.DEBUG):
        pulls = list(source.fetch_bars(["000300.SH"], date(2015, 1, 5), date(2015, 12, 31)))
        source.fetch_days("XSHG", date(2015, 1, 5), date(2015, 12, 31))
    assert "asking again" in caplog.text
    assert server.token not in caplog.text
    assert not [record for record in caplog.records if server.token in repr(vars(record))]
    assert server.token not in repr(source) + repr(pulls)
    assert not list(tmp_path.rglob("*"))
    # The test can tell: the server did receive it.
    assert {request.token for request in server.requests} == {server.token}
