"""A backfill through the vendor's client: faults on the way, a revision after it, no token left."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from factorprism.core.config import Config
from factorprism.core.signals import find_signal
from factorprism.pipelines import Run, open_ports, run_pipeline
from factorprism.sources import SampleSource
from factorprism.warehouse import PostgresWarehouse
from protocol.vendor import serve, table_of

TOKEN = "tok-5e0c-never-to-be-seen"
FIRST, LAST = date(2018, 1, 2), date(2020, 12, 31)


@pytest.fixture
def held() -> pd.DataFrame:
    (pull,) = SampleSource().fetch_bars(["000300.SH"], FIRST, LAST)
    return pull.bars


@pytest.fixture
def server(held: pd.DataFrame) -> Iterator[Any]:
    with serve({"000300.SH": table_of(held)}, TOKEN) as server:
        yield server


def test_faults_on_the_way_leave_the_bars_as_served_and_a_revision_is_named(
    server: Any,
    held: pd.DataFrame,
    warehouse: PostgresWarehouse,
    migrated_url: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = Config(
        home=tmp_path / "home",
        warehouse_url=migrated_url,
        **server.settings,
    )
    options = {"first": FIRST.isoformat(), "last": LAST.isoformat()}
    server.script("http:502", "html", "truncated:100")
    with caplog.at_level(logging.DEBUG), open_ports(config) as ports:
        run = Run(LAST, find_signal(config), config, ports)
        run_pipeline("backfill", run, options)
        bars = warehouse.bars.load_bars(["000300.SH"], FIRST, LAST)
        for name in ("open", "high", "low", "close", "volume_shares"):
            assert bars[name].tolist() == held[name].tolist()
        assert warehouse.bars.load_revisions("000300.SH", FIRST, LAST).empty

        asked = len(server.requests)
        server.revise("000300.SH", "20200203", close=3690.0)
        run_pipeline("backfill", run, options)
    assert len(server.requests) > asked
    revisions = warehouse.bars.load_revisions("000300.SH", FIRST, LAST)
    assert revisions[["column", "new_value"]].to_numpy().tolist() == [["close", 3690.0]]
    assert TOKEN not in caplog.text
    for path in config.home.rglob("*"):
        assert path.is_dir() or TOKEN.encode() not in path.read_bytes(), path
