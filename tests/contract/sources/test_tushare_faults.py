"""The real client against a local server that answers with every fault the vendor is known for."""

from __future__ import annotations

import logging
import pickle
import socket
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from factorprism.core.errors import (
    AccessDenied,
    ConfigurationError,
    EmptyResponse,
    MalformedResponse,
    SourceError,
    Throttled,
)
from factorprism.sources import TushareSource
from protocol.vendor import serve

SYMBOL = "000300.SH"
FIRST, LAST = date(2015, 1, 5), date(2015, 12, 31)
N_SESSIONS = 244
Open = Callable[..., TushareSource]


def fetch(source: TushareSource, first: date = FIRST, last: date = LAST) -> pd.DataFrame:
    pulls = list(source.fetch_bars([SYMBOL], first, last))
    return pd.concat([pull.bars for pull in pulls], ignore_index=True)


@pytest.fixture
def expected(truth: pd.DataFrame) -> pd.DataFrame:
    inside = truth["trade_date"].between(str(FIRST), str(LAST))
    return truth[inside].reset_index(drop=True)


def assert_bars_equal(bars: pd.DataFrame, expected: pd.DataFrame) -> None:
    assert len(bars) == len(expected) == N_SESSIONS
    for name, column in (("close", "close"), ("volume", "volume_shares"), ("amount", "amount_cny")):
        np.testing.assert_array_equal(bars[column], expected[name], err_msg=name)


@pytest.mark.parametrize(
    ("fault", "pauses"),
    [
        ("throttled", [15.0]),
        ("refused", [1.0]),
        ("http:500", [1.0]),
        ("http:502", [1.0]),
        ("http:408", [1.0]),
        ("http:429:7", [7.0]),
        ("html", [1.0]),
        ("null", [1.0]),
        ("no-columns", [1.0]),
        ("empty", [1.0]),
        ("cut", [1.0]),
        ("truncated:100", []),
        ("truncated:1", []),
        ("silent:100", []),
        ("duplicate", []),
        ("unfinished:20160104", []),
    ],
)
def test_a_passing_fault_leaves_the_same_bars(
    open_tushare: Open,
    server: Any,
    clock: Any,
    expected: pd.DataFrame,
    fault: str,
    pauses: list[float],
) -> None:
    server.script(fault)
    assert_bars_equal(fetch(open_tushare()), expected)
    assert clock.pauses == pauses
    assert not server.pending()


def test_a_row_of_faults_leaves_the_same_bars(
    open_tushare: Open, server: Any, expected: pd.DataFrame
) -> None:
    server.script("throttled", "http:502", "html", "truncated:30", "null", "empty", "silent:20")
    assert_bars_equal(fetch(open_tushare()), expected)


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ("wrong-token", AccessDenied, "token is wrong"),
        ("no-permission", AccessDenied, "may not use the endpoint"),
        ("http:401", AccessDenied, "HTTP 401"),
        ("http:403", AccessDenied, "HTTP 403"),
        ("http:404", MalformedResponse, "HTTP 404"),
        ("http:307", MalformedResponse, "HTTP 307"),
        ("throttled:天", Throttled, "too many calls"),
        ("garbage", MalformedResponse, "'n/a' is no number"),
        ("other-symbol", MalformedResponse, "rows of 000016.SH"),
    ],
)
def test_a_lasting_fault_fails_at_once(
    open_tushare: Open,
    server: Any,
    clock: Any,
    fault: str,
    error: type[SourceError],
    words: str,
) -> None:
    server.script(fault)
    with pytest.raises(error, match=words):
        fetch(open_tushare())
    assert len(server.requests) == 1
    assert not clock.pauses


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("throttled", Throttled),
        ("http:503", SourceError),
        ("html", MalformedResponse),
        ("null", MalformedResponse),
        ("empty", EmptyResponse),
    ],
)
def test_a_fault_that_stays_is_given_up_after_six_calls(
    open_tushare: Open, server: Any, clock: Any, fault: str, error: type[SourceError]
) -> None:
    server.script(*[fault] * 20)
    with pytest.raises(error) as caught:
        fetch(open_tushare())
    assert len(server.requests) == 6
    assert clock.seconds < 300
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (type(copy), str(copy)) == (type(caught.value), str(caught.value))


