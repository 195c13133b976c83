"""The timetable beyond the library's calendar: the days come from the warehouse, if it is there."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from airflow.timetables.base import TimeRestriction
from pendulum import instance

from factorprism.core.calendar import calendar_of, forget_extensions, library_calendar
from factorprism.core.roles import WRITER
from factorprism.market.bars import BAR_VALUES, Pull, make_bars
from factorprism.warehouse import PostgresWarehouse
from known_days import forget_days
from trading_sessions import TradingSessionTimetable

DAILY = TradingSessionTimetable("XSHG")
WEEKLY = TradingSessionTimetable("XSHG", cadence="week")
CLOSED = [date(2027, 1, 1), *(date(2027, 2, day) for day in (5, 8, 9, 10, 11, 12))]


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    forget_extensions()
    forget_days()
    assert library_calendar("XSHG").known_through == date(2026, 12, 31)
    yield
    forget_extensions()
    forget_days()


@pytest.fixture(scope="module")
def known_url(postgres: Any) -> Iterator[str]:
    """A warehouse that knows January to June 2027."""
    url = postgres.new_database()
    opened = PostgresWarehouse(url)
    opened.migrate()
    days = [date(2027, 1, 1) + timedelta(days=n) for n in range(181)]
    known = {day: day.weekday() < 5 and day not in CLOSED for day in days}
    opened.calendar.save_days("XSHG", "tushare", known, datetime(2026, 12, 20))
    opened.close()
    yield postgres.as_role(url, WRITER)
    postgres.drop_database(url)


@pytest.fixture
def warehouse(known_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same, named in the environment."""
    monkeypatch.setenv("FACTORPRISM_WAREHOUSE_URL", known_url)
    return known_url


def planned(timetable: TradingSessionTimetable, first: date, last: date) -> list[date]:
    start, end = (datetime(day.year, day.month, day.day, tzinfo=UTC) for day in (first, last))
    restriction = TimeRestriction(instance(start), instance(end), catchup=True)
    found: list[date] = []
    interval: Any = None
    while True:
        info = timetable.next_dagrun_info(
            last_automated_data_interval=interval, restriction=restriction
        )
        if info is None:
            return found
        interval = info.data_interval
        found.append(interval.start.date())


def test_runs_are_planned_over_new_year_and_spring_festival(warehouse: str) -> None:
    assert planned(DAILY, date(2026, 12, 30), date(2027, 1, 5)) == [
        date(2026, 12, 30),
        date(2026, 12, 31),
        date(2027, 1, 4),
        date(2027, 1, 5),
    ]
    assert planned(DAILY, date(2027, 2, 3), date(2027, 2, 16)) == [
        date(2027, 2, 3),
        date(2027, 2, 4),
        date(2027, 2, 15),
        date(2027, 2, 16),
    ]
    weeks = planned(WEEKLY, date(2027, 1, 25), date(2027, 2, 19))
    assert weeks == [date(2027, 1, 29), date(2027, 2, 4), date(2027, 2, 19)]


def test_an_added_session_is_due_when_its_bars_are_final(warehouse: str) -> None:
    by_hand = instance(datetime(2027, 2, 10, 9, tzinfo=UTC))  # in Spring Festival
    interval = DAILY.infer_manual_data_interval(run_after=by_hand)
    assert interval.start == instance(datetime(2027, 2, 4, tzinfo=UTC))
    assert interval.end == instance(datetime(2027, 2, 4, 11, 15, tzinfo=UTC))


def test_beyond_what_the_vendor_knows_the_expected_sessions_run(
    warehouse: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="trading_sessions"):
        planned(DAILY, date(2027, 6, 28), date(2027, 6, 30))
        assert not caplog.text
        assert planned(DAILY, date(2027, 7, 1), date(2027, 7, 3)) == [
            date(2027, 7, 1),
            date(2027, 7, 2),
        ]
    assert "known to 2027-06-30: the session of 2027-07-01 is expected" in caplog.text


def test_bars_that_have_arrived_tell_which_days_had_a_session(
    warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [date(2026, 12, 31), date(2027, 1, 4), date(2027, 1, 7)]
    opened = PostgresWarehouse(warehouse_url)
    opened.migrate()
    bars = make_bars(
        pd.DataFrame({"symbol": "000300.SH", "session": days, **dict.fromkeys(BAR_VALUES, 1.0)})
    )
    pull = Pull("sample", "000300.SH", days[0], days[-1], bars, datetime(2027, 1, 7, 12))
    opened.bars.merge_bars(bars, opened.pulls.save_pull(pull))
    opened.close()
    monkeypatch.setenv("FACTORPRISM_WAREHOUSE_URL", warehouse_url)
    assert planned(DAILY, date(2026, 12, 31), date(2027, 1, 8)) == [*days, date(2027, 1, 8)]


def test_a_warehouse_that_is_down_does_not_stop_the_planning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(
        "FACTORPRISM_WAREHOUSE_URL", "postgresql://someone:hidden-word@127.0.0.1:9/prism"
    )
    with caplog.at_level(logging.WARNING):
        assert planned(DAILY, date(2026, 12, 31), date(2027, 1, 4)) == [
            date(2026, 12, 31),
            date(2027, 1, 4),
        ]
    # Reported once, not at every check.
    assert caplog.text.count("trading days of XSHG cannot be read") == 1
    assert "hidden-word" not in caplog.text


def test_what_was_learned_outlives_the_warehouse(
    warehouse: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned(DAILY, date(2026, 12, 31), date(2026, 12, 31))
    monkeypatch.setenv("FACTORPRISM_WAREHOUSE_URL", "postgresql://127.0.0.1:9/prism")
    forget_days()
    assert planned(DAILY, date(2026, 12, 31), date(2027, 1, 4)) == [
        date(2026, 12, 31),
        date(2027, 1, 4),
    ]


def test_a_task_knows_the_days_before_it_asks_which_session_it_is_for(warehouse: str) -> None:
    from known_days import learn_days

    learn_days("XSHG", {"FACTORPRISM_WAREHOUSE_URL": warehouse})
    assert calendar_of("000300.SH").is_session(date(2027, 1, 4))
