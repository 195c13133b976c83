"""Every warning of single rows has a critical rule for many; findings have names that last."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

import numpy as np
import pandas as pd
import pytest

from factorprism.core.calendar import TradingCalendar, calendar_of
from factorprism.core.severity import CRITICAL, WARNING
from factorprism.market.findings import Finding, QualityResult
from factorprism.quality import blank_untraded, is_too_much, sort_out
from factorprism.quality._rules import BETWEEN, FindingScope, Rule
from factorprism.quality.bar_rules import bar_rules
from factorprism.quality.schema_rules import calendar_rules, schema_rules
from gate_of_one_symbol import check_one

Failures = Callable[..., dict[str, QualityResult]]
SUITES = {
    symbol: [*schema_rules(), *calendar_rules(), *bar_rules(symbol, 1000)]
    for symbol in ("000300.SH", "510300.SH", "^GSPC")
}


@pytest.mark.parametrize("symbol", SUITES)
def test_every_warning_of_single_rows_has_a_critical_counterpart_for_many(symbol: str) -> None:
    by_key = {(rule.name, rule.column): rule for rule in SUITES[symbol]}
    warnings = [
        rule
        for rule in SUITES[symbol]
        if (rule.severity, rule.expectation) == (WARNING, BETWEEN)
        and rule.scope is not FindingScope.PULL
    ]
    assert len(warnings) > 5
    for rule in warnings:
        many = by_key[rule.counterpart, rule.column]
        assert many.severity == CRITICAL, rule.name
        assert _measured(many) == _measured(rule), rule.name
        mostly = many.options["mostly"]
        assert isinstance(mostly, float)
        # Half of all rows are never let through.
        assert mostly >= 0.499, rule.name


def _measured(rule: Rule) -> dict[str, object]:
    return {name: value for name, value in rule.options.items() if name != "mostly"}


def test_volume_zero_on_half_the_rows_is_critical_and_on_two_a_warning(
    index_bars: pd.DataFrame, failures_of: Failures
) -> None:
    half, two = index_bars.copy(), index_bars.copy()
    half.loc[::2, "volume_shares"] = 0.0
    two.loc[[300, 500], "volume_shares"] = [0.0, np.nan]
    assert failures_of(half)["volume_mostly_traded"].severity == "critical"
    assert {name: item.severity for name, item in failures_of(two).items()} == {
        "volume_traded": "warning"
    }


def test_a_zero_volume_of_an_index_is_missing_and_that_of_a_share_is_not(
    index_bars: pd.DataFrame,
) -> None:
    bars = index_bars.iloc[:3].assign(volume_shares=[1.0, 0.0, 2.0])
    assert blank_untraded(bars)["volume_shares"].isna().tolist() == [False, True, False]
    share = bars.assign(symbol="601398.SH")
    assert blank_untraded(share)["volume_shares"].tolist() == [1.0, 0.0, 2.0]


def test_a_low_within_the_quoting_precision_of_the_close_is_none_above_it(
    index_bars: pd.DataFrame, failures_of: Failures
) -> None:
    near, beyond = index_bars.copy(), index_bars.copy()
    for bars, factor in ((near, 1.0 + 7e-6), (beyond, 1.001)):
        bars.loc[500, "low"] = bars.loc[500, ["open", "close"]].min() * factor
        bars.loc[500, "high"] = bars.loc[500, ["open", "high", "low", "close"]].max()
    assert failures_of(near) == {}
    assert set(failures_of(beyond)) == {"low_covers_body"}


def _sort(bars: pd.DataFrame) -> set[date]:
    return set(_check(bars))


def _check(bars: pd.DataFrame) -> Mapping[date, Finding]:
    first, last = bars["session"].min().date(), bars["session"].max().date()
    results = check_one(bars, "000300.SH", first, last, calendar=calendar_of("000300.SH"))
    found = sort_out(results)
    assert found.refused == ()
    return found.set_aside


def _days(bars: pd.DataFrame, *rows: int) -> set[date]:
    return {bars["session"].iloc[row].date() for row in rows}


def test_rows_are_set_aside_one_by_one(index_bars: pd.DataFrame) -> None:
    bars = index_bars.copy()
    bars.loc[100, ["high", "low"]] = bars.loc[100, ["low", "high"]].to_numpy().copy()
    bars.loc[300, "open"] = -1.0
    assert _sort(bars.drop(index=200)) == _days(bars, 100, 200, 300)


def test_a_wrong_close_is_blamed_and_not_the_day_on_which_it_comes_back(
    index_bars: pd.DataFrame,
) -> None:
    bars = index_bars.copy()
    bars.loc[500, ["close", "high"]] *= 1.4
    assert _sort(bars) == _days(bars, 500)
    bare = bars.assign(pre_close=np.nan, pct_chg=np.nan, amount_cny=np.nan)
    assert _sort(bare) == _days(bars, 500)


def test_a_row_that_comes_back_from_a_wrong_one_before_the_pull_is_not_blamed(
    index_bars: pd.DataFrame,
) -> None:
    bars = index_bars.assign(pre_close=np.nan, pct_chg=np.nan, amount_cny=np.nan)
    bars.loc[500, ["close", "high"]] *= 1.4
    pull = bars.iloc[501:]
    first, last = pull["session"].iloc[[0, -1]].dt.date
    results = check_one(
        pull, "000300.SH", first, last, calendar=calendar_of("000300.SH"), history=bars.iloc[:501]
    )
    assert any(not item.success and item.severity == CRITICAL for item in results)
    assert sort_out(results).set_aside == {}
    assert sort_out(results).refused == ()


def test_what_turns_into_another_instrument_is_set_aside_from_there_on(
    index_bars: pd.DataFrame,
) -> None:
    bars = index_bars.copy()
    bars.loc[990:, ["open", "high", "low", "close", "pre_close"]] *= 1.4
    assert _sort(bars) == _days(bars, *range(990, 1000))
    assert is_too_much(10, 21, 0.05)
    assert not is_too_much(2, 21, 0.05)


def test_copies_are_set_aside_and_the_price_that_was_copied_is_not(
    index_bars: pd.DataFrame,
) -> None:
    bars = index_bars.assign(pre_close=np.nan, pct_chg=np.nan)
    prices = ["open", "high", "low", "close"]
    bars.loc[501:512, prices] = bars.loc[500, prices].to_numpy(dtype=float)
    first, last = bars["session"].iloc[[0, -1]].dt.date
    results = check_one(bars, "000300.SH", first, last, calendar=calendar_of("000300.SH"))
    alive = next(item for item in results if item.expectation == "prices_alive")
    assert set(sort_out([alive]).set_aside) == _days(bars, *range(501, 513))


def test_a_finding_has_one_name_whatever_pull_it_is_found_in(index_bars: pd.DataFrame) -> None:
    bars, worse = index_bars.copy(), index_bars.copy()
    bars.loc[950, "open"], worse.loc[950, "open"] = -1.0, -2.0
    (day,) = _days(bars, 950)
    whole, evening, other = (_check(frame)[day] for frame in (bars, bars.iloc[900:], worse))
    assert whole.finding_id == evening.finding_id != other.finding_id
    assert whole.rows == {day.isoformat(): "-1"}


def test_what_was_accepted_for_good_covers_every_finding_of_the_row(
    index_bars: pd.DataFrame, xshg: TradingCalendar
) -> None:
    bars = index_bars.copy()
    bars.loc[950, ["open", "high", "low", "close"]] *= 0.0
    first, last = bars["session"].iloc[[0, -1]].dt.date
    results = check_one(bars, "000300.SH", first, last, calendar=xshg)
    keys = {key for item in results for finding in item.findings for key in finding.keys}
    assert sort_out(results).set_aside
    assert sort_out(results, keys).set_aside == {}


def test_a_row_on_a_day_without_trading_is_set_aside_whatever_was_accepted(
    index_bars: pd.DataFrame, xshg: TradingCalendar
) -> None:
    friday = index_bars.loc[[index_bars["session"].dt.dayofweek.eq(4).idxmax()]]
    saturday = friday.assign(session=friday["session"] + pd.Timedelta(days=1))
    bars = pd.concat([index_bars, saturday], ignore_index=True)
    first, last = index_bars["session"].iloc[[0, -1]].dt.date
    results = check_one(bars, "000300.SH", first, last, calendar=xshg)
    day = saturday["session"].iloc[0].date()
    finding = sort_out(results).set_aside[day]
    assert finding.rows
    assert finding.keys == frozenset()
    rule = (finding.symbol, finding.suite, finding.expectation, finding.column)
    every = {(*rule, *item) for item in finding.rows.items()}
    assert day in sort_out(results, every).set_aside


def test_another_form_of_data_has_no_rows_that_could_be_accepted(
    index_bars: pd.DataFrame, xshg: TradingCalendar
) -> None:
    first, last = index_bars["session"].iloc[[0, -1]].dt.date
    other = index_bars.copy()
    other.loc[500, "symbol"] = "000905.SH"
    text = index_bars.assign(low=index_bars["low"].astype(str).astype(object))
    for bars in (other, text):
        results = check_one(bars, "000300.SH", first, last, calendar=xshg)
        found = [finding for item in results for finding in item.findings]
        assert found
        assert [(finding.rows, finding.keys) for finding in found] == [({}, frozenset())]


def test_a_word_on_a_lone_unit_does_not_let_in_the_unit_that_lasts(
    index_bars: pd.DataFrame, xshg: TradingCalendar
) -> None:
    def check(n_rows: int) -> list[QualityResult]:
        bars = index_bars.copy()
        bars.loc[990:, ["volume_shares", "amount_cny"]] *= 100.0
        bars = bars.iloc[: 990 + n_rows]
        first, last = bars["session"].iloc[[0, -1]].dt.date
        results = check_one(bars, "000300.SH", first, last, calendar=xshg)
        return [item for item in results if item.expectation == "volume_unit_holds"]

    lone, lasting = check(1), check(8)
    (finding,) = lone[0].findings
    assert sort_out(lone, finding.keys).set_aside == {}
    out = sort_out(lasting, finding.keys).set_aside
    assert set(out) == _days(index_bars, *range(991, 998))
    (lasts,) = lasting[0].findings
    assert lasts.finding_id == check(3)[0].findings[0].finding_id
    assert sort_out(lasting, lasts.keys).set_aside == {}
