"""A backfill of four indices through every passing fault gives the very bars of the files."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from factorprism.sources import FilesSource, TushareSource
from protocol.tushare_server import TushareServer

DATA = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "cn_index"
SYMBOLS = ("000300.SH", "000905.SH", "399006.SZ", "000001.SH")
FIRST, LAST = date(2010, 1, 4), date(2020, 12, 31)
VALUES = ["symbol", "session", "open", "high", "low", "close", "volume_shares", "amount_cny"]

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="the real index files of ../shared/data are not here"
)


def bars_of(source: Any) -> pd.DataFrame:
    pulls = source.fetch_bars(SYMBOLS, FIRST, LAST)
    return pd.concat([pull.bars for pull in pulls], ignore_index=True)


def test_a_faulty_backfill_equals_the_files(
    open_tushare: Callable[..., TushareSource], clock: Any
) -> None:
    with TushareServer(DATA) as server:
        server.script("throttled", "ok", "http:502", "html", "truncated:300", "cut", "null")
        server.script("empty", "silent:900", "throttled", "duplicate")
        bars = bars_of(open_tushare(url=server.url, calls_per_minute=5))
        assert not server.pending()
    files = bars_of(FilesSource(DATA))
    pd.testing.assert_frame_equal(bars[VALUES], files[VALUES], check_exact=True)
    assert len(bars) == 3 * 2674 + 2575
    assert clock.seconds > 60


def test_a_re_pull_names_the_revised_row(open_tushare: Callable[..., TushareSource]) -> None:
    with TushareServer(DATA) as server:
        source = open_tushare(url=server.url)
        server.script("ok", "ok", "revised:close=9.9")
        before, after = bars_of(source), bars_of(source)
    changed = before[before["close"] != after["close"]]
    assert changed[["symbol", "close"]].to_numpy().tolist() == [["000300.SH", 9.9]]
    assert changed["session"].tolist() == [pd.Timestamp("2020-12-31")]
