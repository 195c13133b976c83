"""Hours on the exchange's clock, and what a row is called that comes so much later."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import pytest

from factorprism.core.publication import (
    Publication,
    Punctuality,
    local_words,
    next_moment,
    punctuality_of,
    punctuality_words,
    read_clock,
    read_publication,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("19:15", Publication(time(19, 15))),
        ("19:15:30", Publication(time(19, 15, 30))),
        ("09:30+1", Publication(time(9, 30), 1)),
        ("00:05+14", Publication(time(0, 5), 14)),
    ],
)
def test_an_hour_of_publication_is_read(text: str, expected: Publication) -> None:
    assert read_publication(text, "XSHG") == expected


@pytest.mark.parametrize("text", ["", "7", "7:15", "19.15", "24:00", "19:60", "19:15+15", "+1"])
def test_what_is_no_hour_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no hour"):
        read_publication(text, "XSHG")


def test_an_hour_at_which_the_exchange_trades_is_refused() -> None:
    assert read_publication("15:30", "XSHG") == Publication(time(15, 30))
    with pytest.raises(ValueError, match="not after the close of XNYS at 16:00"):
        read_publication("15:30", "XNYS")


def test_patience_is_an_hour_without_a_day() -> None:
    assert read_clock("08:30") == time(8, 30)
    with pytest.raises(ValueError, match="is no hour"):
        read_clock("08:30+1")


@pytest.mark.parametrize(
    ("published", "clock", "exchange", "ends"),
    [
        ("2024-07-01T11:15", "08:30", "XSHG", "2024-07-02T00:30"),  # the next morning
        ("2024-07-01T11:15", "23:00", "XSHG", "2024-07-01T15:00"),  # the same evening
        ("2024-07-02T01:30", "08:30", "XSHG", "2024-07-03T00:30"),  # published the morning after
        ("2024-03-08T23:00", "08:30", "XNYS", "2024-03-09T13:30"),
        ("2024-03-09T23:00", "08:30", "XNYS", "2024-03-10T12:30"),  # clocks go forward at night
    ],
)
def test_patience_ends_when_the_hour_comes_next(
    published: str, clock: str, exchange: str, ends: str
) -> None:
    found = next_moment(datetime.fromisoformat(published), read_clock(clock), exchange)
    assert found == datetime.fromisoformat(ends)


def test_patience_never_reaches_the_next_publication() -> None:
    published = datetime(2024, 7, 1, 11, 15)
    ends = [next_moment(published, time(hour, 15), "XSHG") for hour in range(24)]
    assert max(ends) - published <= timedelta(days=1)


def test_a_moment_is_written_on_the_exchanges_clock() -> None:
    said = local_words(datetime(2024, 7, 2, 0, 30), "XSHG")
    assert said == "2024-07-02 08:30 Asia/Shanghai"


@pytest.mark.parametrize(
    ("late_by", "kind", "words"),
    [
        (timedelta(0), Punctuality.IN_TIME, ""),
        (timedelta(minutes=29, seconds=59), Punctuality.IN_TIME, ""),
        (timedelta(minutes=30), Punctuality.LATE, "late by 30 min"),
        (timedelta(hours=1, minutes=40, seconds=59), Punctuality.LATE, "late by 1 h 40 min"),
        (timedelta(hours=23, minutes=59), Punctuality.LATE, "late by 23 h 59 min"),
        (timedelta(days=1), Punctuality.AFTERWARDS, "made afterwards"),
        (timedelta(days=800), Punctuality.AFTERWARDS, "made afterwards"),
    ],
)
def test_a_delay_is_late_for_a_day_and_made_afterwards_then(
    late_by: timedelta, kind: Punctuality, words: str
) -> None:
    assert punctuality_of(late_by) is kind
    assert punctuality_words(late_by) == words
