"""The measures that are checked: by hand where they are short, and never with the future."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from factorprism.core.calendar import TradingCalendar
from factorprism.market.bars import empty_bars, make_bars
from factorprism.quality._measures import make_keys, measure_calendar, share_market
from gate_of_one_symbol import measure_one


def _bars(calendar: TradingCalendar, close: list[float], **columns: object) -> pd.DataFrame:
    sessions = calendar.session_days[-1000 : -1000 + len(close)]
    values = dict.fromkeys(["open", "high", "low", "close"], close)
    frame = {"symbol": "000300.SH", "session": sessions, **values, "volume_shares": 1e9}
    return make_bars(pd.DataFrame(frame | columns))


def test_moves_and_vendor_fields_by_hand(xshg: TradingCalendar):
    bars = _bars(xshg, [100.0, 110.0, 99.0], pre_close=[90.0, 101.0, 110.0], pct_chg=11.0)
    measured = measure_one(bars, empty_bars(), xshg, is_index=True)
    assert measured["log_return"].tolist()[1:] == pytest.approx([math.log(1.1), math.log(0.9)])
    assert measured["pre_close_error"].tolist()[1:] == [1.0, 0.0]
    # pct_chg is checked against pre_close: 110 / 101 and 99 / 110, less the rounding of the price.
    assert measured["pct_chg_error"].tolist()[1:] == pytest.approx(
        [11.0 - 900.0 / 101.0 - 0.05 / 110.0, 21.0 - 0.05 / 99.0]
    )


def test_a_share_moves_from_its_ex_rights_pre_close(xshg: TradingCalendar):
    bars = _bars(xshg, [100.0, 51.0], pre_close=[np.nan, 50.0])
    as_share = measure_one(bars, empty_bars(), xshg, is_index=False)["log_return"].iloc[1]
    as_index = measure_one(bars, empty_bars(), xshg, is_index=True)["log_return"].iloc[1]
    assert as_share == pytest.approx(math.log(51.0 / 50.0))
    assert as_index == pytest.approx(math.log(51.0 / 100.0))


def test_volume_shift_is_the_least_of_three_sessions(xshg: TradingCalendar):
    volume = [1e9] * 10 + [1e10, 1e11, 1e10, 1e9]
    bars = _bars(xshg, [100.0 + day for day in range(14)], volume_shares=volume)
    measured = measure_one(bars, empty_bars(), xshg, is_index=True)
    assert measured["volume_jump_log10"].tolist()[10:] == pytest.approx([1.0, 2.0, 1.0, 0.0])
    assert measured["volume_shift_log10"].tolist()[10:] == pytest.approx([0.0, 0.0, 1.0, 0.0])


def test_identical_rows_are_counted_as_they_come(xshg: TradingCalendar):
    bars = _bars(xshg, [1.0, 2.0, 2.0, 2.0, 3.0])
    measured = measure_one(bars, empty_bars(), xshg, is_index=True)
    assert measured["identical_sessions"].tolist() == [1, 1, 2, 3, 1]


def test_days_are_expected_held_or_both(xshg: TradingCalendar):
    bars = _bars(xshg, [1.0, 2.0, 3.0]).iloc[[0, 0, 2]]
    sessions = xshg.session_days[-1000:-996]
    held = bars["session"].to_numpy().astype("datetime64[D]").astype(np.int64)
    expected = sessions[1:].astype(np.int64)
    days = measure_calendar(make_keys(0, held), make_keys(0, expected))
    assert days["rows"].tolist() == [2, 0, 1, 0]
    assert days["is_expected"].tolist() == [False, True, True, True]


def test_no_measure_reads_a_later_session(index_bars: pd.DataFrame, xshg: TradingCalendar):
    whole = measure_one(index_bars, empty_bars(), xshg, is_index=True)
    for cut in (30, 300, 777):
        part = measure_one(index_bars.iloc[:cut], empty_bars(), xshg, is_index=True)
        pd.testing.assert_frame_equal(part, whole.iloc[:cut], check_exact=True)


def test_history_and_pull_measure_as_one_series(index_bars: pd.DataFrame, xshg: TradingCalendar):
    whole = measure_one(index_bars, empty_bars(), xshg, is_index=True)
    split = measure_one(index_bars.iloc[400:], index_bars.iloc[:400], xshg, is_index=True)
    pd.testing.assert_frame_equal(split, whole.iloc[400:].reset_index(drop=True))


def test_a_move_over_a_hole_weighs_by_the_root_of_its_sessions(xshg: TradingCalendar):
    bars = _bars(xshg, [100.0, *[math.nan] * 8, 130.0]).iloc[[0, 9]]
    measured = measure_one(bars, empty_bars(), xshg, is_index=True)
    assert measured["log_return"].iloc[1] == pytest.approx(math.log(1.3) / 3.0)
    # Nothing is known of the close before a hole's end, so pre_close is not checked there.
    given = measure_one(bars.assign(pre_close=1.0), empty_bars(), xshg, is_index=True)
    assert given["pre_close_error"].isna().all()


def test_a_jump_is_measured_by_the_moves_before_it(xshg: TradingCalendar):
    # Moves of 1% up and down make a typical move of 1.4826%; the last one is 10%.
    close = [100.0 * math.exp(0.01 * (day % 2)) for day in range(30)]
    close.append(close[-1] * math.exp(0.1))
    scores = measure_one(_bars(xshg, close), empty_bars(), xshg, is_index=True)["jump_score"]
    assert scores.iloc[:21].isna().all()
    assert scores.iloc[29:].tolist() == pytest.approx([1.0 / 1.4826, 10.0 / 1.4826])


def test_a_quiet_past_does_not_make_an_ordinary_move_a_jump(xshg: TradingCalendar):
    close = [*[100.0] * 30, 100.0 * math.exp(0.02)]
    scores = measure_one(_bars(xshg, close), empty_bars(), xshg, is_index=True)["jump_score"]
    assert scores.iloc[-1] == pytest.approx(0.02 / 0.005)


def test_what_is_shared_is_the_median_of_all_other_symbols() -> None:
    random = np.random.default_rng(3)
    symbols, days = (grid.ravel() for grid in np.meshgrid(range(7), range(40), indexing="ij"))
    held = random.random(len(days)) < 0.8
    symbols, days = symbols[held], days[held]
    scores = np.where(random.random(len(days)) < 0.2, np.nan, random.normal(size=len(days)))
    table = pd.Series(scores, [days, symbols]).unstack()
    at_symbols, at_days = (grid.ravel() for grid in np.meshgrid(range(-1, 7), range(-1, 41)))
    shared = share_market(scores, days, symbols, at_days, at_symbols)
    medians = {
        symbol: table.drop(columns=symbol, errors="ignore").median(axis=1)
        for symbol in range(-1, 7)
    }
    expected = [
        medians[symbol].get(day, np.nan) for symbol, day in zip(at_symbols, at_days, strict=True)
    ]
    np.testing.assert_array_equal(shared, expected)
    assert np.isnan(shared).any()


def test_a_day_of_one_symbol_alone_is_shared_by_none() -> None:
    one = np.array([5.0]), np.array([10]), np.array([0])
    assert np.isnan(share_market(*one, np.array([10]), np.array([0]))).all()
    assert share_market(*one, np.array([10]), np.array([1])).tolist() == [5.0]
