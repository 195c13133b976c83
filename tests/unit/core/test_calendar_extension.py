"""Days beyond the library's calendar, as a process is taught them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

import pytest

from factorprism.core.calendar import (
    calendar_for,
    extend_calendar,
    forget_extensions,
    library_calendar,
)
from factorprism.core.errors import ConfigurationError

YEAR = 2027  # the first year that the pinned library does not know
NEW_YEAR = [date(YEAR, 1, 1)]
SPRING_FESTIVAL = [date(YEAR, 2, day) for day in (5, 8, 9, 10, 11, 12)]


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    forget_extensions()
    assert library_calendar("XSHG").known_through == date(YEAR - 1, 12, 31)
    yield
    forget_extensions()


def days(first: date, last: date, closed: list[date]) -> dict[date, bool]:
    n_days = (last - first).days + 1
    found = [first + timedelta(days=n) for n in range(n_days)]
    return {day: day.weekday() < 5 and day not in closed for day in found}


def teach_year() -> None:
    closed = NEW_YEAR + SPRING_FESTIVAL
    extend_calendar("XSHG", days(date(YEAR, 1, 1), date(YEAR, 12, 31), closed))


def test_a_horizon_runs_over_new_year_and_spring_festival() -> None:
    teach_year()
    calendar = calendar_for("XSHG")
    assert calendar.offset(date(2026, 12, 31), 1) == date(2027, 1, 4)
    assert calendar.offset(date(2026, 12, 21), 14) == date(2027, 1, 11)
    assert calendar.offset(date(2027, 1, 29), 14) == date(2027, 2, 26)
    assert not calendar.is_session(date(2027, 2, 10))
    assert calendar.known_through == date(2027, 12, 31)


def test_an_added_session_closes_at_the_regular_hour() -> None:
    teach_year()
    calendar = calendar_for("XSHG")
    assert calendar.close_at(date(2027, 7, 1)) == datetime(2027, 7, 1, 7)
    assert calendar.published_at(date(2027, 1, 4)) == datetime(2027, 1, 4, 11, 15)
    assert calendar.last_published(datetime(2027, 2, 10, 12)) == date(2027, 2, 4)


def test_new_york_closes_by_its_own_clock_in_summer_and_winter() -> None:
    end = library_calendar("XNYS").known_through
    extend_calendar("XNYS", days(end + timedelta(days=1), end + timedelta(days=400), []))
    calendar = calendar_for("XNYS")
    hours = {calendar.close_at(day).hour for day in calendar.session_days[-200:].astype(object)}
    assert hours == {20, 21}


ODD_CLOSED, ODD_OPEN = date(2026, 11, 18), date(2026, 11, 21)  # a Wednesday and a Saturday


def test_the_vendor_comes_before_the_library_where_both_know_a_day() -> None:
    extend_calendar("XSHG", {ODD_CLOSED: False, ODD_OPEN: True})
    calendar = calendar_for("XSHG")
    assert calendar.offset(date(2026, 11, 17), 1) == date(2026, 11, 19)
    assert calendar.offset(date(2026, 11, 20), 1) == ODD_OPEN
    assert calendar.close_at(ODD_OPEN) == datetime(2026, 11, 21, 7)
    assert calendar.known_through == library_calendar("XSHG").known_through
    extend_calendar("XSHG", {ODD_CLOSED: True, ODD_OPEN: False})
    assert calendar_for("XSHG") is library_calendar("XSHG")


def test_bars_decide_between_vendor_and_library_once_they_reach_the_day() -> None:
    extend_calendar("XSHG", {ODD_CLOSED: False, ODD_OPEN: True}, [date(2026, 11, 17)])
    assert not calendar_for("XSHG").is_session(ODD_CLOSED)
    held = [date(2026, 11, day) for day in (17, 18, 19, 20, 23)]
    extend_calendar("XSHG", {}, held)
    assert calendar_for("XSHG") is library_calendar("XSHG")
    forget_extensions()
    extend_calendar("XSHG", {ODD_CLOSED: False}, [day for day in held if day != ODD_CLOSED])
    assert not calendar_for("XSHG").is_session(ODD_CLOSED)


def test_days_after_a_gap_wait_until_it_is_filled() -> None:
    extend_calendar("XSHG", days(date(2027, 1, 1), date(2027, 1, 10), NEW_YEAR))
    extend_calendar("XSHG", days(date(2027, 1, 12), date(2027, 1, 31), []))
    assert calendar_for("XSHG").known_through == date(2027, 1, 10)
    assert calendar_for("XSHG").is_expected(date(2027, 1, 12))
    extend_calendar("XSHG", {date(2027, 1, 11): True})
    assert calendar_for("XSHG").known_through == date(2027, 1, 31)


def test_half_a_year_is_not_taken_for_a_whole_one() -> None:
    extend_calendar("XSHG", days(date(2027, 1, 1), date(2027, 6, 30), NEW_YEAR))
    calendar = calendar_for("XSHG")
    assert calendar.last == date(2027, 6, 30)
    with pytest.raises(ConfigurationError, match="2027-07-01 lies outside"):
        calendar.known_sessions(date(2027, 6, 1), date(2027, 7, 1))


def test_closed_days_at_the_end_are_known() -> None:
    extend_calendar("XSHG", days(date(2027, 1, 1), date(2027, 1, 10), NEW_YEAR))
    calendar = calendar_for("XSHG")
    assert calendar.last == date(2027, 1, 8)
    assert not calendar.is_session(date(2027, 1, 10))


def test_a_later_lesson_corrects_and_never_shortens() -> None:
    teach_year()
    extend_calendar("XSHG", {date(2027, 1, 4): False})
    extend_calendar("XSHG", {})
    calendar = calendar_for("XSHG")
    assert calendar.offset(date(2026, 12, 31), 1) == date(2027, 1, 5)
    assert calendar.known_through == date(2027, 12, 31)


def test_the_same_lesson_again_builds_nothing() -> None:
    teach_year()
    before = calendar_for("XSHG")
    teach_year()
    assert calendar_for("XSHG") is before


def test_an_unknown_exchange_cannot_be_taught() -> None:
    with pytest.raises(ConfigurationError, match="XTAE"):
        extend_calendar("XTAE", {date(2027, 1, 4): True})


def test_the_library_is_not_trusted_beyond_its_own_end() -> None:
    library = library_calendar("XNYS")
    beyond = library.known_through + timedelta(days=1)
    assert library.is_expected(beyond)
    with pytest.raises(ConfigurationError, match="outside"):
        library.known_sessions(library.last, beyond)
