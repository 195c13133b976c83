"""The step that asks the vendor for the exchange's days, against the vendor's protocol."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest

from factorprism.core.calendar import calendar_for, forget_extensions
from factorprism.core.config import Config
from factorprism.core.signals import find_signal
from factorprism.pipelines import Run, open_ports
from factorprism.pipelines.calendar import refresh_calendar, refresh_exchange
from factorprism.sources import TushareSource
from factorprism.sources._pace import Clock
from factorprism.warehouse import PostgresWarehouse
from protocol.vendor import serve

TOKEN = "tok-5e0c-never-to-be-seen"
# Its horizon of 14 sessions ends in the year that the pinned library does not know.
EVENING = date(2026, 12, 21)
SUFFICES = date(2026, 12, 1)  # its horizon ends within the library's calendar
CLOSED = [date(2027, 1, 1), *(date(2027, 2, day) for day in (5, 8, 9, 10, 11, 12))]
LIBRARY, YEAR_AHEAD = date(2026, 12, 31), date(2027, 12, 31)
KEY = "calendar XSHG"


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    forget_extensions()
    yield
    forget_extensions()


@pytest.fixture
def server() -> Iterator[Any]:
    with serve({}, TOKEN) as server:
        server.publish_days(date(2026, 10, 12), date(2027, 12, 31), closed=CLOSED)
        yield server


@dataclass
class Evenings:
    """Runs the step for one session after another, and keeps what it reported."""

    config: Config
    stack: ExitStack
    reported: list[str] = field(default_factory=list)

    def refresh(self, session: date, url: str = "") -> date:
        """Return the last day that is known after the evening of `session`."""
        ports = self.stack.enter_context(open_ports(self.config))
        if self.config.source == "tushare":
            # The vendor's client as configured, but without waiting between its attempts.
            ports.source = TushareSource(
                TOKEN,
                url=url or self.config.tushare_url,
                calls_per_minute=500,
                history_start=date(2005, 1, 4),
                clock=Clock(sleep=lambda seconds: None),
            )
        run = Run(session, find_signal(self.config), self.config, ports, self.reported.append)
        return refresh_exchange(run, "XSHG", datetime.combine(session, time(12)))


@pytest.fixture
def evenings(server: Any, migrated_url: str, tmp_path: Path) -> Iterator[Evenings]:
    config = Config(
        home=tmp_path / "home",
        warehouse_url=migrated_url,
        **server.settings,
    )
    with ExitStack() as stack:
        yield Evenings(config, stack)


def test_a_horizon_ends_in_the_year_that_only_the_vendor_knows(
    evenings: Evenings, warehouse: PostgresWarehouse
) -> None:
    assert calendar_for("XSHG").is_expected(calendar_for("XSHG").offset(EVENING, 14))
    assert evenings.refresh(EVENING) == YEAR_AHEAD
    # 22 to 31 December are 8 sessions, 4 to 11 January the other 6.
    assert calendar_for("XSHG").offset(EVENING, 14) == date(2027, 1, 11)
    assert calendar_for("XSHG").offset(date(2027, 1, 29), 14) == date(2027, 2, 26)
    assert "XSHG is known to 2027-12-31" in evenings.reported[-1]
    assert warehouse.alerts.list_open_alerts() == []


def test_another_process_learns_the_days_when_it_opens_the_ports(evenings: Evenings) -> None:
    evenings.refresh(EVENING)
    forget_extensions()
    with open_ports(evenings.config) as ports:
        run = Run(EVENING, find_signal(evenings.config), evenings.config, ports)
        assert run.calendar.offset(EVENING, 14) == date(2027, 1, 11)


def test_a_session_asks_once_and_the_next_one_again(evenings: Evenings, server: Any) -> None:
    evenings.refresh(EVENING)
    assert len(server.requests) == 1
    evenings.refresh(EVENING)
    assert len(server.requests) == 1
    evenings.refresh(date(2026, 12, 22))
    assert len(server.requests) == 2


def test_a_disagreement_is_reported_once_and_its_end_too(
    evenings: Evenings, server: Any, warehouse: PostgresWarehouse
) -> None:
    odd = date(2026, 11, 18)
    server.publish_days(odd, odd, closed=[odd])
    for _ in range(2):
        evenings.refresh(EVENING)
    (alert,) = warehouse.alerts.list_open_alerts()
    assert (alert.key, alert.severity) == (KEY, "warning")
    assert "2026-11-18 (closed)" in alert.sentence
    assert not calendar_for("XSHG").is_session(odd), "the vendor's days are in force"

    # Much later the day is asked for still, so that the end of it is seen.
    evenings.refresh(date(2027, 6, 30))
    assert [alert.key for alert in warehouse.alerts.list_open_alerts()] == [KEY]
    server.publish_days(odd, odd)
    evenings.refresh(date(2027, 7, 1))
    assert warehouse.alerts.list_open_alerts() == []


def test_an_account_without_permission_does_not_stop_the_evening(
    evenings: Evenings, server: Any, warehouse: PostgresWarehouse
) -> None:
    server.script("no-permission")
    assert evenings.refresh(SUFFICES) == LIBRARY
    assert "gave no days of XSHG" in evenings.reported[0]
    assert warehouse.calendar.load_days("XSHG") == {}
    assert warehouse.alerts.list_open_alerts() == []


def test_a_vendor_that_is_down_does_not_stop_the_evening(evenings: Evenings) -> None:
    evenings.refresh(EVENING)
    nobody = "http://127.0.0.1:9/dataapi"
    assert evenings.refresh(date(2026, 12, 22), nobody) == YEAR_AHEAD


@pytest.mark.parametrize("fault", ["no-permission", "http:502"])
def test_a_horizon_beyond_all_calendars_is_expected_although_the_vendor_refuses(
    evenings: Evenings, server: Any, fault: str
) -> None:
    server.script(*[fault] * 6)
    assert evenings.refresh(EVENING) == LIBRARY
    assert "gave no days of XSHG" in evenings.reported[0]
    end = calendar_for("XSHG").offset(EVENING, 14)
    assert (end, calendar_for("XSHG").is_expected(end)) == (date(2027, 1, 11), True)


def test_a_source_without_a_calendar_says_so_and_goes_on(
    evenings: Evenings, migrated_url: str
) -> None:
    evenings.config = Config(home=evenings.config.home, warehouse_url=migrated_url)
    assert evenings.refresh(date(2025, 12, 31)) == LIBRARY
    assert evenings.reported[0] == "calendar: the source sample publishes no days of XSHG"
    assert evenings.refresh(EVENING) == LIBRARY


def test_the_step_checks_the_exchanges_of_the_universe(
    evenings: Evenings, migrated_url: str
) -> None:
    config = Config(home=evenings.config.home, warehouse_url=migrated_url, universe_name="us")
    with open_ports(config) as ports:
        context = refresh_calendar(Run(date(2018, 6, 1), find_signal(config), config, ports), {})
    assert list(context["calendar_through"]) == ["XNYS"]
