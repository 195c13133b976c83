"""A range asked for in windows: cut pages are completed, and no loop is endless."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from factorprism.core.arrays import DayArray
from factorprism.core.errors import MalformedResponse
from factorprism.sources._vendor import Page
from factorprism.sources._windows import DayRange, Series, fetch_complete, split_windows

JANUARY = DayRange(date(2020, 1, 1), date(2020, 1, 31))


def days_of(window: DayRange) -> list[date]:
    n_days = (window.last - window.first).days + 1
    return [window.first + timedelta(days=n) for n in range(n_days)]


class Archive:
    """A vendor's series with a row on each of `held`, `page_size` rows a call."""

    def __init__(
        self,
        held: list[date],
        page_size: int = 100,
        *,
        honest: bool = True,
        newest_first: bool = True,
    ) -> None:
        self.held = held
        self.page_size = page_size
        self.honest = honest
        self.newest_first = newest_first
        self.asked: list[tuple[DayRange, bool]] = []

    def ask(self, window: DayRange, require_rows: bool) -> Page:
        self.asked.append((window, require_rows))
        ordered = sorted(self.held, reverse=self.newest_first)
        inside = [day for day in ordered if day in days_of(window)]
        page = [day.strftime("%Y%m%d") for day in inside[: self.page_size]]
        frame = pd.DataFrame({"day": pd.Series(page, dtype="str")})
        return Page(frame, self.honest and len(inside) > self.page_size)

    def series(self, row_cap: int = 100) -> Series:
        def sessions_of(window: DayRange) -> DayArray:
            return np.array(days_of(window), "datetime64[D]")

        return Series(self.ask, sessions_of, day_column="day", row_cap=row_cap)

    def fetch(self, window: DayRange = JANUARY, row_cap: int = 100) -> list[str]:
        return sorted(fetch_complete(self.series(row_cap), window)["day"])


def as_text(days: list[date]) -> list[str]:
    return [day.strftime("%Y%m%d") for day in days]


def test_windows_cover_the_range_and_end_with_every_fifth_year() -> None:
    windows = list(split_windows(date(2008, 3, 1), date(2016, 7, 1)))
    assert windows == [
        DayRange(date(2008, 3, 1), date(2009, 12, 31)),
        DayRange(date(2010, 1, 1), date(2014, 12, 31)),
        DayRange(date(2015, 1, 1), date(2016, 7, 1)),
    ]


def test_a_single_day_is_one_window() -> None:
    day = date(2009, 12, 31)
    assert list(split_windows(day, day)) == [DayRange(day, day)]


def test_a_whole_page_is_asked_for_once() -> None:
    archive = Archive(days_of(JANUARY))
    assert archive.fetch() == as_text(days_of(JANUARY))
    assert len(archive.asked) == 1


@pytest.mark.parametrize("page_size", [1, 2, 10, 30])
@pytest.mark.parametrize("honest", [True, False])
@pytest.mark.parametrize("newest_first", [True, False])
def test_a_cut_page_is_completed(page_size: int, honest: bool, newest_first: bool) -> None:
    archive = Archive(days_of(JANUARY), page_size, honest=honest, newest_first=newest_first)
    assert archive.fetch(row_cap=page_size) == as_text(days_of(JANUARY))


def test_a_page_cut_in_silence_below_the_cap_is_completed() -> None:
    archive = Archive(days_of(JANUARY), 10, honest=False)
    assert archive.fetch() == as_text(days_of(JANUARY))


def test_only_the_first_question_insists_on_rows() -> None:
    archive = Archive(days_of(DayRange(date(2020, 1, 20), JANUARY.last)))
    archive.fetch()
    before = DayRange(JANUARY.first, date(2020, 1, 19))
    assert archive.asked == [(JANUARY, True), (before, False)]


def test_a_hole_in_the_middle_is_left_alone() -> None:
    held = [day for day in days_of(JANUARY) if not 10 <= day.day <= 15]
    archive = Archive(held)
    assert archive.fetch() == as_text(held)
    assert len(archive.asked) == 1


def test_a_full_page_with_all_sessions_is_accepted() -> None:
    archive = Archive(days_of(JANUARY), 31)
    assert archive.fetch(row_cap=31) == as_text(days_of(JANUARY))
    assert len(archive.asked) == 1


def test_an_empty_window_stays_empty_with_its_columns() -> None:
    frame = fetch_complete(Archive([]).series(), JANUARY)
    assert list(frame.columns) == ["day"]
    assert frame.empty


def test_a_day_that_stays_cut_is_refused() -> None:
    archive = Archive(days_of(JANUARY), 0)
    with pytest.raises(MalformedResponse, match="truncated"):
        archive.fetch()


def test_rows_of_other_days_are_refused() -> None:
    class Careless(Archive):
        def ask(self, window: DayRange, require_rows: bool) -> Page:
            return super().ask(DayRange(date(2020, 1, 1), date(2020, 2, 9)), require_rows)

    archive = Careless(days_of(DayRange(date(2020, 1, 1), date(2020, 2, 9))))
    assert archive.fetch() == as_text(days_of(JANUARY))


def test_a_vendor_that_ignores_the_window_comes_to_an_end() -> None:
    class Deaf(Archive):
        def ask(self, window: DayRange, require_rows: bool) -> Page:
            return super().ask(DayRange(date(2020, 2, 1), date(2020, 2, 9)), require_rows)

    archive = Deaf(days_of(DayRange(date(2020, 2, 1), date(2020, 2, 9))))
    assert archive.fetch() == []
