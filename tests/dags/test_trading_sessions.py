"""The timetable: one run a session, over holidays and the calendar's end, and none in between."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from airflow.timetables.base import DataInterval, TimeRestriction
from pendulum import DateTime, instance

from factorprism.core.calendar import calendar_for
from source_ends import forget_end, source_end
from trading_sessions import TradingSessionTimetable

DAILY = TradingSessionTimetable("XSHG", symbol="000300.SH")
WEEKLY = TradingSessionTimetable(
    "XSHG", symbol="000300.SH", cadence="week", delay=timedelta(hours=13, minutes=45)
)


@pytest.fixture(autouse=True)
def _source_without_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Plan for a source that goes on; the sample's data are a replay."""
    monkeypatch.setenv("FACTORPRISM_SOURCE", "files")
    monkeypatch.setenv("FACTORPRISM_FILES", str(tmp_path))
    forget_end()
    yield
    forget_end()


def moment(text: str) -> DateTime:
    return instance(datetime.fromisoformat(text).replace(tzinfo=UTC))


def walk(
    timetable: TradingSessionTimetable, first: str, last: str
) -> Iterator[tuple[date, datetime]]:
    """Yield (session, due) of every run from `first` to `last`, as a backfill asks for them."""
    restriction = TimeRestriction(moment(first), moment(last), catchup=True)
    interval: DataInterval | None = None
    while True:
        info = timetable.next_dagrun_info(
            last_automated_data_interval=interval, restriction=restriction
        )
        if info is None:
            return
        interval = info.data_interval
        assert interval is not None
        yield interval.start.date(), info.run_after


def sessions(timetable: TradingSessionTimetable, first: str, last: str) -> list[str]:
    return [session.isoformat() for session, _ in walk(timetable, first, last)]


# Days on which the Shanghai exchange was open, from its own holiday notices.
HOLIDAYS = [
    (
        "2024-02-07",  # Spring Festival 2024: closed 9 to 18 February
        "2024-02-20",
        ["2024-02-07", "2024-02-08", "2024-02-19", "2024-02-20"],
    ),
    (
        "2024-09-30",  # Golden Week 2024: closed 1 to 7 October
        "2024-10-09",
        ["2024-09-30", "2024-10-08", "2024-10-09"],
    ),
    (
        "2025-01-26",  # Spring Festival 2025: closed 28 January to 4 February
        "2025-02-06",
        ["2025-01-27", "2025-02-05", "2025-02-06"],
    ),
    (
        "2025-09-30",  # Golden Week 2025: closed 1 to 8 October
        "2025-10-10",
        ["2025-09-30", "2025-10-09", "2025-10-10"],
    ),
]


@pytest.mark.parametrize(("first", "last", "expected"), HOLIDAYS)
def test_holidays_and_weekends_have_no_run(first: str, last: str, expected: list[str]) -> None:
    assert sessions(DAILY, first, last) == expected


def test_every_session_of_twenty_years_has_one_run() -> None:
    expected = calendar_for("XSHG").sessions(date(2006, 1, 1), date(2025, 12, 31))
    found = [day for day, _ in walk(DAILY, "2006-01-01", "2025-12-31")]
    assert found == expected.astype(object).tolist()


def test_a_run_is_due_when_the_bars_are_final_and_carries_the_sessions_date() -> None:
    info = DAILY.next_dagrun_info(
        last_automated_data_interval=None,
        restriction=TimeRestriction(moment("2025-12-31"), None, catchup=True),
    )
    assert info is not None
    assert info.logical_date == moment("2025-12-31")
    assert info.run_after == moment("2025-12-31T11:15:00")  # 19:15 in Shanghai
    assert info.data_interval == DataInterval(info.logical_date, info.run_after)


def test_a_start_within_a_day_begins_with_the_next_one() -> None:
    assert sessions(DAILY, "2025-12-30T00:00:01", "2025-12-31") == ["2025-12-31"]


def test_nothing_runs_before_the_start_date_even_after_an_earlier_run() -> None:
    held = DAILY.infer_manual_data_interval(run_after=moment("2025-06-03"))
    info = DAILY.next_dagrun_info(
        last_automated_data_interval=held,
        restriction=TimeRestriction(moment("2025-12-01"), None, catchup=True),
    )
    assert info is not None
    assert info.logical_date == moment("2025-12-01")


def test_without_a_start_date_there_is_nothing_to_catch_up_from() -> None:
    restriction = TimeRestriction(None, None, catchup=True)
    answer = DAILY.next_dagrun_info(last_automated_data_interval=None, restriction=restriction)
    assert answer is None


