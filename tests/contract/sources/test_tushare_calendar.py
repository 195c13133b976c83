"""The vendor's `trade_cal`: open and closed days, and years that are not published yet."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from factorprism.core.calendar import calendar_for
from factorprism.core.errors import AccessDenied, MalformedResponse
from factorprism.sources import TushareSource

Open = Callable[..., TushareSource]
NEW_YEAR = date(2027, 1, 1)


def test_open_and_closed_days_are_reported_beyond_the_library(
    open_tushare: Open, server: Any
) -> None:
    server.publish_days(date(2026, 12, 1), date(2027, 12, 31), closed=[NEW_YEAR])
    days = open_tushare().fetch_days("XSHG", date(2026, 12, 30), date(2027, 1, 5))
    assert days == {
        date(2026, 12, 30): True,
        date(2026, 12, 31): True,
        NEW_YEAR: False,
        date(2027, 1, 2): False,
        date(2027, 1, 3): False,
        date(2027, 1, 4): True,
        date(2027, 1, 5): True,
    }
    (request,) = server.requests
    assert "is_open" not in request.params


def test_open_days_equal_the_exchange_calendar(open_tushare: Open) -> None:
    first, last = date(2006, 1, 6), date(2025, 12, 31)
    days = open_tushare().fetch_days("XSHG", first, last)
    expected = calendar_for("XSHG").sessions(first, last).astype(object).tolist()
    assert [day for day, trades in days.items() if trades] == expected


def test_a_range_that_runs_backwards_is_refused(open_tushare: Open) -> None:
    with pytest.raises(ValueError, match="first: 2027-01-01"):
        open_tushare().fetch_days("XSHG", NEW_YEAR, date(2026, 1, 1))


def test_a_year_that_is_not_published_is_left_out_without_asking_twice(
    open_tushare: Open, server: Any
) -> None:
    server.publish_days(date(2026, 12, 1), date(2026, 12, 31))
    days = open_tushare().fetch_days("XSHG", date(2026, 12, 28), date(2027, 12, 31))
    assert max(days) == date(2026, 12, 31)
    assert len(server.requests) == 1
    assert open_tushare().fetch_days("XSHG", NEW_YEAR, date(2027, 12, 31)) == {}


def test_a_truncated_answer_is_made_whole(open_tushare: Open, server: Any) -> None:
    server.publish_days(date(2026, 12, 1), date(2027, 12, 31))
    server.script("truncated:100", "silent:40")
    days = open_tushare().fetch_days("XSHG", date(2026, 12, 1), date(2027, 12, 31))
    assert len(days) == 396
    assert min(days) == date(2026, 12, 1)


def test_a_day_that_is_neither_open_nor_closed_is_refused(open_tushare: Open, server: Any) -> None:
    server.publish_days(date(2026, 12, 1), date(2026, 12, 31))
    server._published["20261215"] = 7
    with pytest.raises(MalformedResponse, match="2026-12-15"):
        open_tushare().fetch_days("XSHG", date(2026, 12, 1), date(2026, 12, 31))


def test_an_account_without_the_permission_is_refused_at_once(
    open_tushare: Open, server: Any
) -> None:
    server.script("no-permission")
    with pytest.raises(AccessDenied):
        open_tushare().fetch_days("XSHG", date(2026, 12, 1), date(2026, 12, 31))
    assert len(server.requests) == 1


def test_a_calendar_that_is_not_published_is_empty(subject: Any) -> None:
    source = subject.build(None)
    assert source.fetch_days("XNYS", date(2026, 12, 1), date(2026, 12, 31)) == {}
    if source.name != "tushare":
        assert source.fetch_days("XSHG", date(2025, 12, 1), date(2025, 12, 31)) == {}
