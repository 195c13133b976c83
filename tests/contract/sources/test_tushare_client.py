"""Our client beside the vendor's own: the same questions asked, the same frames given."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
import tushare

from factorprism.sources._client import InspectedApi

QUESTION = {"ts_code": "000300.SH", "start_date": "20150105", "end_date": "20150630"}
FIELDS = "ts_code,trade_date,open,high,low,close,vol,amount"


@pytest.fixture
def vendors_client(server: Any) -> Any:
    client = tushare.pro_api(server.token, timeout=5)
    client._DataApi__http_url = server.url
    return client


def test_it_asks_and_answers_as_the_vendors_own_client(server: Any, vendors_client: Any) -> None:
    ours = InspectedApi(server.token, server.url, timeout_seconds=5)
    calls = [client.query("index_daily", FIELDS, **QUESTION) for client in (vendors_client, ours)]
    theirs, asked = (replace(request, at=0.0) for request in server.requests)
    assert asked == theirs
    assert asked.params["ts_type_name"] == server.url
    pd.testing.assert_frame_equal(calls[1], calls[0])
    assert len(calls[1]) == 119  # sessions of the half year


def test_it_can_be_asked_by_the_endpoints_name(server: Any) -> None:
    ours = InspectedApi(server.token, server.url, timeout_seconds=5)
    frame = ours.index_daily(fields=FIELDS, **QUESTION)
    assert server.requests[0].api_name == "index_daily"
    assert list(frame) == FIELDS.split(",")


@pytest.mark.parametrize("has_more", [True, False])
def test_the_frame_says_whether_the_vendor_cut_it_short(server: Any, has_more: bool) -> None:
    server.script("truncated:5" if has_more else "silent:5")
    ours = InspectedApi(server.token, server.url, timeout_seconds=5)
    frame = ours.query("index_daily", FIELDS, **QUESTION)
    assert (len(frame), frame.attrs) == (5, {"has_more": has_more})
