"""What was raised of sessions after the end of a replay is closed: no run of theirs will come."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from factorprism.core.alerts import Alert
from factorprism.core.config import Config
from factorprism.core.signals import find_signal
from factorprism.pipelines import Ports, Run, close_after_end, housekeeping, open_ports
from factorprism.warehouse import PostgresWarehouse

FINAL, AFTER = date(2025, 12, 31), date(2026, 1, 5)
CLOSED = {
    "daily hs300-direction-14",
    "deadline hs300-direction-14",
    "task weekly hs300-direction-14",
    "horizon XSHG",
}
ELSEWHERE = {"data image4", "horizon XNYS", "disk a-host home"}
STAYS = ELSEWHERE | {"source hs300", "services a-host"}


@pytest.fixture
def ports(migrated_url: str, warehouse: PostgresWarehouse, tmp_path: Path) -> Iterator[Ports]:
    """A house in which an earlier version has run evenings that have no data."""
    for key in CLOSED | ELSEWHERE:
        warehouse.alerts.raise_alert(Alert(key, "critical", "no bar", session=AFTER))
    warehouse.alerts.raise_alert(Alert("source hs300", "critical", "it refuses", session=FINAL))
    warehouse.alerts.raise_alert(Alert("services a-host", "critical", "one has ended"))
    with open_ports(Config(home=tmp_path, warehouse_url=migrated_url)) as ports:
        yield ports


def close(config: Config, ports: Ports) -> list[str]:
    return close_after_end(config, find_signal(config), ports)


def open_keys(ports: Ports) -> set[str]:
    return {alert.key for alert in ports.warehouse.alerts.list_open_alerts()}


def test_alerts_of_sessions_after_the_end_are_closed_with_a_word_and_no_other(
    ports: Ports, tmp_path: Path
) -> None:
    assert set(close(Config(home=tmp_path), ports)) == CLOSED
    assert open_keys(ports) == STAYS
    closed = ports.warehouse.alerts.find_alert("daily hs300-direction-14")
    assert closed is not None
    assert closed.recovery == "the sample data end at 2025-12-31: no run of a later session is due"
    assert close(Config(home=tmp_path), ports) == []


def test_where_more_data_are_to_come_everything_stays(ports: Ports, tmp_path: Path) -> None:
    files = Config(home=tmp_path, source="files", files=tmp_path, universe_name="hs300")
    assert close(files, ports) == []
    assert open_keys(ports) == CLOSED | STAYS


def test_a_target_that_the_sample_lacks_closes_nothing(ports: Ports, tmp_path: Path) -> None:
    (tmp_path / "universes.toml").write_text('[hs300]\ntarget = "399006.SZ"\n')
    assert close(Config(home=tmp_path), ports) == []
    assert open_keys(ports) == CLOSED | STAYS


def test_the_weeks_housekeeping_closes_them(ports: Ports, tmp_path: Path) -> None:
    reported: list[str] = []
    housekeeping.report(
        Run(
            FINAL, find_signal(Config(home=tmp_path)), Config(home=tmp_path), ports, reported.append
        ),
        {},
    )
    assert open_keys(ports) == STAYS
    assert sum("of a session after the end of the data" in line for line in reported) == len(CLOSED)
