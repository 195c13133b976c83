"""Are the bars of all channels there? Asked of the vendor's server, which has a clock."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pytest

from factorprism.core.config import Config
from factorprism.core.errors import AccessDenied, EmptyResponse
from factorprism.core.signals import find_signal
from factorprism.health.patience import due_at, patience_ends, wait_key
from factorprism.market.findings import QualityResult
from factorprism.pipelines import Ports, Run, waiting
from factorprism.pipelines.waiting import wait_for_bars
from factorprism.sources import SampleSource
from factorprism.warehouse import PostgresWarehouse
from protocol.vendor import serve, table_of, write_tables

TARGET, OVERLAY, OTHER = "000300.SH", "000905.SH", "399006.SZ"
SESSION = date(2024, 7, 1)


@pytest.fixture(scope="module")
def served() -> dict[str, pd.DataFrame]:
    """Real bars to the session under three names."""
    (pull,) = SampleSource().fetch_bars([TARGET], date(2024, 6, 3), SESSION)
    return dict.fromkeys((TARGET, OVERLAY, OTHER), table_of(pull.bars))


@pytest.fixture
def vendor(served: dict[str, pd.DataFrame]) -> Iterator[Any]:
    with serve(served) as server:
        yield server


@pytest.fixture
def run(vendor: Any, tmp_path: Path) -> Run:
    overlays = f'["{OVERLAY}", "{OTHER}"]'
    (tmp_path / "universes.toml").write_text(f'[three]\ntarget = "{TARGET}"\noverlays = {overlays}')
    config = Config(
        home=tmp_path,
        universe_name="three",
        **vendor.settings,
    )
    return Run(
        SESSION, find_signal(config), config, Ports(config, cast(PostgresWarehouse, Notes()))
    )


class Notes:
    """The part of a warehouse that a check writes to."""

    def __init__(self) -> None:
        self.quality = self
        self.held: dict[str, tuple[bool, str]] = {}

    def save_results(self, results: list[QualityResult], run_key: str) -> None:
        (result,) = results
        self.held[run_key] = (result.success, result.sentence)


@pytest.fixture
def evening(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is eight in the evening of the session in Shanghai; the sources know it is over."""
    monkeypatch.setattr(waiting, "utc_now", lambda: datetime(2024, 7, 1, 12, 0))


def test_with_all_bars_there_the_run_goes_on(run: Run) -> None:
    assert wait_for_bars(run, {}) == {}


@pytest.mark.usefixtures("evening")
def test_every_channel_that_is_missing_is_named_and_no_other(run: Run, vendor: Any) -> None:
    vendor.publish(OVERLAY, "never")
    vendor.publish(OTHER, "+3600s")
    with pytest.raises(EmptyResponse) as caught:
        wait_for_bars(run, {})
    said = "stale data: the source tushare has no bar of 000905.SH, 399006.SZ for 2024-07-01"
    assert caught.value.message == said


@pytest.mark.usefixtures("evening")
def test_an_endpoint_that_has_published_nothing_lacks_every_channel(run: Run, vendor: Any) -> None:
    vendor.publish("index_daily", "never")
    vendor.publish(TARGET, "+0s")
    with pytest.raises(EmptyResponse, match=r"has no bar of 000905\.SH, 399006\.SZ for"):
        wait_for_bars(run, {})


@pytest.mark.usefixtures("evening")
def test_half_a_bar_is_waited_for_and_its_missing_values_are_named(run: Run, vendor: Any) -> None:
    vendor.publish(OVERLAY, "half+0s+3600s")
    with pytest.raises(EmptyResponse, match=r"lacks volume_shares, amount_cny of 000905\.SH"):
        wait_for_bars(run, {})
    vendor.publish(OVERLAY, "half+0s+0s")
    assert wait_for_bars(run, {}) == {}


def test_after_patience_an_absent_bar_is_refused_for_good_and_half_a_bar_is_the_gates(
    run: Run, vendor: Any
) -> None:
    vendor.publish(OVERLAY, "half+0s+3600s")
    assert wait_for_bars(run, {}) == {}
    vendor.publish(OTHER, "never")
    with pytest.raises(EmptyResponse) as caught:
        wait_for_bars(run, {})
    assert "has no bar of 399006.SZ" in caught.value.message
    assert caught.value.message.endswith("; patience ended at 2024-07-02 08:30 Asia/Shanghai")


@pytest.mark.usefixtures("evening")
def test_each_check_leaves_a_note_of_what_was_missing(run: Run, vendor: Any) -> None:
    held = cast(Notes, run.ports.warehouse).held
    key = wait_key(run.config, run.universe, SESSION)
    vendor.publish(OTHER, "never")
    with pytest.raises(EmptyResponse) as caught:
        wait_for_bars(run, {})
    assert held == {key: (False, caught.value.message)}
    vendor.publish(OTHER, "+0s")
    wait_for_bars(run, {})
    assert held == {key: (True, "the source tushare has the bars of all channels")}


def test_a_wrong_token_is_no_reason_to_wait(run: Run, vendor: Any) -> None:
    vendor.script("wrong-token")
    with pytest.raises(AccessDenied):
        wait_for_bars(run, {})


def test_a_check_asks_once_a_channel_and_for_few_sessions(run: Run, vendor: Any) -> None:
    wait_for_bars(run, {})
    assert [request.params["ts_code"] for request in vendor.requests] == [TARGET, OVERLAY, OTHER]
    assert {request.params["start_date"] for request in vendor.requests} == {"20240625"}


def test_patience_lasts_to_the_next_morning_and_the_sample_is_not_waited_for(run: Run) -> None:
    assert patience_ends(run.config, run.universe, SESSION) == datetime(2024, 7, 2, 0, 30)
    sample = Config(home=run.config.home)
    assert patience_ends(sample, run.universe, SESSION) == datetime(2024, 7, 1, 11, 15)
    assert due_at(run.config, run.universe, SESSION) == datetime(2024, 7, 1, 11, 30)


def test_the_servers_command_line_has_the_clock_too(
    repository_root: Path, served: dict[str, pd.DataFrame], run: Run, tmp_path: Path
) -> None:
    write_tables(tmp_path, served)
    server = repository_root / "tests/protocol/tushare_server.py"
    published = f"{OVERLAY}=never,{OTHER}=half+0s+3600s"
    process = subprocess.Popen(
        [sys.executable, server, "--files", tmp_path, "--published", published],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        config = run.config.with_changes(tushare_url=url)
        with pytest.raises(EmptyResponse, match=f"no bar of {OVERLAY} .* lacks .* of {OTHER}"):
            wait_for_bars(
                Run(SESSION, find_signal(config), config, Ports(config, run.ports.warehouse)), {}
            )
    finally:
        process.kill()
        process.communicate()
