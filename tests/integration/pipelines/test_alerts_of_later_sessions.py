"""What an earlier session or an older range brings closes no alert of a later session."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import pytest

from factorprism.core.alerts import Alert
from factorprism.core.config import Config
from factorprism.core.publication import local_words
from factorprism.core.signals import find_signal
from factorprism.pipelines import Ports, Run, open_ports, raise_deadline_alert, waiting
from factorprism.pipelines.bars import pull_bars
from factorprism.warehouse import PostgresWarehouse

SESSION = date(2025, 12, 31)
RANGE = {"first": "2024-01-02", "last": "2024-06-28"}
KEYS = {"source hs300", "quota hs300", "data hs300"}


@pytest.fixture
def ports(migrated_url: str, warehouse: PostgresWarehouse, tmp_path: Path) -> Iterator[Ports]:
    for key in KEYS:
        warehouse.alerts.raise_alert(Alert(key, "critical", "it refuses", session=SESSION))
    with open_ports(Config(home=tmp_path, warehouse_url=migrated_url)) as ports:
        yield ports


def pull(ports: Ports, tmp_path: Path, session: date, context: dict[str, str]) -> set[str]:
    """Pull as a run of `session`, and return the keys of the alerts that are open then."""
    pull_bars(
        Run(session, find_signal(Config(home=tmp_path)), Config(home=tmp_path), ports), context
    )
    return {alert.key for alert in ports.warehouse.alerts.list_open_alerts()}


def test_a_backfill_of_an_older_range_closes_nothing(ports: Ports, tmp_path: Path) -> None:
    # A backfill has the last published session for its own.
    assert pull(ports, tmp_path, SESSION, RANGE) == KEYS


def test_a_run_for_an_earlier_session_closes_nothing(ports: Ports, tmp_path: Path) -> None:
    assert pull(ports, tmp_path, date(2025, 12, 30), {}) == KEYS


def test_a_backfill_to_the_session_proves_that_the_source_answers_and_no_more(
    ports: Ports, tmp_path: Path
) -> None:
    context = {"first": "2025-06-30", "last": SESSION.isoformat()}
    assert pull(ports, tmp_path, SESSION, context) == {"data hs300"}


def test_the_run_of_the_session_itself_closes_all(ports: Ports, tmp_path: Path) -> None:
    assert pull(ports, tmp_path, SESSION, {}) == set()


def test_a_run_that_waits_past_its_deadline_says_for_what_and_until_when(
    migrated_url: str, warehouse: PostgresWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, message = date(2026, 1, 5), "no forecast two hours after the run began"
    environ = {
        "FACTORPRISM_HOME": str(tmp_path),
        "FACTORPRISM_WAREHOUSE_URL": migrated_url,
        "FACTORPRISM_SOURCE": "files",
        "FACTORPRISM_FILES": str(tmp_path / "files"),
        "FACTORPRISM_UNIVERSE": "hs300",
    }
    (tmp_path / "files").mkdir()
    (tmp_path / "files/000300.SH.csv").write_text(
        "trade_date,open,high,low,close,volume,amount\n"
        "2025-12-31,4700,4710,4690,4700,1000000,2000000\n"
    )
    monkeypatch.setattr(waiting, "utc_now", lambda: datetime(2026, 1, 5, 13, 20))
    raise_deadline_alert(environ, "daily", "publish", session, message)
    (alert,) = warehouse.alerts.list_open_alerts()
    ends = local_words(datetime(2026, 1, 6, 0, 30), "XSHG")
    assert (alert.key, alert.severity) == ("deadline hs300-direction-14", "warning")
    assert alert.sentence == (
        "the forecast of 2026-01-05 is late: stale data: the source files has no bar of 000300.SH "
        f"for 2026-01-05; it is waited for until {ends}"
    )
    warehouse.alerts.resolve_alert(alert.key)
    monkeypatch.setattr(waiting, "utc_now", lambda: datetime(2026, 1, 6, 0, 40))
    raise_deadline_alert(environ, "daily", "publish", session, message)
    (alert,) = warehouse.alerts.list_open_alerts()
    assert (alert.sentence, alert.severity) == (f"daily, step publish: {message}", "critical")
