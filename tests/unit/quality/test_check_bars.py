"""What the bar gate finds in one pull, and what it lets pass."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date

import numpy as np
import pandas as pd
import pytest

from factorprism.core.calendar import TradingCalendar
from factorprism.market.bars import make_bars
from factorprism.market.findings import QualityResult
from gate_of_one_symbol import check_one

Failures = Callable[..., dict[str, QualityResult]]
OPTIONAL = ["amount_cny", "pre_close", "pct_chg"]
MIDDLE = 500


def _critical(failures: dict[str, QualityResult]) -> set[str]:
    return {name for name, result in failures.items() if result.severity == "critical"}


def test_a_sound_index_holds_every_expectation_in_any_order_of_rows(
    index_bars: pd.DataFrame, failures_of: Failures
):
    assert failures_of(index_bars.iloc[::-1]) == {}


def test_real_hs300_has_no_critical_failure(hs300: pd.DataFrame, failures_of: Failures):
    failures = failures_of(hs300)
    assert _critical(failures) == set()
    # The largest moves against their own past are real ones, and worth a check.
    assert "2024-09-30" in failures["jump_usual"].sentence


@pytest.mark.parametrize("symbol", ["^GSPC", "^IXIC"])
def test_real_us_indices_pass_the_crisis_of_2008(
    us_bars: dict[str, pd.DataFrame], failures_of: Failures, symbol: str
):
    assert _critical(failures_of(us_bars[symbol])) == set()


def _drop_a_month(bars: pd.DataFrame) -> pd.DataFrame:
    month = bars["session"].dt.to_period("M")
    return bars[month != month.iloc[MIDDLE]]


def _scale(column: str, factor: float) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def corrupt(bars: pd.DataFrame) -> pd.DataFrame:
        bars.loc[MIDDLE:, column] *= factor
        return bars

    return corrupt


def _scale_volume_of_a_source_without_amount(bars: pd.DataFrame) -> pd.DataFrame:
    return _scale("volume_shares", 0.01)(bars.assign(**dict.fromkeys(OPTIONAL, np.nan)))


def _scale_volume_and_amount(bars: pd.DataFrame) -> pd.DataFrame:
    return _scale("amount_cny", 10.0)(_scale("volume_shares", 10.0)(bars))


def _scale_the_whole_volume(bars: pd.DataFrame) -> pd.DataFrame:
    return bars.assign(volume_shares=bars["volume_shares"] / 100.0)


def _stick(n_sessions: int) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def corrupt(bars: pd.DataFrame) -> pd.DataFrame:
        prices = ["open", "high", "low", "close"]
        bars.loc[MIDDLE : MIDDLE + n_sessions - 1, prices] = bars.loc[MIDDLE, prices].to_numpy()
        return bars

    return corrupt


def _text(bars: pd.DataFrame) -> pd.DataFrame:
    return bars.assign(volume_shares=bars["volume_shares"].astype(str))


def _rename_rows(bars: pd.DataFrame) -> pd.DataFrame:
    bars.loc[MIDDLE:, "symbol"] = "000905.SH"
    return bars


def test_each_faulty_row_is_found_where_it_is(index_bars: pd.DataFrame, failures_of: Failures):
    bars = index_bars.copy()
    bars.loc[100, ["high", "low"]] = bars.loc[100, ["low", "high"]].to_numpy().copy()
    bars.loc[200, "low"] = -1.0
    bars.loc[300, "open"] = 0.0
    bars.loc[400, "close"] = np.nan
    bars.loc[500, "volume_shares"] = -5.0
    bars.loc[600, "volume_shares"] = 0.0
    bars.loc[700, "close"] = 1.0
    friday = bars[bars["session"].dt.dayofweek == 4].loc[800:].iloc[[0]]
    saturday = friday.assign(session=friday["session"] + pd.Timedelta(days=1))
    failures = failures_of(pd.concat([bars, bars.loc[[900]], saturday]))
    found = {
        name: {example["session"] for example in result.details["examples"]}
        for name, result in failures.items()
    }
    day = bars["session"].dt.strftime("%Y-%m-%d")
    assert found["high_covers_body"] == {day[100]}
    assert found["low_covers_body"] == {day[100], day[300], day[700]}
    assert day[100] in found["high_above_low"]
    # One finding a column: the low of one row, the open of another.
    assert found["price_positive"] <= {day[200], day[300]}
    assert found["value_present"] == {day[400]}
    assert found["not_negative"] == {day[500]}
    assert found["volume_traded"] == {day[500], day[600]}
    assert {day[700], day[701]} <= found["move_possible"] & found["jump_possible"]
    assert found["session_unique"] == {day[900]}
    assert found["no_session_extra"] == {saturday["session"].iloc[0].strftime("%Y-%m-%d")}
    warnings = failures.keys() - _critical(failures)
    assert "volume_traded" in warnings
    assert found.keys() - warnings >= {
        *("high_covers_body", "low_covers_body", "high_above_low", "price_positive"),
        *("value_present", "not_negative", "session_unique", "no_session_extra"),
    }


@pytest.mark.parametrize(
    ("corrupt", "critical", "warning"),
    [
        (_drop_a_month, {"no_session_missing"}, set()),
        (_scale("volume_shares", 0.01), {"average_price_continuous", "volume_unit_holds"}, set()),
        (_scale("amount_cny", 0.001), {"average_price_continuous"}, set()),
        (_scale_volume_and_amount, {"volume_scale_holds"}, {"volume_usual"}),
        (_scale_volume_of_a_source_without_amount, {"volume_unit_holds"}, set()),
        (_scale_the_whole_volume, {"average_price_plausible"}, set()),
        (_stick(12), {"prices_alive"}, {"prices_move"}),
        (_text, {"value_type"}, set()),
        (_rename_rows, {"one_symbol"}, set()),
    ],
)
def test_each_lasting_fault_is_found_with_its_severity(
    index_bars: pd.DataFrame,
    failures_of: Failures,
    corrupt: Callable[[pd.DataFrame], pd.DataFrame],
    critical: set[str],
    warning: set[str],
):
    failures = failures_of(corrupt(index_bars.copy()))
    assert critical <= _critical(failures)
    assert warning <= failures.keys() - _critical(failures)


def test_widespread_wrong_vendor_fields_are_critical(
    index_bars: pd.DataFrame, failures_of: Failures
):
    bars = index_bars.assign(pct_chg=index_bars["pct_chg"] / 100.0)
    bars.loc[::20, "pre_close"] *= 1.002
    assert _critical(failures_of(bars)) == {"pre_close_mostly_agrees", "pct_chg_mostly_agrees"}


def test_single_wrong_values_of_the_vendor_warn_and_do_not_stop_a_run(
    index_bars: pd.DataFrame, failures_of: Failures
):
    bars = index_bars.copy()
    bars.loc[100, "pre_close"] = 3000.0
    bars.loc[200, "pct_chg"] = 3.0
    bars.loc[::10, "amount_cny"] = np.nan
    failures = failures_of(bars)
    assert _critical(failures) == set()
    assert set(failures) == {"pre_close_agrees", "pct_chg_agrees", "mostly_given"}


def test_a_small_wrong_close_warns_and_a_large_one_stops(
    index_bars: pd.DataFrame, failures_of: Failures
):
    small, large = index_bars.copy(), index_bars.copy()
    for bars, factor in ((small, 1.003), (large, 1.12)):
        bars.loc[MIDDLE, "close"] *= factor
        bars.loc[MIDDLE, "high"] = max(bars.loc[MIDDLE, "high"], bars.loc[MIDDLE, "close"])
    assert set(failures_of(small)) == {"pre_close_agrees", "pct_chg_agrees"}
    assert "no_contradicted_jump" in failures_of(large)


def test_columns_that_the_source_does_not_give_are_no_fault(
    index_bars: pd.DataFrame, failures_of: Failures
):
    assert failures_of(index_bars.assign(**dict.fromkeys(OPTIONAL, np.nan))) == {}


def test_findings_name_symbol_sessions_and_values(index_bars: pd.DataFrame, failures_of: Failures):
    bars = index_bars.copy()
    bars.loc[MIDDLE, "low"] = -1.0
    result = failures_of(bars)["price_positive"]
    day = str(bars.loc[MIDDLE, "session"].date())
    assert (result.suite, result.symbol, result.column) == ("bars", "000300.SH", "low")
    assert result.sentence == f"000300.SH: low is not positive on {day} (-1)."
    assert result.details["examples"] == [{"session": day, "value": -1.0}]
    assert result.details["failing"] == 1


def test_missing_sessions_are_counted_by_month(index_bars: pd.DataFrame, failures_of: Failures):
    month = index_bars["session"].dt.strftime("%Y-%m").iloc[MIDDLE]
    held = index_bars["session"].dt.strftime("%Y-%m") == month
    details = failures_of(_drop_a_month(index_bars))["no_session_missing"].details
    assert details["missing_by_month"] == {month: int(held.sum())}


def test_a_text_column_or_a_missing_one_is_evaluated_by_the_schema_alone(
    index_bars: pd.DataFrame, xshg: TradingCalendar
):
    first, last = index_bars["session"].iloc[[0, -1]].dt.date
    for frame in (_text(index_bars), index_bars.drop(columns="close"), index_bars.iloc[:0]):
        results = check_one(frame, "000300.SH", first, last, calendar=xshg)
        assert {result.suite for result in results} == {"bars_schema"}
        assert not all(result.success for result in results)
    assert "the column is absent" in " ".join(
        result.sentence
        for result in check_one(
            index_bars.drop(columns="close"), "000300.SH", first, last, calendar=xshg
        )
    )


def test_a_pull_that_ends_early_misses_its_last_sessions(
    index_bars: pd.DataFrame, xshg: TradingCalendar
):
    first, last = index_bars["session"].iloc[[0, -1]].dt.date
    results = check_one(index_bars.iloc[:-2], "000300.SH", first, last, calendar=xshg)
    failed = [result for result in results if not result.success]
    assert [result.expectation for result in failed] == ["no_session_missing"]
    assert failed[0].details["failing"] == 2


def test_a_reversed_period_is_refused(index_bars: pd.DataFrame, xshg: TradingCalendar):
    with pytest.raises(ValueError, match="first: 2020-01-03 lies after last 2020-01-02"):
        check_one(index_bars, "000300.SH", date(2020, 1, 3), date(2020, 1, 2), calendar=xshg)


@pytest.mark.parametrize("value", [np.nan, 0.0, np.inf])
def test_hopeless_frames_are_evaluated_and_not_crashed_on(xshg: TradingCalendar, value: float):
    columns = ["open", "high", "low", "close", "volume_shares", *OPTIONAL]
    frame = pd.DataFrame({"symbol": "000300.SH", "session": ["2020-12-31"] * 3})
    bars = make_bars(frame.assign(**dict.fromkeys(columns, value)))
    day = date(2020, 12, 31)
    results = check_one(bars, "000300.SH", day, day, calendar=xshg)
    assert not all(result.success for result in results)
    # The warehouse keeps details as JSON, which knows neither NaN nor infinity.
    for result in results:
        json.dumps(result.details, allow_nan=False)