def test_a_week_runs_once_the_morning_after_its_last_session_and_not_in_golden_week() -> None:
    runs = list(walk(WEEKLY, "2024-09-23", "2024-10-18"))
    # Friday 27 September; Monday 30 September, the only session of its week; no run for the
    # week from 7 October before its last session on the 11th.
    assert [day.isoformat() for day, _ in runs] == [
        "2024-09-27",
        "2024-09-30",
        "2024-10-11",
        "2024-10-18",
    ]
    assert runs[0][1] == moment("2024-09-28T01:00:00")  # Saturday 09:00 in Shanghai


def coming(timetable: TradingSessionTimetable, now: datetime) -> date:
    """Return the session of the first run that is due after `now` less the hour of grace."""
    first, last = now - timedelta(days=20), now + timedelta(days=40)
    runs = walk(timetable, first.isoformat()[:10], last.isoformat()[:10])
    return next(day for day, due in runs if due > now - timedelta(hours=1))


@pytest.mark.parametrize("timetable", [DAILY, WEEKLY], ids=["daily", "weekly"])
def test_without_catchup_the_first_run_of_all_is_the_coming_one(
    timetable: TradingSessionTimetable,
) -> None:
    before = datetime.now(UTC)
    info = timetable.next_dagrun_info(
        last_automated_data_interval=None,
        restriction=TimeRestriction(moment("2005-01-04"), None, catchup=False),
    )
    assert info is not None
    assert info.logical_date is not None
    # A run may fall due between the two readings of the clock.
    assert info.logical_date.date() in {
        coming(timetable, before),
        coming(timetable, datetime.now(UTC)),
    }


def test_missed_sessions_are_made_up_but_no_more_of_them_than_asked_for() -> None:
    timetable = TradingSessionTimetable("XSHG", make_up=20)
    long_ago = timetable.infer_manual_data_interval(run_after=moment("2015-06-03"))
    info = timetable.next_dagrun_info(
        last_automated_data_interval=long_ago,
        restriction=TimeRestriction(moment("2005-01-04"), None, catchup=False),
    )
    assert info is not None
    assert info.logical_date is not None
    missed = sessions(
        timetable, info.logical_date.isoformat()[:10], datetime.now(UTC).isoformat()[:10]
    )
    # Twenty to make up and the latest; today's may be there without being due yet.
    assert len(missed) in (21, 22)


def test_a_dag_that_has_run_its_latest_session_waits_for_the_next() -> None:
    timetable = TradingSessionTimetable("XSHG", make_up=20)
    now = datetime.now(UTC)
    latest = timetable.infer_manual_data_interval(run_after=instance(now))
    info = timetable.next_dagrun_info(
        last_automated_data_interval=latest,
        restriction=TimeRestriction(moment("2005-01-04"), None, catchup=False),
    )
    assert info is not None
    assert info.run_after > now


@pytest.mark.parametrize(
    ("started", "session"),
    [
        ("2024-10-03T08:00:00", "2024-09-30"),  # in Golden Week
        ("2024-10-12T08:00:00", "2024-10-11"),  # a Saturday
        ("2025-12-31T11:14:59", "2025-12-30"),  # a second before publication
        ("2025-12-31T11:15:00", "2025-12-31"),
        ("2025-12-31T00:00:00", "2025-12-31"),  # the session's own logical date
        ("2024-10-03T00:00:00", "2024-09-30"),  # midnight of a day that is no session
    ],
)
@pytest.mark.parametrize("timetable", [DAILY, WEEKLY], ids=["daily", "weekly"])
def test_a_run_by_hand_is_for_the_last_published_session(
    timetable: TradingSessionTimetable, started: str, session: str
) -> None:
    interval = timetable.infer_manual_data_interval(run_after=moment(started))
    assert interval.start == moment(session)
    assert interval.end == moment(f"{session}T11:15:00")


def test_beyond_what_is_known_the_expected_sessions_run_and_the_log_says_so(
    end_library: Callable[[date], None], caplog: pytest.LogCaptureFixture
) -> None:
    end_library(date(2024, 9, 20))
    with caplog.at_level(logging.INFO, logger="trading_sessions"):
        found = sessions(DAILY, "2024-09-19", "2024-10-09")
    september = ["19", "20", "23", "24", "25", "26", "27", "30"]
    assert found == [f"2024-09-{day}" for day in september] + ["2024-10-08", "2024-10-09"]
    assert "known to 2024-09-20: the session of 2024-09-23 is expected" in caplog.text
    assert "2024-09-20 is expected" not in caplog.text
    assert {record.levelno for record in caplog.records} == {logging.INFO}


