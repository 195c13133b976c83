"""New York in an image of Shanghai: wait, pull and image mean the same session."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from factorprism.core.config import Config
from factorprism.core.errors import ConfigurationError, EmptyResponse
from factorprism.core.signals import find_signal
from factorprism.pipelines import Ports, Run, waiting
from factorprism.pipelines.bars import pull_bars
from factorprism.pipelines.waiting import wait_for_bars
from factorprism.sources import build_source
from factorprism.warehouse import PostgresWarehouse

TARGET, OVERLAY = "000300.SH", "^GSPC"
# The sample's New York ends on the session that an image of this one reads.
SESSION, READ = date(2019, 1, 2), date(2018, 12, 31)
EVENING = datetime(2019, 1, 2, 12)


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Run]:
    text = f'[mixed]\ntarget = "{TARGET}"\noverlays = ["{OVERLAY}"]\n'
    (tmp_path / "universes.toml").write_text(text)

    def make(warehouse: Any = None, **changes: Any) -> Run:
        config = Config(home=tmp_path, universe_name="mixed", **changes)
        return Run(SESSION, find_signal(config), config, Ports(config, warehouse))

    return make


def test_what_was_waited_for_suffices_for_the_pull(
    make_run: Callable[..., Run], warehouse: PostgresWarehouse
) -> None:
    run = make_run(warehouse)
    assert wait_for_bars(run, {}) == {}
    pull_ids = pull_bars(run, {})["pull_ids"]
    pulls = [warehouse.pulls.load_pull(pull_id) for pull_id in pull_ids]
    assert {pull.symbol: pull.bars["session"].max().date() for pull in pulls} == {
        TARGET: SESSION,
        OVERLAY: READ,
    }
    following = Run(date(2019, 1, 4), find_signal(run.config), run.config, run.ports)
    for step in (wait_for_bars, pull_bars):
        with pytest.raises(EmptyResponse, match="2019-01-03"):
            step(following, {})


def test_an_earlier_hour_of_new_york_asks_for_no_other_session(
    make_run: Callable[..., Run],
) -> None:
    early, late = (
        make_run(published_at={"XNYS": "16:01"}),
        make_run(published_at={"XNYS": "15:30+1"}),
    )
    for run in (early, late):
        assert waiting._expected_session(run, OVERLAY) == READ


@pytest.fixture
def evening(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "utc_now", lambda: EVENING)


def make_evening(make_run: Callable[..., Run], hour: str, warehouse: Any = None) -> Run:
    """A source of files is waited for; its bars are the sample's, as that evening has them."""
    run = make_run(warehouse, source="files", files=Path(), published_at={"XNYS": hour})
    sample = run.config.with_changes(source="sample")
    run.ports.source = build_source(sample, now=lambda: EVENING)
    return run


@pytest.mark.usefixtures("evening")
def test_an_hour_of_new_york_that_is_still_to_come_is_reported(
    make_run: Callable[..., Run], warehouse: PostgresWarehouse
) -> None:
    with pytest.raises(EmptyResponse) as caught:
        wait_for_bars(make_evening(make_run, "09:30+2", warehouse), {})
    assert f"has no bar of {OVERLAY} ({READ}) for {SESSION}" in caught.value.message
    asked = f"is asked for {OVERLAY} from 2019-01-02 22:30 Asia/Shanghai on"
    assert asked in caught.value.message


@pytest.mark.usefixtures("evening")
def test_an_hour_of_new_york_after_patience_is_refused(make_run: Callable[..., Run]) -> None:
    with pytest.raises(ConfigurationError, match="final at 2019-01-03 22:30 Asia/Shanghai") as said:
        wait_for_bars(make_evening(make_run, "09:30+3"), {})
    assert "patience ends at 2019-01-03 08:30 Asia/Shanghai" in said.value.message
    assert "FACTORPRISM_PUBLISHED_AT_XNYS" in said.value.remedy
