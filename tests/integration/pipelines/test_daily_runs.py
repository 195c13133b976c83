"""The evening's run on a real warehouse: once or twice, side by side, killed, late, or refused."""

from __future__ import annotations

import json
import random
import signal
import time
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

import console
from bar_files import write_bars
from factorprism.core.errors import EmptyResponse, QualityError
from factorprism.core.ledger import ForecastState
from factorprism.core.publication import Punctuality, punctuality_of
from factorprism.core.signals import find_signal
from factorprism.pipelines import Run, open_ports, run_pipeline
from factorprism.warehouse import PostgresWarehouse
from worlds import TRAINED, Place, Recipe, World, copy_world, read_fingerprints

SESSION = date(2024, 7, 1)


def run_daily(place: Any, session: date = SESSION, **changes: Any) -> dict[str, Any]:
    config = place.config.with_changes(**changes)
    with open_ports(config) as ports:
        return run_pipeline("daily", Run(session, find_signal(config), config, ports))


def fingerprints(place: Any) -> dict[str, str]:
    return read_fingerprints(place.config.warehouse_url)


def ledger(place: Any) -> list[Any]:
    warehouse = PostgresWarehouse(place.config.warehouse_url)
    try:
        return warehouse.forecasts.load_forecasts()
    finally:
        warehouse.close()


