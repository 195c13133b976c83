"""Too little data says how much there is and how much is needed, and the evening gets its row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from factorprism.core.calendar import calendar_of
from factorprism.core.config import Config
from factorprism.core.errors import ConfigurationError, QualityError
from factorprism.core.ledger import ForecastState
from factorprism.core.signals import find_signal
from factorprism.pipelines import Run, open_ports, run_pipeline
from factorprism.sources import SampleSource

SYMBOL = "000300.SH"
SESSION = date(2024, 7, 1)
OpenRun = Callable[..., Run]


@pytest.fixture
def open_run(migrated_url: str, tracking_url: str, tmp_path: Path) -> Iterator[OpenRun]:
    """Opens a run on an empty warehouse; keywords are settings."""

    def open_one(session: date, **settings: Any) -> Run:
        config = Config(
            home=tmp_path / "home",
            warehouse_url=migrated_url,
            tracking_url=tracking_url,
            model="inception_tiny",
            **settings,
        )
        config.home.mkdir(exist_ok=True)
        ports = stack.enter_context(open_ports(config))
        return Run(session, find_signal(config), config, ports)

    with ExitStack() as stack:
        yield open_one


def write_short_file(folder: Path, n_sessions: int) -> None:
    folder.mkdir()
    (pull,) = SampleSource().fetch_bars([SYMBOL], date(2024, 1, 1), SESSION)
    bars = pull.bars[-n_sessions:].rename(columns={"session": "date", "volume_shares": "volume"})
    names = ["date", "open", "high", "low", "close", "volume"]
    bars[names].to_csv(folder / f"{SYMBOL}.csv", index=False)


def test_forty_sessions_give_a_withheld_row_that_says_what_a_forecast_needs(
    open_run: OpenRun, tmp_path: Path
) -> None:
    write_short_file(tmp_path / "files", 40)
    run = open_run(SESSION, source="files", files=tmp_path / "files", history_start="2024-01-01")
    said = r"40 sessions of 000300.SH are held through 2024-07-01, a forecast needs 99"
    with pytest.raises(QualityError, match=said):
        run_pipeline("daily", run)
    (row,) = run.ports.warehouse.forecasts.load_forecasts()
    assert (row.session, row.state) == (SESSION, ForecastState.WITHHELD)
    assert "a forecast needs 99" in row.reason


def test_too_few_sessions_for_a_training_are_reported_by_its_first_step(open_run: OpenRun) -> None:
    first = date(2016, 1, 4)
    last = calendar_of(SYMBOL).offset(first, 486)
    run = open_run(last, source="sample")
    run_pipeline("backfill", run, {"first": first.isoformat(), "last": last.isoformat()})
    with pytest.raises(ConfigurationError, match=r"487 sessions .* 640 are needed") as caught:
        run_pipeline("weekly", run, {"mode": "retrain"})
    assert "(528 that can be learned from, there are 375)" in caught.value.message
    assert "--signal hs300-direction-14" in caught.value.remedy  # else another universe is loaded