def test_throttling_for_a_day_says_when_to_come_back(open_tushare: Open, server: Any) -> None:
    server.script("throttled:天")
    with pytest.raises(Throttled) as caught:
        fetch(open_tushare())
    assert caught.value.retry_after == 86400


def test_a_page_that_stays_truncated_is_refused(open_tushare: Open, server: Any) -> None:
    server.script(*["truncated:0"] * 100)
    with pytest.raises(MalformedResponse, match="truncated"):
        list(open_tushare().fetch_bars(["510300.SH"], FIRST, LAST))
    assert len(server.requests) < 12


def test_more_rows_than_the_cap_are_fetched_in_parts(
    open_tushare: Open, server: Any, expected: pd.DataFrame
) -> None:
    server.row_caps["index_daily"] = 50
    assert_bars_equal(fetch(open_tushare()), expected)


def test_a_page_as_long_as_the_cap_is_not_trusted(
    open_tushare: Open, server: Any, truth: pd.DataFrame
) -> None:
    # A fund, since of an index the absent sessions would betray the cut.
    with serve({"510300.SH": truth}) as funds:
        funds.script("silent:2000")
        source = open_tushare(url=funds.url)
        (pull,) = source.fetch_bars(["510300.SH"], date(2010, 1, 4), date(2014, 12, 31))
        assert len(pull.bars) == 1212
        assert {request.api_name for request in funds.requests} == {"fund_daily"}


def test_sessions_that_the_vendor_lacks_stay_absent(
    open_tushare: Open, server: Any, clock: Any
) -> None:
    server.drop(SYMBOL, "20150105", "20150130")
    server.drop(SYMBOL, "20150701", "20150731")
    bars = fetch(open_tushare())
    assert len(bars) == N_SESSIONS - 20 - 23
    assert len(server.requests) == 2  # what lies before the oldest row is asked for once more
    assert not clock.pauses


def test_rows_that_differ_stay_for_the_gate(open_tushare: Open, server: Any) -> None:
    rows = server._bars[SYMBOL]
    (row,) = [row for row in rows if row["trade_date"] == "20150615"]
    rows.append(row | {"close": 1.5})
    bars = fetch(open_tushare())
    same_day = bars[bars["session"] == "2015-06-15"]
    assert len(same_day) == 2
    assert 1.5 in same_day["close"].tolist()
    assert len(bars) == N_SESSIONS + 1


def test_previous_close_and_change_come_along(open_tushare: Open, expected: pd.DataFrame) -> None:
    bars = fetch(open_tushare())
    np.testing.assert_array_equal(bars["pre_close"][1:], expected["close"][:-1])
    change = (expected["close"] / expected["close"].shift() - 1)[1:] * 100
    np.testing.assert_allclose(bars["pct_chg"][1:], change, atol=1e-4)


def test_empty_cells_are_nan(open_tushare: Open, server: Any) -> None:
    server.revise(SYMBOL, "20150615", amount=None, pre_close=None)
    bars = fetch(open_tushare()).set_index("session")
    assert np.isnan(bars.loc["2015-06-15", ["amount_cny", "pre_close"]].to_numpy(float)).all()


def test_a_revised_row_is_seen_by_the_next_pull(open_tushare: Open, server: Any) -> None:
    source = open_tushare()
    before = fetch(source)
    server.revise(SYMBOL, "20150615", close=5000.5)
    after = fetch(source)
    changed = before["session"][before["close"] != after["close"]]
    assert changed.dt.strftime("%Y%m%d").tolist() == ["20150615"]