@pytest.fixture(scope="module")
def evening(
    postgres: Any, open_world: Callable[[Recipe], World], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """A copy of the trained world after the evening of `SESSION`, to be read or copied."""
    home = tmp_path_factory.mktemp("evening") / "home"
    copied = copy_world(postgres, open_world(TRAINED), home)
    run_daily(copied)
    yield copied
    postgres.drop_database(copied.owner_url)


@pytest.fixture
def after_evening(postgres: Any, evening: Place, tmp_path: Path) -> Iterator[Place]:
    """A copy of `evening` that the test may change."""
    world = World(evening.home, evening.owner_url.rsplit("/", 1)[1])
    copied = copy_world(postgres, world, tmp_path / "home")
    yield copied
    postgres.drop_database(copied.owner_url)


def test_a_run_leaves_one_issued_row_with_all_hashes_and_draws_nothing(evening: Place) -> None:
    (row,) = ledger(evening)
    assert (row.symbol, row.session, row.horizon) == ("000300.SH", SESSION, 14)
    assert row.state is ForecastState.ISSUED
    assert row.horizon_end == date(2024, 7, 19)
    assert row.due_at == datetime(2024, 7, 1, 11, 30)  # 19:15 in Shanghai, and what a run takes
    assert punctuality_of(row.late_by) is Punctuality.AFTERWARDS
    assert 0.0 < row.value("p_up") < 1.0
    assert all(len(value) == 64 for value in (row.data_hash, row.factor_hash, row.image_hash))
    assert [*evening.home.rglob("*.png"), *evening.home.rglob("*.md")] == []
    assert (evening.home / "data-docs" / "index.html").is_file()


def test_a_second_run_changes_no_row(evening: Place, after_evening: Place) -> None:
    run_daily(after_evening)
    assert fingerprints(after_evening) == fingerprints(evening)


def test_two_runs_side_by_side_leave_one_row_and_no_error(place: Any) -> None:
    processes = [
        console.start(place.environ, "daily", "--session", SESSION.isoformat()) for _ in range(2)
    ]
    for process in processes:
        output = process.communicate(timeout=180)
        assert process.returncode == 0, output
    assert len(ledger(place)) == 1


def test_a_run_killed_at_any_moment_and_repeated_leaves_the_same_rows(
    place: Place, evening: Place
) -> None:
    moments = random.Random(14)
    killed = 0
    for _ in range(3):
        process = console.start(place.environ, "daily", "--session", SESSION.isoformat())
        time.sleep(moments.uniform(1.0, 9.0))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.communicate()
    run_daily(place)
    assert killed
    assert fingerprints(place) == fingerprints(evening)


def test_a_session_before_the_first_champion_is_withheld_with_that_reason(place: Any) -> None:
    with pytest.raises(QualityError, match="no champion in force at 2024-06-27"):
        run_daily(place, date(2024, 6, 27))
    (row,) = ledger(place)
    assert row.state is ForecastState.WITHHELD
    assert "no champion in force" in row.reason
    assert row.values == {}


def test_a_session_that_the_source_does_not_have_is_withheld_as_stale(place: Any) -> None:
    with pytest.raises(EmptyResponse, match="stale data"):
        run_daily(place, date(2026, 1, 5))
    (row,) = ledger(place)
    assert row.reason == "stale data: the source sample has no bar of 000300.SH for 2026-01-05"
    assert row.due_at == datetime(2026, 1, 5, 11, 30)


def test_forecasts_are_settled_once_their_horizon_has_passed(after_evening: Place) -> None:
    run_daily(after_evening, date(2024, 7, 18))
    warehouse = PostgresWarehouse(after_evening.config.warehouse_url)
    assert warehouse.forecasts.load_outcomes("hs300-direction-14", "direction").empty
    run_daily(after_evening, date(2024, 7, 19))
    outcomes = warehouse.forecasts.load_outcomes("hs300-direction-14", "direction")
    bars = warehouse.bars.load_bars(["000300.SH"], SESSION, date(2024, 7, 19))
    warehouse.close()
    closes = bars["close"].to_numpy()
    assert outcomes["forward_return"].iloc[0] == pytest.approx(closes[-1] / closes[0] - 1.0)
    assert len(outcomes) == 1


def test_a_failed_gate_quarantines_withholds_alerts_and_recovers(
    place: Any, tmp_path: Path
) -> None:
    with open_ports(place.config) as ports:
        (pull,) = ports.source.fetch_bars(["000300.SH"], date(2016, 1, 4), SESSION)
    broken = pull.bars.copy()
    broken.loc[broken.index[-1], ["high", "low"]] = [1.0, 9999.0]
    folder = tmp_path / "files"
    write_bars(folder, broken)
    files = {"source": "files", "files": folder}
    warehouse = PostgresWarehouse(place.config.warehouse_url)
    held = warehouse.fingerprints()["bars"]

    with pytest.raises(QualityError) as caught:
        run_daily(place, **files)
    assert caught.value.failures
    assert warehouse.fingerprints()["bars"] == held
    assert [row.state for row in ledger(place)] == [ForecastState.WITHHELD]
    assert [alert.key for alert in warehouse.alerts.list_open_alerts()] == [
        "daily hs300-direction-14"
    ]

    write_bars(folder, pull.bars)
    run_daily(place, **files)
    assert [row.state for row in ledger(place)] == [ForecastState.WITHHELD, ForecastState.ISSUED]
    assert warehouse.alerts.list_open_alerts() == []
    warehouse.close()


def test_an_altered_model_is_refused_and_the_forecast_withheld(place: Any) -> None:
    with open_ports(place.config) as ports:
        (record,) = ports.warehouse.models.list_models("hs300-direction-14")
        bundle = ports.registry.fetch_bundle(record.model_id)
    weights = bundle / "model.keras"
    content = weights.read_bytes()
    try:
        weights.write_bytes(content[:-1] + b"x")
        done = console.call(place.environ, "daily", "--session", SESSION.isoformat())
    finally:
        weights.write_bytes(content)
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    (row,) = ledger(place)
    assert row.state is ForecastState.WITHHELD


def test_the_ledger_prints_clean_json(evening: Place) -> None:
    done = console.call(evening.environ, "forecasts", "--format", "json")
    (row,) = json.loads(done.stdout)
    assert row["session"] == "2024-07-01"
    assert row["state"] == "issued"
    assert {"data_hash", "factor_hash", "image_hash", "created_at", "p_up_raw"} <= set(row)
    assert "Traceback" not in done.stderr