def test_a_run_beyond_what_is_known_is_due_when_its_bars_would_be_final(
    end_library: Callable[[date], None],
) -> None:
    end_library(date(2024, 9, 20))
    assert list(walk(WEEKLY, "2024-09-23", "2024-10-01")) == [
        (date(2024, 9, 27), moment("2024-09-28T01:00:00")),
        (date(2024, 9, 30), moment("2024-10-01T01:00:00")),
    ]


@pytest.mark.parametrize(
    "timetable",
    [
        WEEKLY,
        TradingSessionTimetable("XSHG", make_up=20),
        TradingSessionTimetable("XNYS"),
    ],
    ids=["weekly", "daily", "new york"],
)
def test_a_serialised_timetable_comes_back_the_same(timetable: TradingSessionTimetable) -> None:
    again = TradingSessionTimetable.deserialize(timetable.serialize())
    assert vars(again) == vars(timetable)


@pytest.mark.parametrize(
    ("exchange", "zone", "setting", "clock", "days"),
    [
        ("XSHG", "Asia/Shanghai", "", "19:15", 0),
        ("XNYS", "America/New_York", "", "18:00", 0),
        ("XSHG", "Asia/Shanghai", "20:05", "20:05", 0),
        ("XNYS", "America/New_York", "06:30+1", "06:30", 1),
    ],
)
def test_a_run_is_due_at_the_hour_that_is_set_and_the_description_names_it(
    monkeypatch: pytest.MonkeyPatch,
    exchange: str,
    zone: str,
    setting: str,
    clock: str,
    days: int,
) -> None:
    monkeypatch.setenv(f"FACTORPRISM_PUBLISHED_AT_{exchange}", setting)
    stored = TradingSessionTimetable(exchange).serialize()
    monkeypatch.setenv(f"FACTORPRISM_PUBLISHED_AT_{exchange}", "23:59")
    # Whoever reads the stored DAG elsewhere agrees with whoever parsed it.
    timetable = TradingSessionTimetable.deserialize(stored)
    for day in (date(2025, 1, 15), date(2025, 7, 15)):  # winter and summer time
        midnight = moment(day.isoformat())
        end = timetable.infer_manual_data_interval(run_after=midnight).end
        local = end.astimezone(ZoneInfo(zone))
        assert local.strftime("%H:%M") == clock
        assert local.date() == day + timedelta(days=days)
    assert f"({setting or clock} {zone})" in timetable.description