def test_rows_of_an_unfinished_day_are_refused_with_a_warning(
    open_tushare: Open, server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    server.script("unfinished:20150616")
    source = open_tushare(now=lambda: datetime(2015, 6, 16, 9))
    with caplog.at_level(logging.WARNING, "factorprism.sources"):
        bars = fetch(source, date(2015, 6, 1), date(2015, 6, 16))
    assert bars["session"].max() == pd.Timestamp("2015-06-15")
    assert server.requests[0].params["end_date"] == "20150615"
    assert "not published yet" in caplog.text
    assert "they are refused" in caplog.text


def test_a_backfill_asks_for_one_window_at_a_time(open_tushare: Open, server: Any) -> None:
    pulls = open_tushare().fetch_bars([SYMBOL], date(2008, 1, 2), date(2020, 12, 31))
    spans = []
    for n_calls, pull in enumerate(pulls, start=1):
        assert len(server.requests) == n_calls
        spans.append((pull.first, pull.last))
    assert spans == [
        (date(2008, 1, 2), date(2009, 12, 31)),
        (date(2010, 1, 1), date(2014, 12, 31)),
        (date(2015, 1, 1), date(2019, 12, 31)),
        (date(2020, 1, 1), date(2020, 12, 31)),
    ]


def test_windows_before_an_index_began_are_empty(open_tushare: Open) -> None:
    source = open_tushare(history_start=date(1995, 1, 1))
    pulls = list(source.fetch_bars([SYMBOL], date(1996, 1, 2), date(2004, 12, 31)))
    assert [len(pull.bars) for pull in pulls] == [0, 0]


def test_calls_stay_within_the_quota(open_tushare: Open, server: Any, clock: Any) -> None:
    source = open_tushare(calls_per_minute=10)
    for _ in range(25):
        source.fetch_days("XSHG", date(2015, 1, 5), date(2015, 1, 9))
    assert len(server.requests) == 25
    assert 120 <= clock.seconds < 121


@pytest.mark.parametrize(
    ("symbol", "endpoint"),
    [
        ("000300.SH", "index_daily"),
        ("000905.SH", "index_daily"),
        ("399006.SZ", "index_daily"),
        ("510300.SH", "fund_daily"),
        ("588000.SH", "fund_daily"),
        ("159915.SZ", "fund_daily"),
        ("000001.SZ", "daily"),
        ("300750.SZ", "daily"),
        ("600000.SH", "daily"),
        ("688981.SH", "daily"),
    ],
)
def test_the_symbol_chooses_the_endpoint(
    open_tushare: Open, server: Any, symbol: str, endpoint: str
) -> None:
    server.script("wrong-token")
    with pytest.raises(AccessDenied):
        list(open_tushare().fetch_bars([symbol], FIRST, LAST))
    (request,) = server.requests
    assert (request.api_name, request.path) == (endpoint, f"/dataapi/{endpoint}")
    assert request.params["ts_code"] == symbol


@pytest.mark.parametrize("symbol", ["0700.HK", "AAPL.US", "^HSI", "930050.CSI", "430047.BJ"])
def test_a_symbol_without_an_endpoint_learns_what_each_endpoint_serves(
    open_tushare: Open, server: Any, symbol: str
) -> None:
    with pytest.raises(SourceError, match="tushare has no daily bars of") as caught:
        open_tushare().fetch_bars([symbol], FIRST, LAST)
    assert "index_daily: 000xxx.SH and 399xxx.SZ; fund_daily: " in caught.value.remedy
    assert "FACTORPRISM_SOURCE=files" in caught.value.remedy
    assert server.requests == []


def test_the_first_session_is_the_later_of_base_date_and_history(open_tushare: Open) -> None:
    source = open_tushare(history_start=date(2005, 1, 4))
    assert source.first_session("399006.SZ") == date(2010, 6, 1)
    assert source.first_session("000001.SH") == date(2005, 1, 4)
    assert source.first_session("600000.SH") == date(2005, 1, 4)


def test_a_slow_answer_is_a_source_error(open_tushare: Open, server: Any) -> None:
    server.script(*["slow:5"] * 6)
    with pytest.raises(SourceError, match=r"did not answer within 0\.1 s"):
        fetch(open_tushare(timeout_seconds=0.1))


def test_a_refused_connection_is_a_source_error(open_tushare: Open) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/dataapi"
        with pytest.raises(SourceError, match="refused or cut the connection") as caught:
            fetch(open_tushare(url=url))
    assert "FACTORPRISM_TUSHARE_URL" in caught.value.remedy


@pytest.mark.parametrize(
    "url", ["http://api.waditu.com/dataapi", "ftp://api.waditu.com", "api.waditu.com", ""]
)
def test_an_address_in_clear_text_is_refused(open_tushare: Open, url: str) -> None:
    with pytest.raises(ConfigurationError, match="FACTORPRISM_TUSHARE_URL"):
        open_tushare(url=url)
