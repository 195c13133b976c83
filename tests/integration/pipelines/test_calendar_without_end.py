"""Evenings beyond what any calendar knows: forecast, holiday, outcome, examination."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from factorprism.cli.health import print_examination
from factorprism.core.config import Config
from factorprism.core.errors import ConfigurationError, EmptyResponse
from factorprism.core.ledger import ForecastState
from factorprism.core.signals import find_signal
from factorprism.pipelines import Run, open_ports, run_pipeline
from factorprism.views.lineage import read_lineage
from factorprism.warehouse import PostgresWarehouse

KNOWN_TO, SESSION = date(2024, 8, 30), date(2024, 9, 2)
HOLIDAY = date(2024, 9, 16)  # Mid-Autumn: Monday and Tuesday without trading
EXPECTED, CAME = date(2024, 9, 20), date(2024, 9, 24)


def run_daily(place: Any, session: date) -> None:
    with open_ports(place.config) as ports:
        run_pipeline("daily", Run(session, find_signal(place.config), place.config, ports))


def test_a_forecast_beyond_the_known_end_is_settled_on_the_session_that_comes(
    place: Any,
    end_library: Callable[[date], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    end_library(KNOWN_TO)
    run_daily(place, SESSION)
    with pytest.raises(EmptyResponse, match="for 2024-09-16; that day is an expected sess"):
        run_daily(place, HOLIDAY)
    run_daily(place, date(2024, 9, 23))
    with open_ports(place.config) as ports:
        ledger = ports.warehouse.forecasts
        row, withheld, _ = ledger.load_forecasts()
        assert (row.horizon_end, row.horizon_end_expected) == (EXPECTED, True)
        assert (withheld.session, withheld.state) == (HOLIDAY, ForecastState.WITHHELD)
        assert withheld.horizon_end_expected
        assert ledger.load_outcome(row) is None

    run_daily(place, CAME)
    with open_ports(place.config) as ports:
        warehouse = ports.warehouse
        outcome, _ = warehouse.forecasts.load_outcome(row)
        bars = warehouse.bars.load_bars([row.symbol], SESSION, CAME)
        assert len(bars) == row.horizon + 1
        first, *_, last = bars["close"]
        assert outcome.horizon_end == CAME
        assert outcome.forward_return == last / first - 1.0
        (line,) = warehouse.forecasts.list_lines()
        found = read_lineage(warehouse, place.config, line, SESSION)
        assert found.settled.return_now == outcome.forward_return
        # A champion of one epoch: its factors may well have drifted, which is not
        # the point here.
        warehouse.alerts.resolve_alert("drift hs300-direction-14", "not looked at", through=CAME)
        (alert,) = warehouse.alerts.list_open_alerts()
        assert (alert.key, alert.severity) == ("horizon XSHG", "info")

    assert not [record for record in caplog.records if record.levelname == "ERROR"]

    for name, value in place.environ.items():
        monkeypatch.setenv(name, value)
    assert print_examination() == 0, capsys.readouterr().out
    printed = capsys.readouterr().out
    assert re.search(
        "warn  calendar XSHG +the calendar is known to 2024-09-24, 0 sessions ahead", printed
    )
    assert "Update" not in printed


def test_a_backfill_does_not_reach_into_the_future(
    warehouse: PostgresWarehouse, migrated_url: str, tmp_path: Path
) -> None:
    config = Config(home=tmp_path, warehouse_url=migrated_url)
    coming = datetime.now(UTC).date() + timedelta(days=2)
    with open_ports(config) as ports:
        run = Run(date(2025, 12, 31), find_signal(config), config, ports)
        options = {"first": "2025-12-01", "last": coming.isoformat()}
        with pytest.raises(ConfigurationError, match=f"{coming} lies in the future"):
            run_pipeline("backfill", run, options)
    assert warehouse.pulls.list_pulls(config.universe.channels, 1) == []
