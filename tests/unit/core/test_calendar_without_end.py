"""The calendar beyond all that is known: what is expected, and how bars make it known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

import numpy as np
import pytest

from factorprism.core.calendar import TradingCalendar, calendar_for, extend_calendar
from factorprism.core.errors import ConfigurationError
from factorprism.core.sessions import check_end, check_session, read_session

END = date(2024, 8, 30)
# Mid-Autumn 2024: the exchange was closed on Monday and Tuesday, as nobody could expect.
CLOSED = [date(2024, 9, 16), date(2024, 9, 17)]
WEEKDAYS = [date(2024, 9, 2) + timedelta(days=n) for n in range(26) if n % 7 < 5]
TRADED = [day for day in WEEKDAYS if day not in CLOSED]
EndLibrary = Callable[[date], None]


@pytest.fixture
def old(end_library: EndLibrary) -> TradingCalendar:
    """The calendar of a library that knows no day after `END`."""
    end_library(END)
    return calendar_for("XSHG")


def test_a_horizon_beyond_the_end_is_expected(old: TradingCalendar) -> None:
    assert old.known_through == END
    end = old.offset(date(2024, 9, 2), 14)
    assert end == date(2024, 9, 20)
    assert old.is_expected(end)
    assert not old.is_expected(old.offset(date(2024, 8, 1), 14))


def test_fixed_holidays_are_not_expected_to_trade(old: TradingCalendar) -> None:
    assert old.offset(date(2024, 9, 30), 1) == date(2024, 10, 8)
    assert not old.is_session(date(2025, 1, 1))
    assert not old.is_session(date(2025, 5, 1))
    assert old.is_session(date(2025, 5, 6))


def test_no_fixed_holiday_was_a_session_since_2019() -> None:
    known = calendar_for("XSHG")
    days = [date(year, 5, day) for year in range(2019, 2027) for day in (1, 2, 3)]
    days += [date(year, 10, day) for year in range(2019, 2027) for day in range(1, 8)]
    days += [date(year, 1, 1) for year in range(2019, 2027)]
    assert not any(known.is_session(day) for day in days)


def test_new_york_is_expected_by_its_rules(end_library: EndLibrary) -> None:
    known = calendar_for("XNYS").sessions(date(2022, 1, 1), date(2024, 12, 31))
    end_library(date(2021, 12, 31))
    expected = calendar_for("XNYS").sessions(date(2022, 1, 1), date(2024, 12, 31))
    assert known.tolist() == expected.tolist()


def test_moments_go_on_beyond_the_end(old: TradingCalendar) -> None:
    assert old.close_at(date(2024, 9, 3)) == datetime(2024, 9, 3, 7)
    assert old.published_at(date(2024, 9, 3)) == datetime(2024, 9, 3, 11, 15)
    assert old.last_published(datetime(2024, 9, 10, 12)) == date(2024, 9, 10)
    assert old.session_on_or_before(date(2024, 9, 8)) == date(2024, 9, 6)


def test_what_labels_rest_on_is_never_expected(old: TradingCalendar) -> None:
    assert old.session_days[-1] == np.datetime64(END)
    with pytest.raises(ConfigurationError, match="2024-09-02 lies outside"):
        old.known_sessions(date(2024, 8, 1), date(2024, 9, 2))


def test_bars_make_sessions_known_and_the_days_between_them_closed(old: TradingCalendar) -> None:
    extend_calendar("XSHG", {}, [END, *TRADED])
    extended = calendar_for("XSHG")
    assert extended.known_through == TRADED[-1]
    assert extended.known_sessions(WEEKDAYS[0], TRADED[-1]).tolist() == TRADED
    assert extended.offset(date(2024, 9, 2), 14) == date(2024, 9, 24)


def test_a_bar_on_a_weekend_makes_no_session(old: TradingCalendar) -> None:
    extend_calendar("XSHG", {}, [END, date(2024, 9, 2), date(2024, 9, 7)])
    assert calendar_for("XSHG").known_through == date(2024, 9, 2)


def test_bars_that_begin_after_the_end_leave_what_was_before_expected(
    old: TradingCalendar,
) -> None:
    extend_calendar("XSHG", {}, [date(2024, 9, 12), date(2024, 9, 13)])
    assert calendar_for("XSHG").offset(END, 10) == date(2024, 9, 13)


def test_the_vendors_days_come_before_the_bars(old: TradingCalendar) -> None:
    published = {END + timedelta(days=n): False for n in (1, 2)}
    published |= {date(2024, 9, 2): True, date(2024, 9, 3): True}
    extend_calendar("XSHG", published, [END, date(2024, 9, 2), date(2024, 9, 5)])
    sessions = calendar_for("XSHG").known_sessions(date(2024, 9, 1), date(2024, 9, 5)).tolist()
    assert sessions == [date(2024, 9, 2), date(2024, 9, 3), date(2024, 9, 5)]


NOON = datetime(2024, 9, 10, 4)  # before the close in Shanghai
EVENING = datetime(2024, 9, 10, 12)


def test_a_session_is_one_that_was_traded_or_is_expected_to_have_been(
    old: TradingCalendar,
) -> None:
    assert check_session(date(2024, 9, 10), old, EVENING) == date(2024, 9, 10)
    assert read_session("2024-09-09", old, EVENING) == date(2024, 9, 9)


@pytest.mark.parametrize(
    ("text", "now", "complaint"),
    [
        ("2024-09-11", EVENING, "lies in the future\nThe last .* is 2024-09-10"),
        ("2999-01-04", EVENING, "lies in the future"),
        ("2024-09-10", NOON, "the bars of 2024-09-10 are not final yet"),
        (
            "2024-09-07",
            EVENING,
            "does not trade on 2024-09-07\nThe session before it is 2024-09-06",
        ),
        ("1980-01-02", EVENING, "outside"),
        ("tomorrow", EVENING, "'tomorrow' is not a date"),
    ],
)
def test_any_other_day_is_refused(
    old: TradingCalendar, text: str, now: datetime, complaint: str
) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        read_session(text, old, now)


def test_a_range_ends_with_a_session_whose_bars_are_final(old: TradingCalendar) -> None:
    assert check_end(date(2024, 9, 8), old, EVENING) == date(2024, 9, 6)
    assert check_end(date(2024, 9, 10), old, NOON) == date(2024, 9, 9)
    with pytest.raises(ConfigurationError, match="lies in the future"):
        check_end(date(2024, 9, 11), old, EVENING)
