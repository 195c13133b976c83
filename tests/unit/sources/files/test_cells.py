"""Dates and numbers as people write them, and what is none."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from factorprism.sources.files._dates import parse_dates
from factorprism.sources.files._numbers import parse_numbers, uses_decimal_comma
from factorprism.sources.files._refusal import FileRefused

APRIL_8 = date(2005, 4, 8)
SHANGHAI_MIDNIGHT = datetime(2005, 4, 8, tzinfo=ZoneInfo("Asia/Shanghai"))


def days_of(*cells: Any, exchange: str = "XSHG") -> list[date]:
    days: list[date] = parse_dates(cells, range(2, len(cells) + 2), "date", exchange).days.tolist()
    return days


def numbers_of(*cells: Any, **options: bool) -> list[float]:
    values: list[float] = parse_numbers(
        cells, range(2, len(cells) + 2), "close", **options
    ).tolist()
    return values


@pytest.mark.parametrize(
    "cell",
    [
        "2005-04-08",
        "2005/4/8",
        "2005.04.08",
        "2005年4月8日",
        "20050408",
        "20050408.0",
        20050408,
        20050408.0,
        "2005-04-08 00:00",
        "2005-04-08 15:00:00",
        "2005-04-08T00:00:00.000",
        "2005-04-08,五",
        "2005/4/8 星期五",
        "2005-04-07T16:00:00Z",
        "2005-04-08 00:00:00+08:00",
        "Apr 08, 2005",
        "8 April 2005",
        "38450",
        38450.0,
        str(round(SHANGHAI_MIDNIGHT.timestamp())),
        round(SHANGHAI_MIDNIGHT.timestamp() * 1000),
        APRIL_8,
        datetime(2005, 4, 8),
        SHANGHAI_MIDNIGHT.astimezone(UTC),
    ],
)
def test_a_day_is_read_however_it_is_written(cell: Any) -> None:
    assert days_of(cell) == [APRIL_8]


def test_an_instant_is_the_day_it_falls_on_at_the_exchange() -> None:
    instant = "2005-04-07T20:00:00Z"
    assert days_of(instant) == [APRIL_8]
    assert days_of(instant, exchange="XNYS") == [date(2005, 4, 7)]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (("31/12/2020", "04/01/2021"), date(2021, 1, 4)),
        (("12/31/2020", "01/04/2021"), date(2021, 1, 4)),
    ],
)
def test_day_and_month_are_distinguished_by_a_day_beyond_twelve(
    cells: tuple[str, ...], expected: date
) -> None:
    assert days_of(*cells) == [date(2020, 12, 31), expected]


def test_day_and_month_that_cannot_be_distinguished_are_refused() -> None:
    with pytest.raises(FileRefused, match="day or the month comes first"):
        days_of("01/04/2021", "05/04/2021")


@pytest.mark.parametrize(
    "cell", ["2005-13-08", "soon", "", None, True, timedelta(days=1), b"2005", 3.5, math.nan, [1]]
)
def test_what_is_no_date_is_named_with_its_line(cell: Any) -> None:
    with pytest.raises(FileRefused, match=r"date .* is no date") as caught:
        days_of("2005-04-07", "2005-04-11", cell)
    assert caught.value.line == 4


def test_one_form_holds_for_a_whole_column() -> None:
    """A 20050408 that was cut to 20050 would be an Excel serial of 1954."""
    with pytest.raises(FileRefused, match="'20050' is no date") as caught:
        days_of("20050407", "20050", "20050411")
    assert caught.value.line == 3


def test_a_date_that_lost_a_digit_is_refused() -> None:
    with pytest.raises(FileRefused, match="'2005-04-1' has lost a digit"):
        days_of("2005-04-07", "2005-04-08", "2005-04-1")


def test_intraday_bars_are_refused() -> None:
    with pytest.raises(FileRefused, match="no daily bars"):
        days_of("2005-04-08 10:00", "2005-04-08 10:05")


def test_midnight_in_utc_is_the_evening_before_in_new_york_and_refused_where_it_shows() -> None:
    mondays = [f"2020-{month:02d}-{day:02d}T00:00:00Z" for month, day in ((1, 6), (1, 13), (2, 3))]
    with pytest.raises(FileRefused, match="Saturdays or Sundays"):
        days_of(*mondays, exchange="XNYS")


def test_days_that_are_shifted_onto_weekends_are_refused() -> None:
    shifted = [f"2021-{month:02d}-{day:02d}" for month in (1, 2, 3) for day in range(1, 29)]
    with pytest.raises(FileRefused, match="Saturdays or Sundays"):
        days_of(*shifted)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("4728.67", 4728.67),
        ("4,728.67", 4728.67),
        (" 4728.67 ", 4728.67),
        ("１２．５", 12.5),
        ("4.43E+09", 4.43e9),
        ("182.92K", 182920.0),
        ("1.2M", 1.2e6),
        ("3.07亿", 3.07e8),
        ("1,234.5万", 12_345_000.0),
        ("1.1万亿", 1.1e12),
        ("-5", -5.0),
        (7, 7.0),
        (Decimal("1.10"), 1.1),
        (np.float64(2.5), 2.5),
    ],
)
def test_a_number_is_read_however_it_is_written(cell: Any, expected: float) -> None:
    assert numbers_of(cell) == [expected]


@pytest.mark.parametrize(
    "cell", ["", "-", "--", "None", "nan", "NULL", "N/A", "#N/A", None, math.nan]
)
def test_the_words_for_nothing_are_missing_values(cell: Any) -> None:
    assert math.isnan(numbers_of(cell)[0])


@pytest.mark.parametrize(
    "cell",
    [
        *("4728.", "47,28.67", "4.7.2", "1_000", "0x10", "inf", "1e99", "1e30", "12 34", "½", "五"),
        *(math.inf, True, timedelta(1), b"4728", [1.0], {"a": 1}),
    ],
)
def test_what_is_no_number_is_named_with_its_line(cell: Any) -> None:
    with pytest.raises(FileRefused, match=r"close .* is no finite number") as caught:
        numbers_of("1", cell)
    assert caught.value.line == 3


@pytest.mark.parametrize("cells", [("1.2K", "1.3K", "1.4"), ("12", "13", "14K")])
def test_a_suffix_that_some_numbers_lack_is_refused(cells: tuple[str, ...]) -> None:
    with pytest.raises(FileRefused, match="another unit") as caught:
        numbers_of(*cells)
    assert caught.value.line == 4


def test_per_cent_is_read_where_it_belongs() -> None:
    assert numbers_of("-0.60%", percent=True) == [-0.6]
    with pytest.raises(FileRefused):
        numbers_of("-0.60%")


def test_a_decimal_comma_is_distinguished_from_thousands() -> None:
    assert uses_decimal_comma([["4728,67", "4.728,6"], ["1000"]])
    assert uses_decimal_comma([["4,128", "0,912"]])
    assert uses_decimal_comma([["4,128"]], [["523.467.100"]])
    assert uses_decimal_comma([["4.128,670"]], [["523.467"]])
    assert uses_decimal_comma([["4,128"]], [["3,07亿"]])
    assert uses_decimal_comma([["4,728", "4,728.67"]]) is False
    assert uses_decimal_comma([["4,128"]], [["1,234,567"]]) is False
    assert uses_decimal_comma([["4.128"]], [["523,467"]]) is False
    assert uses_decimal_comma([["4728,67", "4728.67"]]) is False
    assert uses_decimal_comma([["3.412", "3,41"]]) is False


@pytest.mark.parametrize("others", ["523467100", "523.467", "523,467"])
def test_a_comma_before_three_digits_alone_tells_nothing(others: str) -> None:
    assert uses_decimal_comma([["4,128", "4,170"]], [[others]]) is None


def test_a_dot_that_does_not_group_is_refused_beside_decimal_commas() -> None:
    assert numbers_of("4.128", "4.128,5", decimal_comma=True) == [4128.0, 4128.5]
    assert numbers_of("3,07亿", decimal_comma=True) == [3.07e8]
    with pytest.raises(FileRefused, match=r"1000\.5"):
        numbers_of("1000.5", decimal_comma=True)


def test_4728_67_is_a_number_with_decimals() -> None:
    assert numbers_of("4.728,67", decimal_comma=True) == [4728.67]
