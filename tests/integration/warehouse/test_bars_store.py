"""Bars are merged exactly, revisions keep the old value, and history is known as of any moment."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest

from factorprism.core.errors import WarehouseError
from factorprism.market.bars import BAR_COLUMNS, empty_bars

EVER = (date(2000, 1, 1), date(2025, 12, 31))


def load(warehouse, *symbols, **known):
    return warehouse.bars.load_bars(symbols or ("000300.SH",), *EVER, **known)


@pytest.mark.parametrize("n", [10, 1000])
def test_bars_come_back_exactly(warehouse, merge, build_bars, n):
    bars = build_bars(n=n)
    bars.loc[2, ["amount_cny", "pre_close"]] = np.nan
    bars.loc[3, "close"] = np.nextafter(3000.0, 4000.0)
    result = merge(bars)
    assert (result.inserted, result.revisions, result.first_changed) == (n, (), date(2020, 1, 2))
    pd.testing.assert_frame_equal(load(warehouse), bars, check_exact=True)


def test_merging_again_changes_nothing(warehouse, merge, build_bars):
    bars = build_bars()
    bars.loc[2, "amount_cny"] = np.nan
    merge(bars)
    before = warehouse.fingerprints()
    result = merge(bars)
    assert (result.inserted, result.revisions, result.first_changed) == (0, (), None)
    assert warehouse.fingerprints() == before


@pytest.mark.parametrize("n", [10, 1000])
def test_each_changed_value_is_one_revision(warehouse, merge, build_bars, n):
    bars = build_bars(n=n)
    merge(bars)
    revised = bars.copy()
    revised.loc[4, "close"] = np.nextafter(bars.loc[4, "close"], 1e9)
    revised.loc[4, "pct_chg"] = np.nan
    revised.loc[7, "open"] = 1.5
    result = merge(revised)
    assert result.inserted == 0
    assert result.first_changed == bars.loc[4, "session"].date()
    assert [(r.session, r.column, r.pull_id) for r in result.revisions] == [
        (bars.loc[4, "session"].date(), "close", 2),
        (bars.loc[4, "session"].date(), "pct_chg", 2),
        (bars.loc[7, "session"].date(), "open", 2),
    ]
    pd.testing.assert_frame_equal(load(warehouse), revised, check_exact=True)
    held = warehouse.bars.load_revisions("000300.SH", *EVER)
    assert held["column"].tolist() == ["close", "pct_chg", "open"]
    assert held["old_value"].tolist() == [
        *(bars.loc[4, "close"], bars.loc[4, "pct_chg"], bars.loc[7, "open"])
    ]
    np.testing.assert_array_equal(
        held["new_value"], [revised.loc[4, "close"], np.nan, revised.loc[7, "open"]]
    )
    assert warehouse.bars.load_revisions("000300.SH", *EVER).shape == held.shape


def test_revised_bar_names_its_new_pull_and_others_keep_theirs(merge, build_bars, run_sql):
    bars = build_bars(n=3)
    merge(bars)
    revised = bars.copy()
    revised.loc[1, "close"] = 1.0
    merge(revised)
    assert run_sql("SELECT pull_id FROM prism.bars ORDER BY session") == [(1,), (2,), (1,)]


def test_new_and_revised_bars_come_in_one_merge(warehouse, merge, build_bars):
    bars = build_bars(n=12)
    merge(bars.iloc[:8])
    revised = bars.iloc[5:].copy()
    revised.loc[6, "low"] = 7.0
    result = merge(revised)
    assert result.inserted == 4
    assert len(result.revisions) == 1
    assert result.first_changed == bars.loc[6, "session"].date()
    assert len(load(warehouse)) == 12


def test_order_of_rows_does_not_matter(warehouse, merge, build_bars):
    bars = build_bars(n=300)
    merge(bars.sample(frac=1, random_state=3))
    pd.testing.assert_frame_equal(load(warehouse), bars, check_exact=True)


def test_minus_zero_is_no_revision(warehouse, merge, build_bars):
    bars = build_bars(n=2)
    bars["pct_chg"] = 0.0
    merge(bars)
    assert merge(bars.assign(pct_chg=-0.0)).revisions == ()


def test_merge_refuses_what_it_cannot_key(warehouse, build_bars):
    two = pd.concat([build_bars(), build_bars("000905.SH")])
    with pytest.raises(ValueError, match="holds 2 symbols"):
        warehouse.bars.merge_bars(two, 1)
    twice = pd.concat([build_bars(), build_bars().iloc[:1]])
    with pytest.raises(ValueError, match="session 2020-01-02 stands twice"):
        warehouse.bars.merge_bars(twice, 1)
    with pytest.raises(WarehouseError, match="fk_bars_pull_id"):
        warehouse.bars.merge_bars(build_bars(), 99)
    assert load(warehouse).empty


def test_empty_merge_does_nothing(warehouse):
    result = warehouse.bars.merge_bars(empty_bars(), 1)
    assert (result.inserted, result.revisions, result.first_changed) == (0, (), None)


def test_bars_are_known_as_they_were(warehouse, merge, build_bars, run_sql):
    first = build_bars(n=5)
    merge(first)
    after_first = _now(run_sql)
    second = build_bars(n=8)
    second.iloc[:5] = first
    second.loc[2, "close"] = 11.0
    merge(second)
    after_second = _now(run_sql)
    third = second.copy()
    third.loc[2, "close"] = 22.0
    third.loc[6, "open"] = 33.0
    merge(third)
    pd.testing.assert_frame_equal(load(warehouse, known_at=after_first), first, check_exact=True)
    pd.testing.assert_frame_equal(load(warehouse, known_at=after_second), second, check_exact=True)
    pd.testing.assert_frame_equal(load(warehouse), third, check_exact=True)
    assert load(warehouse, known_at=after_first - timedelta(days=1)).empty
    zoned = after_second.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=8)))
    pd.testing.assert_frame_equal(load(warehouse, known_at=zoned), second, check_exact=True)


def test_clock_that_was_set_back_keeps_the_order_of_revisions(
    warehouse, merge, build_bars, run_sql
):
    bars = build_bars(n=3)
    merge(bars)
    later = datetime(2099, 1, 1)
    run_sql("UPDATE prism.bar_extents SET changed_at = %s", later.replace(tzinfo=UTC))
    merge(bars.assign(close=5.0))
    pd.testing.assert_frame_equal(load(warehouse, known_at=later), bars, check_exact=True)


def test_only_asked_symbols_and_sessions_are_loaded(warehouse, merge, build_bars):
    merge(build_bars())
    merge(build_bars("000905.SH"))
    loaded = warehouse.bars.load_bars(
        ["000905.SH", "399006.SZ", "000300.SH"], date(2020, 1, 3), date(2020, 1, 6)
    )
    assert list(loaded.columns) == list(BAR_COLUMNS)
    assert loaded["symbol"].tolist() == ["000300.SH"] * 2 + ["000905.SH"] * 2
    assert loaded["session"].dt.date.tolist() == [date(2020, 1, 3), date(2020, 1, 6)] * 2
    nothing = warehouse.bars.load_bars(["399006.SZ"], *EVER)
    pd.testing.assert_frame_equal(nothing, empty_bars())


def test_extent_follows_the_merges(warehouse, merge, build_bars):
    assert warehouse.bars.load_extent("000300.SH") is None
    bars = build_bars(n=10)
    merge(bars.iloc[4:8])
    assert warehouse.bars.load_extent("000300.SH") == (date(2020, 1, 8), date(2020, 1, 13))
    merge(bars)
    assert warehouse.bars.load_extent("000300.SH") == (date(2020, 1, 2), date(2020, 1, 15))


def test_rivals_that_merge_the_same_bars_write_them_once(
    warehouse, merge, open_rivals, build_bars, build_pull, run_together
):
    bars = {symbol: build_bars(symbol, n=400) for symbol in ("000300.SH", "000905.SH")}
    for frame in bars.values():
        merge(frame.iloc[:100])
    revised = {symbol: frame.assign(close=frame["close"] + 1) for symbol, frame in bars.items()}
    ids = {s: warehouse.pulls.save_pull(build_pull(frame)) for s, frame in revised.items()}

    def both(rival, symbols):
        return [rival.bars.merge_bars(revised[s], ids[s]) for s in symbols]

    forward, rivals = sorted(bars), open_rivals(4)
    orders = [forward, forward[::-1]] * 2
    results = run_together(
        *(lambda w=w, order=order: both(w, order) for w, order in zip(rivals, orders, strict=True))
    )
    merged = [result for pair in results for result in pair]
    assert sorted(result.inserted for result in merged) == [0] * 6 + [300] * 2
    assert sorted(len(result.revisions) for result in merged) == [0] * 6 + [100] * 2
    for symbol in bars:
        pd.testing.assert_frame_equal(load(warehouse, symbol), revised[symbol], check_exact=True)
        assert len(warehouse.bars.load_revisions(symbol, *EVER)) == 100


def _now(run_sql):
    moment = run_sql("SELECT clock_timestamp()")[0][0]
    return moment.astimezone(UTC).replace(tzinfo=None)
