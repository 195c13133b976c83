"""The dead man's switch: well, ill for each reason, silent hosts, and nothing is started."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from console import spawn
from default_signal import SIGNAL
from factorprism.cli.health import check_health
from factorprism.core.alerts import Alert
from factorprism.core.config import Config
from factorprism.core.roles import READER
from factorprism.health import PATIENCE_SECONDS, CheckResult, Level
from factorprism.health.patience import wait_key
from factorprism.market.findings import QualityResult
from ledger_rows import MODEL, make_issued, make_promotion, make_withheld
from sql import execute

# The bars of 2024-07-01 are final at 11:15 UTC; three hours later there must be a row.
EVENING = datetime(2024, 7, 1, 14, 30)
SESSION = date(2024, 7, 1)
FORECAST, CHAMPION = f"forecast {SIGNAL}", f"champion {SIGNAL}"
WELL = {"metadatabase": "healthy", "scheduler": "healthy", "triggerer": None}


class Airflow(ThreadingHTTPServer):
    """Answers the health page with status 200, whatever it says."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.states: dict[str, str | None] = dict(WELL)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    server: Airflow

    def do_GET(self) -> None:
        known = self.path == "/api/v2/monitor/health"
        self.send_response(200 if known else 404)
        self.end_headers()
        parts = {name: {"status": state} for name, state in self.server.states.items()}
        self.wfile.write(json.dumps(parts).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def airflow() -> Iterator[Airflow]:
    with Airflow() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a host that takes a connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def config(migrated_url: str, tmp_path: Path) -> Config:
    files = tmp_path / "files"
    return Config(home=tmp_path, warehouse_url=migrated_url, source="files", files=files)


def fill(warehouse: Any, session: date = SESSION) -> None:
    warehouse.forecasts.append(make_issued(session))
    warehouse.models.append_promotion(make_promotion(as_of=date(2024, 6, 28)))


def ask(config: Config, now: datetime = EVENING, patience: float = 30.0) -> dict[str, CheckResult]:
    return {check.name: check for check in check_health(config, now, patience)}


def ills(checks: dict[str, CheckResult]) -> list[str]:
    assert all(check.remedy for check in checks.values() if not check.well)
    return sorted(name for name, check in checks.items() if not check.well)


def test_a_house_with_last_evenings_row_is_well(warehouse: Any, config: Config, airflow) -> None:
    fill(warehouse)
    checks = ask(config.with_changes(ui_url=airflow.url))
    assert ills(checks) == []
    assert checks[FORECAST].sentence == "the last issued is of 2024-07-01"
    asked = {"warehouse", FORECAST, CHAMPION, "alerts", "messages", "airflow", "disk home"}
    assert set(checks) >= asked


def test_the_warehouse_is_asked_as_its_reader_who_may_ask_everything(
    warehouse: Any, config: Config, postgres: Any
) -> None:
    fill(warehouse)
    reader_url = postgres.as_role(config.warehouse_url, READER)
    nowhere = "postgresql://nobody@127.0.0.1:9/prism"
    as_reader = config.with_changes(warehouse_url=nowhere, warehouse_reader_url=reader_url)
    assert ask(as_reader) == ask(config)
    assert ills(ask(as_reader)) == []


def test_the_champion_is_the_one_since_the_decision_that_made_it(
    warehouse: Any, config: Config
) -> None:
    fill(warehouse)
    stays = make_promotion("another", as_of=SESSION, champion_id=MODEL, promoted=False)
    warehouse.models.append_promotion(stays)
    assert ask(config)[CHAMPION].sentence == f"{MODEL} since 2024-06-28"


def test_a_ledger_that_was_tampered_with_is_ill(warehouse: Any, config: Config, run_sql) -> None:
    fill(warehouse)
    assert ask(config)["ledger"].sentence == "the last 1 row of 1 signal fit"
    run_sql("ALTER TABLE prism.direction_forecasts DISABLE TRIGGER USER")
    run_sql("UPDATE prism.direction_forecasts SET p_up = 0.9")
    checks = ask(config)
    assert ills(checks) == ["ledger"]
    assert (
        "hs300-direction-14: the values of row 1 (session 2024-07-01" in checks["ledger"].sentence
    )
    assert "factorprism ledger verify" in checks["ledger"].remedy


def test_a_row_is_missed_three_hours_after_its_bars_are_final(
    warehouse: Any, config: Config
) -> None:
    fill(warehouse)
    assert ills(ask(config, datetime(2024, 7, 2, 14, 0))) == []
    checks = ask(config, datetime(2024, 7, 2, 14, 30))
    assert ills(checks) == [FORECAST]
    assert "of 2024-07-01, 1 session before 2024-07-02" in checks[FORECAST].sentence


def note_check(
    warehouse: Any, config: Config, at: datetime, session: date, *, missing: str = "stale data"
) -> None:
    """Leave the note of a check for the bars of `session`, as the step `wait_for_bars` does."""
    result = QualityResult(
        suite="publication",
        expectation="bars_are_published",
        symbol="000300.SH",
        column="",
        severity="warning",
        success=not missing,
        first=session,
        last=session,
        sentence=missing or "the source has the bars of all channels",
    )
    key = wait_key(config, config.universe, session)
    warehouse.quality.save_results([result], key)
    statement = "UPDATE prism.quality_results SET recorded_at = %s WHERE run_key = %s"
    execute(config.warehouse_url, statement, at.replace(tzinfo=UTC), key)


# Of 2024-07-02: published at 11:15 UTC, due to have a forecast from 14:15 on, waited for until
# 00:30.
WAITED_FOR, LATE_EVENING = date(2024, 7, 2), datetime(2024, 7, 2, 15, 0)


def test_a_run_that_waits_within_its_patience_is_well_and_says_until_when(
    warehouse: Any, config: Config
) -> None:
    fill(warehouse)
    assert ills(ask(config, LATE_EVENING)) == [FORECAST]  # there is no run
    note_check(warehouse, config, LATE_EVENING - timedelta(minutes=4), WAITED_FOR)
    checks = ask(config, LATE_EVENING)
    assert ills(checks) == []
    assert checks[FORECAST].sentence == (
        "waiting for the bars of 2024-07-02 until 2024-07-03 08:30 Asia/Shanghai; "
        "the last issued is of 2024-07-01"
    )


def test_a_run_that_checks_no_more_does_not_wait(warehouse: Any, config: Config) -> None:
    fill(warehouse)
    note_check(warehouse, config, LATE_EVENING - timedelta(minutes=16), WAITED_FOR)
    assert ills(ask(config, LATE_EVENING)) == [FORECAST]


def test_after_patience_a_missing_forecast_is_ill(warehouse: Any, config: Config) -> None:
    fill(warehouse)
    ends = datetime(2024, 7, 3, 0, 30)
    note_check(warehouse, config, ends - timedelta(minutes=2), WAITED_FOR)
    assert ills(ask(config, ends - timedelta(minutes=1))) == []
    assert ills(ask(config, ends)) == [FORECAST]


def test_a_run_that_waited_and_has_failed_is_ill(warehouse: Any, config: Config) -> None:
    fill(warehouse)
    note_check(warehouse, config, LATE_EVENING, WAITED_FOR)
    warehouse.forecasts.append(make_withheld(WAITED_FOR))
    checks = ask(config, LATE_EVENING + timedelta(minutes=1))
    assert ills(checks) == [FORECAST]
    assert checks[FORECAST].sentence.endswith("which was withheld: stale data")


def test_what_fails_again_for_the_same_reason_does_not_wait(warehouse: Any, config: Config) -> None:
    fill(warehouse)
    warehouse.forecasts.append(make_withheld(WAITED_FOR))
    later = datetime.now(UTC).replace(tzinfo=None) + timedelta(minutes=1)  # than the row
    note_check(warehouse, config, later, WAITED_FOR)
    assert ills(ask(config, LATE_EVENING)) == [FORECAST]


def test_a_run_whose_bars_have_come_has_its_quarter_of_an_hour(
    warehouse: Any, config: Config
) -> None:
    fill(warehouse)
    note_check(warehouse, config, LATE_EVENING, WAITED_FOR, missing="")
    checks = ask(config, LATE_EVENING + timedelta(minutes=14))
    assert ills(checks) == []
    assert "the bars of 2024-07-02 have come, its run goes on" in checks[FORECAST].sentence
    assert ills(ask(config, LATE_EVENING + timedelta(minutes=15))) == [FORECAST]


def test_a_wait_excuses_no_session_before_it(warehouse: Any, config: Config) -> None:
    fill(warehouse, date(2024, 6, 28))
    note_check(warehouse, config, LATE_EVENING, WAITED_FOR)
    assert ills(ask(config, LATE_EVENING)) == [FORECAST]


def test_a_withheld_row_is_no_forecast_and_its_reason_is_said(
    warehouse: Any, config: Config
) -> None:
    warehouse.forecasts.append(make_withheld(SESSION))
    checks = ask(config)
    assert ills(checks) == [CHAMPION, FORECAST]
    assert checks[FORECAST].sentence == f"none of {SIGNAL} was ever issued"
    fill(warehouse, date(2024, 6, 28))
    checks = ask(config)
    assert ills(checks) == [FORECAST]
    assert checks[FORECAST].sentence.endswith("which was withheld: stale data")


def test_a_replay_is_well_with_the_forecast_of_its_last_session(
    warehouse: Any, config: Config
) -> None:
    now, sample = datetime(2026, 3, 2, 14, 30), config.with_changes(source="sample", files=None)
    fill(warehouse, date(2025, 12, 30))
    checks = ask(sample, now)
    assert ills(checks) == [FORECAST]
    assert "1 session before 2025-12-31" in checks[FORECAST].sentence
    warehouse.forecasts.append(make_issued(date(2025, 12, 31)))
    checks = ask(sample, now)
    assert ills(checks) == []
    assert "the end of the replay, 35 sessions ago" in checks[FORECAST].sentence


def test_an_empty_warehouse_lacks_forecast_and_champion(warehouse: Any, config: Config) -> None:
    assert ills(ask(config)) == [CHAMPION, FORECAST]


def test_a_schema_of_another_version_is_ill_and_stays_as_it_is(
    warehouse_url: str, config: Config
) -> None:
    for _ in range(2):
        checks = ask(config.with_changes(warehouse_url=warehouse_url))
        assert ills(checks) == ["warehouse"]
        assert "another version" in checks["warehouse"].sentence


def test_airflow_is_ill_though_it_answers_200(warehouse: Any, config: Config, airflow) -> None:
    fill(warehouse)
    airflow.states["scheduler"] = "unhealthy"
    checks = ask(config.with_changes(ui_url=airflow.url))
    assert ills(checks) == ["airflow"]
    assert "scheduler is not healthy" in checks["airflow"].sentence


def test_a_message_that_could_not_be_delivered_is_ill(warehouse: Any, config: Config) -> None:
    fill(warehouse)
    warehouse.alerts.raise_alert(Alert("disk here", "warning", "little is free", SESSION))
    assert ills(ask(config)) == []
    warehouse.alerts.mark_failed(warehouse.alerts.list_pending()[0], [])
    checks = ask(config)
    assert ills(checks) == ["messages"]
    assert "1 message could not be delivered" in checks["messages"].sentence


def test_a_critical_alert_is_ill_and_a_warning_is_counted(warehouse: Any, config: Config) -> None:
    fill(warehouse)
    warehouse.alerts.raise_alert(Alert("disk here", "warning", "little is free", SESSION))
    assert ask(config)["alerts"].sentence == "none is critical, 1 open"
    message = "weekly has failed.\nLook at its log."
    warehouse.alerts.raise_alert(Alert("weekly hs300", "critical", message, SESSION))
    checks = ask(config)
    assert ills(checks) == ["alerts"]
    assert checks["alerts"].sentence == "1 critical of 2 open, the first: weekly has failed"


def test_no_address_for_alerts_is_noted_and_is_no_fault(warehouse: Any, config: Config) -> None:
    fill(warehouse)
    check = ask(config)["addresses"]
    assert check.level is Level.NOTE
    assert "FACTORPRISM_ALERTS_URL" in check.remedy
    assert (
        ask(config.with_changes(alerts_url="json://127.0.0.1:9"))["addresses"].level is Level.WELL
    )


def test_an_address_that_nobody_knows_is_ill_and_is_not_shown(
    warehouse: Any, config: Config
) -> None:
    fill(warehouse)
    checks = ask(config.with_changes(alerts_url="carrier-pigeon://secret"))
    assert ills(checks) == ["addresses"]
    assert "secret" not in repr(checks)


def test_silent_hosts_are_given_up_and_named(config: Config, silent: int) -> None:
    asked = config.with_changes(
        warehouse_url=f"postgresql://prism@127.0.0.1:{silent}/prism",
        ui_url=f"http://127.0.0.1:{silent}",
    )
    checks = ask(asked, patience=0.2)
    assert ills(checks) == ["airflow", "warehouse"]
    assert "did not answer within 0.2 seconds" in checks["airflow"].sentence
    assert checks["disk home"].well


def test_the_command_ends_in_time_though_its_hosts_never_answer(
    tmp_path: Path, silent: int
) -> None:
    settings = {
        "FACTORPRISM_HOME": str(tmp_path / "home"),
        "FACTORPRISM_WAREHOUSE_URL": f"postgresql://prism@127.0.0.1:{silent}/prism",
        "FACTORPRISM_UI_URL": f"http://127.0.0.1:{silent}",
    }
    # What Python and the imports take on this machine, now.
    begun = time.monotonic()
    subprocess.run([sys.executable, "-c", "import factorprism.cli.health"], check=True, timeout=120)
    imports = time.monotonic() - begun
    begun = time.monotonic()
    done = spawn(settings, "healthcheck", timeout=120)
    took = time.monotonic() - begun
    assert done.returncode == 1
    assert took < PATIENCE_SECONDS + 3 * imports + 2
    assert re.search(r"ILL  airflow +Airflow does not answer at", done.stdout)
    print(f"healthcheck with silent hosts: {took:.1f} s, {imports:.1f} s of them imports")


def test_the_command_ends_with_one_and_plain_json_and_starts_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = spawn({"FACTORPRISM_HOME": str(home)}, "healthcheck", "--format", "json")
    assert done.returncode == 1, done.stderr
    answer = json.loads(done.stdout)
    assert answer["well"] is False
    said = {check["name"]: check["sentence"] for check in answer["checks"]}
    assert said["warehouse"] == "the embedded PostgreSQL does not run"
    assert not home.exists()
