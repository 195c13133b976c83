"""Incremental rows equal rebuilt ones; many symbols equal one; faulty frames are refused."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from factorprism.factors import CATALOGUE, bars_needed_from, compute_factors, compute_panels
from factorprism.factors.computation import compute_values
from factorprism.factors.factor import INPUTS
from factorprism.market.bars import make_bars


def days_and_columns(bars: pd.DataFrame):
    sessions = bars["session"].to_numpy().astype("datetime64[D]")
    return sessions, {name: bars[name].to_numpy() for name in INPUTS}


def only_needed(bars: pd.DataFrame, first: date, last: date) -> pd.DataFrame:
    within = bars["session"].between(pd.Timestamp(bars_needed_from(first)), pd.Timestamp(last))
    return bars[within].reset_index(drop=True)


def test_hs300_of_2013_to_2016_misses_just_the_warm_up(hs300):
    bars = hs300[hs300["session"].between("2013-01-04", "2016-12-30")]
    panel = compute_factors(bars)
    missing = np.isnan(panel.values).sum(axis=0)
    assert panel.values.size == 971 * 16 == 15_536
    assert missing.tolist() == [factor.lookback for factor in CATALOGUE]
    assert missing.sum() == sum(factor.lookback for factor in CATALOGUE)


@pytest.mark.parametrize("start", ["2015-12-10", "2019-12-20", "2014-06-03", "2023-12-25"])
def test_session_by_session_equals_a_rebuild_byte_for_byte(start, hs300):
    whole = compute_factors(hs300)
    first = int(np.searchsorted(whole.sessions, np.datetime64(start)))
    for row in range(first, first + 15):
        session = whole.sessions[row].astype(date)
        panel = compute_factors(only_needed(hs300, session, session), first=session)
        assert panel.sessions.tolist() == [session]
        assert panel.values.tobytes() == whole.values[row].tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_range_equals_a_rebuild_byte_for_byte_across_segments(dtype, hs300):
    whole = compute_values(*days_and_columns(hs300), dtype)
    for first in (date(2010, 5, 4), date(2015, 12, 31), date(2016, 1, 1), date(2024, 1, 2)):
        bars = only_needed(hs300, first, date(2025, 12, 31))
        values = compute_values(*days_and_columns(bars), dtype, first=first)
        assert 0 < len(values) < len(whole)
        assert values.dtype == dtype
        assert values.tobytes() == whole[-len(values) :].tobytes()


def test_bars_before_those_needed_change_nothing(hs300):
    first = date(2018, 3, 1)
    altered = hs300.copy()
    long_ago = altered["session"] < pd.Timestamp(bars_needed_from(first))
    altered.loc[long_ago, list(INPUTS)] *= 3.0
    assert long_ago.any()
    one, other = compute_factors(hs300, first=first), compute_factors(altered, first=first)
    assert one.values.tobytes() == other.values.tobytes()


def test_incremental_equals_rebuilt_over_a_long_suspension(make_series):
    # Off the market from before the warm-up's first day until after the segment's.
    bars = make_series(2600, start="2006-01-02")
    off = bars["session"].between("2009-11-20", "2012-02-10")
    for listed in (bars[~off].reset_index(drop=True), bars.assign(close=bars["close"].mask(off))):
        whole = compute_factors(listed)
        for first in (date(2012, 2, 13), date(2012, 3, 1), date(2013, 1, 2)):
            panel = compute_factors(only_needed(listed, first, date(2030, 1, 1)), first=first)
            assert panel.values.tobytes() == whole.values[-len(panel.values) :].tobytes()


def test_a_segment_differs_from_an_uncut_history_by_less_than_a_billionth(hs300):
    sessions, columns = days_and_columns(hs300)
    cut = compute_values(sessions, columns, np.float64)
    for position, factor in enumerate(CATALOGUE):
        uncut = factor.compute(*(columns[name] for name in factor.inputs))
        assert np.nanmax(np.abs(cut[:, position] - uncut)) < 1e-9, factor.name


def test_panels_of_many_symbols_equal_those_computed_alone(make_series):
    symbols = [f"00000{number}.SZ" for number in range(5)]
    frames = [
        make_series(700 + 90 * number, seed=number, symbol=symbol)
        for number, symbol in enumerate(symbols)
    ]
    frames[2].loc[40:50, "close"] = np.nan
    bars = make_bars(pd.concat(frames))
    for threads in (1, 2, 7):
        for first in (None, date(2011, 6, 1)):
            panels = compute_panels(bars, first=first, threads=threads)
            assert [panel.symbol for panel in panels] == symbols
            for frame, panel in zip(frames, panels, strict=True):
                alone = compute_factors(frame, first=first)
                assert panel.values.tobytes() == alone.values.tobytes()
                assert panel.sessions.tolist() == alone.sessions.tolist()
                assert panel.values.flags.c_contiguous


def test_a_symbol_without_a_session_from_first_on_has_an_empty_panel(make_series):
    bars = pd.concat([make_series(50), make_series(50, start="2015-01-01", symbol="000002.SZ")])
    ended, current = compute_panels(make_bars(bars), first=date(2015, 1, 1))
    assert ended.values.shape == (0, len(CATALOGUE))
    assert current.values.shape == (50, len(CATALOGUE))


def test_no_bars_give_no_panels(make_series):
    assert compute_panels(make_series(10)[:0]) == []


def test_faulty_frames_are_refused(make_series):
    bars = make_series(50)
    two = make_bars(pd.concat([bars, make_series(50, symbol="000002.SZ")]))
    with pytest.raises(ValueError, match="2 symbols, exactly one"):
        compute_factors(two)
    with pytest.raises(ValueError, match="0 symbols, exactly one"):
        compute_factors(bars[:0])
    with pytest.raises(ValueError, match="must stand together"):
        compute_panels(two.sort_values("session", kind="stable"))
    with pytest.raises(ValueError, match="strictly ascending"):
        compute_factors(pd.concat([bars, bars[-1:]]))
    with pytest.raises(ValueError, match="strictly ascending"):
        compute_factors(bars[::-1], first=date(2009, 1, 15))
    with pytest.raises(ValueError, match="volume_shares"):
        compute_factors(bars.drop(columns="volume_shares"))
