"""Which session is this run for: planned, by hand, or named by a person."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from factorprism.core.calendar import calendar_for
from factorprism.core.errors import ConfigurationError, EndOfData
from session_runs import session_of, task_environ

ENVIRON: Mapping[str, str] = {"FACTORPRISM_SOURCE": "sample"}
Build = Callable[..., dict[str, Any]]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_planned_run_is_for_the_session_of_its_interval(build_context: Build) -> None:
    context = build_context(
        run_type="scheduled",
        logical_date=moment("2025-12-30"),
        data_interval_end=moment("2025-12-30T10:30"),
        run_after=moment("2025-12-30T10:30"),
    )
    assert session_of(context, ENVIRON) == date(2025, 12, 30)


@pytest.mark.parametrize("published_at", ["17:00", "23:30", "09:30+1"])
def test_a_planned_run_keeps_its_session_when_another_hour_is_set(
    build_context: Build, published_at: str
) -> None:
    context = build_context(
        run_type="scheduled",
        logical_date=moment("2025-12-30"),
        data_interval_end=moment("2025-12-30T11:15"),
        run_after=moment("2025-12-30T11:15"),
    )
    environ = {**ENVIRON, "FACTORPRISM_PUBLISHED_AT_XSHG": published_at}
    assert session_of(context, environ) == date(2025, 12, 30)


def test_a_weekly_run_on_saturday_is_for_the_weeks_last_session(build_context: Build) -> None:
    context = build_context(
        run_type="scheduled",
        logical_date=moment("2024-09-27"),
        data_interval_end=moment("2024-09-27T10:30"),
        run_after=moment("2024-09-28T01:00"),
    )
    assert session_of(context, ENVIRON) == date(2024, 9, 27)


def test_a_backfilled_run_is_for_its_interval_whenever_it_runs(build_context: Build) -> None:
    context = build_context(
        run_type="backfill",
        logical_date=moment("2020-06-01"),
        data_interval_end=moment("2020-06-01T10:30"),
        run_after=moment("2025-12-31T12:00"),
    )
    assert session_of(context, ENVIRON) == date(2020, 6, 1)


@pytest.mark.parametrize(
    ("logical_date", "expected"),
    [
        (None, date(2025, 12, 30)),  # by its start: before that day's publication
        (moment("2024-10-03T08:00"), date(2024, 9, 30)),  # on a holiday
        (moment("2020-12-31"), date(2020, 12, 31)),  # a session's logical date, typed by hand
    ],
)
def test_a_run_by_hand_is_for_the_session_of_its_logical_date_or_of_its_start(
    build_context: Build, logical_date: datetime | None, expected: date
) -> None:
    context = build_context(
        run_type="manual", logical_date=logical_date, run_after=moment("2025-12-31T09:00")
    )
    assert session_of(context, ENVIRON) == expected


def test_the_session_named_by_a_person_comes_first(build_context: Build) -> None:
    context = build_context(
        run_type="manual",
        logical_date=moment("2025-12-31T12:00"),
        params={"session": "2021-03-01"},
    )
    assert session_of(context, ENVIRON) == date(2021, 3, 1)


def test_sessions_are_those_of_the_targets_exchange(build_context: Build) -> None:
    context = build_context(
        run_type="scheduled",
        logical_date=moment("2018-10-09"),
        data_interval_end=moment("2018-10-09T10:30"),  # New York has not opened yet
    )
    environ = {**ENVIRON, "FACTORPRISM_UNIVERSE": "us"}
    assert session_of(context, environ) == date(2018, 10, 8)


@pytest.mark.parametrize(
    ("named", "complaint"),
    [
        ("2024-10-03", "does not trade on 2024-10-03\nThe session before it is 2024-09-30"),
        ("yesterday", "'yesterday' is not a date"),
        ("2025-13-01", "'2025-13-01' is not a date"),
        ("{{ ds }}", "is not a date"),
        ("1980-01-02", "lies outside the XSHG calendar"),
        ("2999-01-02", "2999-01-02 lies in the future\nThe last session whose bars are final is"),
    ],
)
def test_a_day_that_is_no_session_is_refused_in_plain_language(
    build_context: Build, named: str, complaint: str
) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        session_of(build_context(run_type="manual", params={"session": named}), ENVIRON)


def test_a_coming_session_is_refused(build_context: Build) -> None:
    calendar = calendar_for("XNYS")
    coming = calendar.offset(calendar.last_published(datetime.now(UTC).replace(tzinfo=None)), 2)
    context = build_context(run_type="manual", params={"session": coming.isoformat()})
    with pytest.raises(ConfigurationError, match=f"{coming}( lies in the future| are not final)"):
        session_of(context, {**ENVIRON, "FACTORPRISM_UNIVERSE": "us"})


def test_a_run_for_a_moment_that_has_not_come_is_refused(build_context: Build) -> None:
    moment_to_come = datetime.now(UTC) + timedelta(days=40)
    context = build_context(
        run_type="scheduled", logical_date=moment_to_come, data_interval_end=moment_to_come
    )
    with pytest.raises(ConfigurationError, match="lies in the future"):
        session_of(context, ENVIRON)


def test_a_planned_run_beyond_what_is_known_is_for_its_own_session(
    build_context: Build, end_library: Callable[[date], None]
) -> None:
    end_library(date(2024, 9, 20))
    context = build_context(
        run_type="scheduled",
        logical_date=moment("2024-09-25"),
        data_interval_end=moment("2024-09-25T10:30"),
    )
    assert session_of(context, ENVIRON) == date(2024, 9, 25)
    named = build_context(run_type="manual", params={"session": "2024-09-26"})
    assert session_of(named, ENVIRON) == date(2024, 9, 26)


def test_the_environments_token_comes_before_the_connections(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FACTORPRISM_SOURCE", "tushare")
    monkeypatch.setenv("AIRFLOW_CONN_TUSHARE_DEFAULT", '{"conn_type": "http", "password": "held"}')
    assert task_environ()["TUSHARE_TOKEN"] == "held"
    monkeypatch.setenv("TUSHARE_TOKEN", "given")
    assert task_environ()["TUSHARE_TOKEN"] == "given"


def test_the_connection_is_not_asked_for_when_the_source_needs_no_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FACTORPRISM_SOURCE", "sample")
    monkeypatch.setenv("AIRFLOW_CONN_TUSHARE_DEFAULT", '{"conn_type": "http", "password": "held"}')
    assert "TUSHARE_TOKEN" not in task_environ()


def test_a_planned_run_after_the_end_of_a_replay_is_for_nothing(build_context: Build) -> None:
    context = build_context(
        run_type="scheduled",
        logical_date=moment("2026-01-05"),
        data_interval_end=moment("2026-01-05T12:00"),
        run_after=moment("2026-01-05T12:00"),
    )
    with pytest.raises(EndOfData, match="replay and end at 2025-12-31: there is nothing of 2026"):
        session_of(context, ENVIRON)
    named = build_context(run_type="manual", params={"session": "2026-01-05"})
    with pytest.raises(EndOfData, match="TUSHARE_TOKEN"):
        session_of(named, ENVIRON)


def test_a_run_by_hand_after_the_end_of_a_replay_repeats_its_last_session(
    build_context: Build,
) -> None:
    context = build_context(run_type="manual", run_after=moment("2026-11-30T08:00"))
    assert session_of(context, ENVIRON) == date(2025, 12, 31)


def test_files_have_no_end(build_context: Build, tmp_path: Path) -> None:
    environ = {"FACTORPRISM_SOURCE": "files", "FACTORPRISM_FILES": str(tmp_path)}
    context = build_context(run_type="manual", run_after=moment("2026-01-06T08:00"))
    assert session_of(context, environ) == date(2026, 1, 5)
