"""Sessions of the exchange; the expected days are the exchange's published holidays."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from factorprism.core.calendar import calendar_for
from factorprism.core.errors import ConfigurationError


def test_golden_week_2024_has_no_session() -> None:
    calendar = calendar_for("XSHG")
    assert calendar.offset(date(2024, 9, 30), 1) == date(2024, 10, 8)
    assert not calendar.is_session(date(2024, 10, 1))
    assert calendar.session_on_or_before(date(2024, 10, 5)) == date(2024, 9, 30)


def test_the_original_study_covers_971_sessions() -> None:
    assert len(calendar_for("XSHG").sessions(date(2013, 1, 4), date(2016, 12, 30))) == 971


def test_fourteen_sessions_after_the_end_of_2025() -> None:
    assert calendar_for("XSHG").offset(date(2025, 12, 31), 14) == date(2026, 1, 22)


def test_sessions_are_counted_from_one_to_a_day_and_a_holiday_is_none() -> None:
    xshg = calendar_for("XSHG")
    before = date(2024, 9, 30)  # the last session before the Golden Week
    assert xshg.count_since(before, before) == 0
    assert xshg.count_since(before, date(2024, 10, 7)) == 0
    assert xshg.count_since(before, date(2024, 10, 9)) == 2
    assert xshg.count_since(before, date(2024, 9, 27)) == -1


def test_a_session_is_published_after_the_vendors_seven_in_the_evening() -> None:
    calendar = calendar_for("XSHG")
    session = date(2025, 12, 31)
    assert calendar.close_at(session) == datetime(2025, 12, 31, 7, 0)
    assert calendar.published_at(session) == datetime(2025, 12, 31, 11, 15)
    assert calendar.last_published(datetime(2025, 12, 31, 11, 14)) == date(2025, 12, 30)
    assert calendar.last_published(datetime(2025, 12, 31, 11, 15)) == session


def test_days_before_the_calendar_are_refused() -> None:
    calendar = calendar_for("XSHG")
    with pytest.raises(ConfigurationError, match="outside"):
        calendar.is_session(date(1980, 1, 1))
    with pytest.raises(ConfigurationError, match="outside"):
        calendar.offset(calendar.first, -1)
    with pytest.raises(ValueError, match="not a trading session"):
        calendar.offset(date(2024, 10, 1), 1)
