"""Segments begin at dates that the calendar alone gives, with two years of warm-up."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from factorprism.core.calendar import calendar_for
from factorprism.factors import bars_needed_from, segment_start
from factorprism.factors.segments import cut_segments


@pytest.mark.parametrize(
    ("session", "start", "needed"),
    [
        (date(2025, 12, 31), date(2024, 1, 1), date(2022, 1, 1)),
        (date(2024, 1, 2), date(2024, 1, 1), date(2022, 1, 1)),
        (date(2023, 12, 29), date(2020, 1, 1), date(2018, 1, 1)),
        (date(2005, 1, 4), date(2004, 1, 1), date(2002, 1, 1)),
    ],
)
def test_a_segment_begins_in_a_year_divisible_by_four(session, start, needed):
    assert segment_start(session) == start
    assert bars_needed_from(session) == needed


def test_bars_are_not_needed_from_before_the_calendar():
    calendar = calendar_for("XSHG")
    assert bars_needed_from(date(1991, 5, 6), calendar) == calendar.first
    assert bars_needed_from(date(2025, 5, 6), calendar) == date(2022, 1, 1)


@pytest.mark.parametrize("exchange", ["XSHG", "XNYS"])
def test_a_warm_up_holds_four_hundred_sessions_or_more(exchange):
    calendar = calendar_for(exchange)
    for year in range(1996, 2025, 4):
        assert len(calendar.sessions(date(year - 2, 1, 1), date(year - 1, 12, 31))) >= 400


def test_segments_cover_each_row_once_and_skip_years_without_sessions():
    days = ["2007-12-31", "2008-01-02", "2009-05-04", "2019-12-31", "2020-01-02"]
    sessions = np.array(days, dtype="datetime64[D]")
    # 2012 to 2015 is empty; 2018's warm-up of the last segment holds the session of 2019.
    assert list(cut_segments(sessions, 0)) == [(0, 0, 1), (0, 1, 3), (3, 3, 4), (3, 4, 5)]
    assert list(cut_segments(sessions, 2)) == [(0, 1, 3), (3, 3, 4), (3, 4, 5)]
    assert list(cut_segments(sessions, 5)) == []
