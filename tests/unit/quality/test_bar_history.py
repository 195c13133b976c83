"""The seam between a pull and the bars held before it, and files that change their instrument."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from factorprism.market.findings import QualityResult

Failures = Callable[..., dict[str, QualityResult]]
Loader = Callable[[str], pd.DataFrame]
UNKNOWN = dict.fromkeys(["amount_cny", "pre_close", "pct_chg"], np.nan)


def _critical(failures: dict[str, QualityResult]) -> set[str]:
    return {name for name, result in failures.items() if result.severity == "critical"}


def _other_index(bars: pd.DataFrame) -> pd.DataFrame:
    prices = ["open", "high", "low", "close", "pre_close"]
    other = bars.copy()
    other[prices] *= 1.4
    return other


def test_one_new_session_is_checked_against_the_history(
    index_bars: pd.DataFrame, failures_of: Failures
):
    history, today = index_bars.iloc[:-1], index_bars.iloc[-1:]
    assert failures_of(today, history) == {}
    found = _critical(failures_of(_other_index(today), history))
    assert {"move_possible", "jump_possible", "no_contradicted_jump"} <= found
    # Without a history the same row has nothing to be compared with.
    assert _critical(failures_of(_other_index(today))) == set()


def test_a_unit_switch_shows_on_its_first_evening(index_bars: pd.DataFrame, failures_of: Failures):
    history, today = index_bars.iloc[:-1], index_bars.iloc[-1:]
    lots = today.assign(volume_shares=today["volume_shares"] / 100.0)
    assert "average_price_continuous" in _critical(failures_of(lots, history))
    assert "volume_unit_holds" in _critical(failures_of(lots.assign(**UNKNOWN), history))


def test_a_pull_is_not_compared_with_its_own_older_copy(
    index_bars: pd.DataFrame, failures_of: Failures
):
    assert failures_of(index_bars.iloc[-20:], index_bars) == {}


def test_another_symbols_history_is_left_out(index_bars: pd.DataFrame, failures_of: Failures):
    foreign = _other_index(index_bars.iloc[:-1]).assign(symbol="000905.SH")
    assert failures_of(index_bars.iloc[-1:], foreign) == {}


def test_a_column_that_the_source_ceases_to_give_is_a_warning(
    index_bars: pd.DataFrame, failures_of: Failures
):
    failures = failures_of(index_bars.iloc[-20:].assign(amount_cny=np.nan), index_bars.iloc[:-20])
    assert set(failures) == {"mostly_given"}
    assert failures["mostly_given"].column == "amount_cny"


def test_a_file_that_turns_into_another_instrument_half_way_is_stopped(
    us_bars: dict[str, pd.DataFrame], failures_of: Failures
):
    first, second = us_bars["^GSPC"], us_bars["^IXIC"].assign(symbol="^GSPC")
    half = len(first) // 2
    turned = pd.concat([first.iloc[:half], second.iloc[half:]], ignore_index=True)
    turned["pre_close"] = second["close"].shift().where(second.index >= half)
    assert {"move_possible", "no_contradicted_jump"} <= _critical(failures_of(turned))


def test_another_index_of_a_similar_level_is_reported_by_its_average_price(
    index_bars: pd.DataFrame, failures_of: Failures
):
    # A jump of 9% might be a crash; constituents that cost half as much are another index's.
    prices, half = ["open", "high", "low", "close"], len(index_bars) // 2
    turned = index_bars.assign(pre_close=np.nan, pct_chg=np.nan)
    turned.loc[half:, prices] *= 0.91
    crash = failures_of(
        turned.assign(amount_cny=turned["amount_cny"] * np.where(turned.index >= half, 0.91, 1.0))
    )
    assert _critical(crash) == set()
    turned.loc[half:, "amount_cny"] *= 0.5
    assert "no_held_seam" in _critical(failures_of(turned))


@pytest.mark.parametrize("name", ["000300.SH", "000905.SH", "399006.SZ", "000001.SH"])
def test_real_chinese_indices_pass_from_2005(shared_bars: Loader, failures_of: Failures, name: str):
    bars = shared_bars(f"cn_index/{name}.csv")
    assert _critical(failures_of(bars[bars["session"] >= "2005"])) == set()


@pytest.mark.parametrize("name", ["cn_etf/510300.SH.csv", "cn_stock/601398.SH_2024.csv"])
def test_a_real_fund_and_a_real_share_pass(shared_bars: Loader, failures_of: Failures, name: str):
    bars = shared_bars(name)
    assert _critical(failures_of(bars)) == set()
    lots = bars.copy()
    lots.loc[len(lots) // 2 :, "volume_shares"] /= 100.0
    assert {"average_price_mostly_in_range", "average_price_unit"} <= _critical(failures_of(lots))


def test_the_early_sse_composite_shows_its_eighteen_faults(
    shared_bars: Loader, failures_of: Failures
):
    failures = failures_of(shared_bars("cn_index/000001.SH.csv"))
    faults = {"high_covers_body", "low_covers_body", "high_above_low"}
    sessions = {
        example["session"]
        for name in faults
        for example in failures[name].details["examples"]  # type: ignore[attr-defined]
    }
    assert len(sessions) == 18
    assert max(sessions) < "1997"


def test_hs300_that_turns_into_zz500_half_way_is_stopped(
    shared_bars: Loader, failures_of: Failures
):
    first = shared_bars("cn_index/000300.SH.csv")
    second = shared_bars("cn_index/000905.SH.csv").assign(symbol="000300.SH")
    half = len(first) // 2
    turned = pd.concat([first.iloc[:half], second.iloc[half:]], ignore_index=True)
    assert {"move_possible", "no_seam"} <= _critical(failures_of(turned))
