"""The sample source: each index whole on its own calendar, and no other symbol."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from factorprism.core.arrays import as_days
from factorprism.core.calendar import calendar_of
from factorprism.core.errors import SourceError
from factorprism.sources import SampleSource

NOW = datetime(2026, 1, 5)


@pytest.mark.parametrize(
    ("symbol", "first", "last", "close", "volume"),
    [
        ("000300.SH", date(2006, 1, 6), date(2025, 12, 31), 4629.9395, 17076022400.0),
        ("^GSPC", date(1999, 1, 4), date(2018, 12, 31), 2506.850098, 3442870000.0),
        ("^IXIC", date(1999, 1, 4), date(2018, 12, 31), 6635.279785, 2098560000.0),
    ],
)
def test_each_index_is_whole_on_its_own_calendar(
    symbol: str, first: date, last: date, close: float, volume: float
) -> None:
    source = SampleSource(now=lambda: NOW)
    assert source.first_session(symbol) == first
    assert source.latest_session(symbol, NOW) == last
    assert source.final_session(symbol) == last
    (pull,) = source.fetch_bars([symbol], first, last)
    assert (as_days(pull.bars["session"]) == calendar_of(symbol).sessions(first, last)).all()
    assert pull.bars.iloc[-1][["close", "volume_shares"]].tolist() == [close, volume]
    assert pull.bars["amount_cny"].isna().all()


def test_another_symbol_is_refused_with_those_that_are_there() -> None:
    with pytest.raises(SourceError, match=r"no 000905\.SH") as caught:
        list(SampleSource().fetch_bars(["000905.SH"], date(2020, 1, 2), date(2020, 1, 3)))
    assert "000300.SH, ^GSPC, ^IXIC" in caught.value.remedy
