"""What every source of bars promises, whatever stands behind it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest

from factorprism.core.errors import FactorPrismError
from factorprism.market.bars import BAR_COLUMNS, BAR_VALUES, PullState

LATER = datetime(2026, 1, 5)
FIRST, LAST = date(2013, 1, 4), date(2016, 12, 30)


def bars_of(pulls: Any) -> pd.DataFrame:
    return pd.concat([pull.bars for pull in pulls], ignore_index=True)


def test_bars_equal_the_origin_in_shares_and_cny(subject: Any) -> None:
    bars = bars_of(subject.build(LATER).fetch_bars([subject.symbol], FIRST, LAST))
    days = subject.truth["trade_date"]
    expected = subject.truth[(days >= str(FIRST)) & (days <= str(LAST))]
    assert len(bars) == 971
    assert bars["session"].dt.strftime("%Y-%m-%d").tolist() == expected["trade_date"].tolist()
    names = {"volume": "volume_shares", "amount": "amount_cny"}
    for name in ("open", "high", "low", "close", "volume", "amount"):
        np.testing.assert_array_equal(bars[names.get(name, name)], expected[name], err_msg=name)


def test_every_pull_is_a_bar_frame_of_its_symbol(subject: Any) -> None:
    source = subject.build(LATER)
    for pull in source.fetch_bars([subject.symbol], FIRST, LAST):
        assert tuple(pull.bars.columns) == BAR_COLUMNS
        assert set(pull.bars["symbol"]) == {subject.symbol}
        assert all(pull.bars[name].dtype == np.float64 for name in BAR_VALUES)
        assert pull.bars["session"].dtype == "datetime64[us]"
        assert pull.bars["session"].is_monotonic_increasing
        assert pull.bars.index.equals(pd.RangeIndex(len(pull.bars)))
        assert (pull.source, pull.state) == (source.name, PullState.PULLED)
        assert pull.fetched_at == LATER


def test_pulls_cover_the_range_without_gap_or_overlap_oldest_first(subject: Any) -> None:
    first, last = date(2006, 1, 6), date(2025, 12, 31)
    pulls = list(subject.build(LATER).fetch_bars([subject.symbol], first, last))
    assert pulls[0].first == first
    assert pulls[-1].last == last
    for before, after in pairwise(pulls):
        assert after.first == before.last + timedelta(days=1)
    for pull in pulls:
        assert pull.bars["session"].between(str(pull.first), str(pull.last)).all()


def test_the_same_question_gives_the_same_content(subject: Any) -> None:
    source = subject.build(LATER)
    once, again = (
        [pull.content_hash for pull in source.fetch_bars([subject.symbol], FIRST, LAST)]
        for _ in range(2)
    )
    assert once == again


def test_a_caller_may_change_what_it_was_given(subject: Any) -> None:
    source = subject.build(LATER)
    (pull,) = source.fetch_bars([subject.symbol], date(2015, 1, 5), date(2015, 1, 9))
    before = pull.content_hash
    pull.bars["close"] = 0.0
    (again,) = source.fetch_bars([subject.symbol], date(2015, 1, 5), date(2015, 1, 9))
    assert again.content_hash == before


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2015, 6, 16, 11, 14), date(2015, 6, 15)),
        (datetime(2015, 6, 16, 11, 15), date(2015, 6, 16)),
    ],
)
def test_a_session_is_given_from_its_publication_on(
    subject: Any, moment: datetime, expected: date
) -> None:
    source = subject.build(moment)
    pulls = list(source.fetch_bars([subject.symbol], date(2015, 6, 10), date(2015, 6, 16)))
    assert bars_of(pulls)["session"].max().date() == expected
    assert pulls[-1].last == expected
    assert source.latest_session(subject.symbol, moment) == expected


def test_a_range_of_unpublished_sessions_gives_no_pull(subject: Any) -> None:
    source = subject.build(datetime(2015, 6, 15, 8))
    assert not list(source.fetch_bars([subject.symbol], date(2015, 6, 15), date(2015, 6, 16)))


def test_days_without_trading_belong_to_the_range(subject: Any) -> None:
    source = subject.build(datetime(2015, 6, 14, 12))  # a Sunday
    (pull,) = source.fetch_bars([subject.symbol], date(2015, 6, 13), date(2015, 6, 14))
    assert (pull.first, pull.last, len(pull.bars)) == (date(2015, 6, 13), date(2015, 6, 14), 0)


def test_the_first_session_has_a_bar_or_lies_before_all(subject: Any) -> None:
    assert subject.build(LATER).first_session(subject.symbol) <= date(2006, 1, 6)


@pytest.mark.parametrize("symbol", ["999999.XX", "^FTSE", "../000300.SH"])
def test_a_symbol_that_is_not_served_is_refused_in_plain_language(
    subject: Any, symbol: str
) -> None:
    with pytest.raises(FactorPrismError, match=symbol.replace("^", r"\^")) as caught:
        list(subject.build(LATER).fetch_bars([symbol], FIRST, LAST))
    assert caught.value.remedy


def test_a_range_that_runs_backwards_is_refused(subject: Any) -> None:
    source = subject.build(LATER)
    with pytest.raises(ValueError, match="first: 2016-12-30"):
        source.fetch_bars([subject.symbol], LAST, FIRST)