def test_a_dag_stored_by_an_earlier_release_takes_the_hour_that_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stored = TradingSessionTimetable("XSHG").serialize()
    del stored["published_at"]
    monkeypatch.setenv("FACTORPRISM_PUBLISHED_AT_XSHG", "21:00")
    assert TradingSessionTimetable.deserialize(stored).published_at == "21:00"


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"exchange": "XTAE"}, "exchange"),
        ({"cadence": "month"}, "cadence"),
        ({"delay": timedelta(hours=-1)}, "delay"),
        ({"make_up": -1}, "make_up"),
        ({"published_at": "7 pm"}, "'7 pm' is no hour"),
        ({"published_at": "14:59"}, "not after the close"),
    ],
)
def test_a_wrong_argument_is_named(wrong: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        TradingSessionTimetable(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("timetable", [DAILY, WEEKLY], ids=["daily", "weekly"])
def test_nothing_is_planned_after_the_end_of_a_replay(
    timetable: TradingSessionTimetable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACTORPRISM_SOURCE", "sample")
    assert sessions(timetable, "2025-12-29", "2026-03-31")[-1] == "2025-12-31"
    last = timetable.infer_manual_data_interval(run_after=moment("2025-12-31"))
    for held in (None, last):
        restriction = TimeRestriction(moment("2005-01-04"), None, catchup=False)
        answer = timetable.next_dagrun_info(
            last_automated_data_interval=held, restriction=restriction
        )
        assert answer is None


def test_a_source_that_is_not_named_ends_unless_tasks_may_find_a_token(
    lay_metadata: Callable[[Path], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lay_metadata(Path(os.environ["AIRFLOW_HOME"]))
    monkeypatch.delenv("FACTORPRISM_SOURCE")
    assert source_end({}, "000300.SH") == date(2025, 12, 31)
    forget_end()
    monkeypatch.setenv("AIRFLOW_CONN_TUSHARE_DEFAULT", "http://:token@")
    assert source_end({}, "000300.SH") is None


def test_where_the_end_cannot_be_said_runs_go_on() -> None:
    # The token is in a connection.
    assert source_end({"FACTORPRISM_SOURCE": "tushare"}, "000300.SH") is None


ABROAD = {
    "XHKG": ("Asia/Hong_Kong", "18:00"),
    "XNYS": ("America/New_York", "18:00"),
    "XTKS": ("Asia/Tokyo", "17:30"),
    "XLON": ("Europe/London", "18:30"),
}
# Days on which each was open, from its own holiday notices.
OPEN_ABROAD = [
    # Christmas Eve is half a day; closed on 25 and 26 December and 1 January.
    ("XHKG", "2024-12-23", "2025-01-02", ["12-23", "12-24", "12-27", "12-30", "12-31", "01-02"]),
    # Lunar New Year 2025 begins with half a day and closes 29 to 31 January.
    ("XHKG", "2025-01-27", "2025-02-03", ["01-27", "01-28", "02-03"]),
    # Thanksgiving is closed, the day after it is half a day.
    ("XNYS", "2024-11-27", "2024-12-02", ["11-27", "11-29", "12-02"]),
    # The end-of-year holidays run from 31 December to 3 January.
    ("XTKS", "2024-12-27", "2025-01-07", ["12-27", "12-30", "01-06", "01-07"]),
    ("XLON", "2024-12-23", "2024-12-30", ["12-23", "12-24", "12-27", "12-30"]),
]


@pytest.mark.parametrize(("exchange", "first", "last", "expected"), OPEN_ABROAD)
def test_every_exchange_runs_on_its_own_days(
    exchange: str, first: str, last: str, expected: list[str]
) -> None:
    found = sessions(TradingSessionTimetable(exchange), first, last)
    assert [day[5:] for day in found] == expected


@pytest.mark.parametrize("exchange", ABROAD)
def test_a_run_abroad_is_due_by_the_exchanges_clock_in_winter_and_summer(exchange: str) -> None:
    zone, clock = ABROAD[exchange]
    timetable = TradingSessionTimetable.deserialize(TradingSessionTimetable(exchange).serialize())
    # The Mondays around the days on which New York (10 March) and London (31 March) change clocks.
    for day in ("2025-01-15", "2025-03-07", "2025-03-10", "2025-03-28", "2025-03-31", "2025-07-15"):
        ((session, due),) = walk(timetable, day, day)
        assert session.isoformat() == day
        local = due.astimezone(ZoneInfo(zone))
        assert local.strftime("%Y-%m-%d %H:%M") == f"{day} {clock}"
    assert f"({clock} {zone})" in timetable.description


@pytest.mark.parametrize(
    ("exchange", "day", "due"),
    [
        ("XHKG", "2024-12-24", "14:00"),
        ("XNYS", "2024-11-29", "15:00"),
        ("XNYS", "2024-07-03", "15:00"),
        ("XLON", "2024-12-24", "14:30"),
        ("XTKS", "2024-11-01", "17:00"),  # trading was made longer on 5 November
    ],
)
def test_a_session_that_closes_early_is_due_as_much_earlier(
    exchange: str, day: str, due: str
) -> None:
    timetable = TradingSessionTimetable(exchange)
    ((_, moment_due),) = walk(timetable, day, day)
    assert moment_due.astimezone(ZoneInfo(ABROAD[exchange][0])).strftime("%H:%M") == due
    by_hand = timetable.infer_manual_data_interval(run_after=instance(moment_due))
    assert by_hand.start.date().isoformat() == day


@pytest.mark.parametrize("exchange", [*ABROAD, "XSAU", "XNZE", "XDUS"])
@pytest.mark.parametrize("cadence", ["session", "week"])
def test_a_timetable_of_any_exchange_comes_back_the_same(exchange: str, cadence: str) -> None:
    timetable = TradingSessionTimetable(exchange, cadence=cadence, make_up=5)
    again = TradingSessionTimetable.deserialize(timetable.serialize())
    assert vars(again) == vars(timetable)


def test_a_week_ends_with_the_exchanges_own_days_of_rest() -> None:
    weekly = TradingSessionTimetable("XSAU", cadence="week")
    # Riyadh trades from Sunday to Thursday.
    assert sessions(weekly, "2024-05-05", "2024-05-25") == [
        "2024-05-09",
        "2024-05-16",
        "2024-05-23",
    ]


@pytest.mark.parametrize("exchange", [*ABROAD, "XSAU", "XNZE", "XDUS"])
def test_every_session_of_a_year_abroad_has_one_run_in_order(exchange: str) -> None:
    expected = calendar_for(exchange).sessions(date(2025, 1, 1), date(2025, 12, 31))
    runs = list(walk(TradingSessionTimetable(exchange), "2025-01-01", "2025-12-31"))
    assert [day for day, _ in runs] == expected.astype(object).tolist()
    moments = [due for _, due in runs]
    assert moments == sorted(set(moments))
