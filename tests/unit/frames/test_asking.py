"""What a person has typed: days, moments, symbols, and the nearest of what there is."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest

from factorprism import ConfigurationError
from factorprism.frames.asking import (
    order_by_likeness,
    order_by_nearness,
    read_day,
    read_moment,
    read_span,
    read_symbols,
)

HELD = ("000300.SH", "000300.SZ", "AAPL.US", "^GSPC")


@pytest.mark.parametrize(
    "value",
    [
        "2024-06-28",
        date(2024, 6, 28),
        datetime(2024, 6, 28, 23, 59),
        datetime(2024, 6, 28, 1, tzinfo=timezone(timedelta(hours=8))),
        pd.Timestamp("2024-06-28 15:00"),
        np.datetime64("2024-06-28"),
        np.datetime64("2024-06-28T23:00", "ns"),
    ],
)
def test_a_day_is_read_however_it_is_written(value: object) -> None:
    assert read_day(value, "start") == date(2024, 6, 28)


@pytest.mark.parametrize("value", ["2024", "28.6.2024", "", 20240628, None, pd.NaT, 1.5, [1]])
def test_what_is_no_day_is_refused(value: object) -> None:
    with pytest.raises(ConfigurationError, match=r"session is .*, which is no day"):
        read_day(value, "session")


def test_a_span_that_is_left_open_reaches_over_everything() -> None:
    assert read_span(None, None) == (date.min, date.max)
    assert read_span("2024-06-28", "2024-06-28") == (date(2024, 6, 28), date(2024, 6, 28))


def test_a_moment_without_a_zone_is_utc() -> None:
    noon = datetime(2024, 6, 28, 12)
    for value in ("2024-06-28T12:00", noon, "2024-06-28T20:00+08:00", noon.replace(tzinfo=UTC)):
        assert read_moment(value, "known_at") == noon
    with pytest.raises(ConfigurationError, match="no moment"):
        read_moment(5, "known_at")


def test_a_symbol_may_be_written_without_its_exchange_where_one_alone_is_meant() -> None:
    assert read_symbols("AAPL", HELD) == ["AAPL.US"]
    assert read_symbols(["^GSPC", "AAPL.US", "AAPL"], HELD) == ["^GSPC", "AAPL.US"]
    with pytest.raises(ConfigurationError) as caught:
        read_symbols("000300", HELD)
    assert caught.value.remedy == "Nearest: 000300.SH, 000300.SZ."


def test_the_nearest_comes_first() -> None:
    assert order_by_likeness("lenet", ["mlp", "resnet18", "lenet5"]) == [
        "lenet5",
        "resnet18",
        "mlp",
    ]
    days = [date(2024, 6, day) for day in (1, 10, 20)]
    assert order_by_nearness(date(2024, 6, 12), days) == [days[1], days[2], days[0]]
