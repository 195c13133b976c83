"""What every factor of the catalogue must keep, and the catalogue as a whole."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from math import inf
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st
from talib import abstract

from factorprism.factors import CATALOGUE, Factor, catalogue_hash, compute_factors

ANSWERS = Path(__file__).parent / "answers"
PRICES = ["open", "high", "low", "close"]
# Where prices stand still these are defined and say so; all others are NaN there.
STILL_VALUES = {
    "roc_12": 0.0,
    "aroonosc_25": 0.0,
    "trix_15": 0.0,
    "macd_hist_12_26_9": 0.0,
    "ppo_12_26": 0.0,
    "natr_14": 0.0,
    "volume_ratio_20": 1.0,
}

each_factor = pytest.mark.parametrize("factor", CATALOGUE, ids=lambda factor: factor.name)


def column(bars: pd.DataFrame, factor: Factor, **options) -> np.ndarray:
    panel = compute_factors(bars, catalogue=(factor,), **options)
    return panel.values[:, 0]


@each_factor
def test_a_factor_equals_its_answer_file(factor):
    bars = pd.read_csv(ANSWERS / "bars.csv")
    answer = pd.read_csv(ANSWERS / f"{factor.name}.csv")
    assert answer["session"].equals(bars["session"])
    values = factor.compute(*(bars[name].to_numpy(dtype=np.float64) for name in factor.inputs))
    np.testing.assert_allclose(values, answer["value"], rtol=1e-11, atol=1e-11)
    panel_values = column(bars.assign(symbol="000001.SZ"), factor)
    np.testing.assert_array_equal(panel_values, values.astype(np.float32))


@each_factor
@pytest.mark.parametrize("n_sessions", [1, 30, 770, 784, 1200, 1827, 1999])
def test_truncating_the_future_leaves_the_past_byte_equal(factor, n_sessions, make_series):
    bars = make_series(2000)
    whole, past = column(bars, factor), column(bars[:n_sessions], factor)
    assert past.tobytes() == whole[:n_sessions].tobytes()


@each_factor
def test_the_first_lookback_sessions_are_nan_and_no_other(factor, make_series):
    missing = np.isnan(column(make_series(300), factor))
    assert missing[: factor.lookback].all()
    assert not missing[factor.lookback :].any()


@each_factor
def test_a_short_history_is_nan_throughout(factor, make_series):
    for n_sessions in (1, 2, factor.lookback - 1, factor.lookback):
        values = column(make_series(n_sessions), factor)
        assert len(values) == n_sessions
        assert np.isnan(values).all()


@each_factor
def test_a_history_without_sessions_is_an_empty_column(factor, make_series):
    bars = make_series(100)
    later = bars["session"].iloc[-1].date().replace(year=2030)
    assert column(bars, factor, first=later).shape == (0,)


@each_factor
@pytest.mark.parametrize("price", [0.1, 3000.1])
def test_prices_that_stand_still_give_nan_or_the_documented_value(factor, price, make_series):
    bars = make_series(200)
    bars[PRICES], bars["volume_shares"] = price, 1000.0
    values = column(bars, factor)[factor.lookback :]
    if factor.name in STILL_VALUES:
        np.testing.assert_allclose(values, STILL_VALUES[factor.name], atol=1e-9)
    else:
        assert factor.undefined is not None
        assert np.isnan(values).all()


@each_factor
def test_no_volume_leaves_undefined_only_what_reads_volume(factor, make_series):
    bars = make_series(300)
    whole = column(bars, factor)
    bars.loc[100:180, "volume_shares"] = 0.0
    values = column(bars, factor)
    if "volume_shares" not in factor.inputs:
        assert values.tobytes() == whole.tobytes()
        return
    missing = np.flatnonzero(np.isnan(values[factor.lookback :])) + factor.lookback
    full_window = 100 + factor.undefined.sessions - 1
    np.testing.assert_array_equal(missing, np.arange(full_window, 181))


@each_factor
def test_a_still_stretch_is_nan_only_while_the_window_lies_in_it(factor, make_series):
    bars = make_series(300)
    bars.loc[150:210, PRICES] = bars["close"].iloc[150]
    missing = np.flatnonzero(np.isnan(column(bars, factor)[factor.lookback :])) + factor.lookback
    if factor.name in STILL_VALUES:
        assert not len(missing)
        return
    assert missing[0] == 150 + factor.undefined.sessions
    assert missing[-1] == 210 + factor.undefined.echo
    assert len(missing) == missing[-1] - missing[0] + 1


@each_factor
@pytest.mark.parametrize("name", [*PRICES, "volume_shares"])
def test_a_gap_is_nan_itself_and_no_session_for_its_neighbours(factor, name, make_series):
    bars = make_series(300)
    gap = np.zeros(300, dtype=bool)
    gap[[0, 7, 140, 141, 142, 299]] = True
    without = column(bars[~gap].reset_index(drop=True), factor)
    bars.loc[gap, name] = np.nan
    values = column(bars, factor)
    assert np.isnan(values[gap]).all()
    assert values[~gap].tobytes() == without.tobytes()
    assert not np.isnan(without[factor.lookback :]).any()


@each_factor
@pytest.mark.parametrize(("name", "value"), [("close", 0.0), ("low", -1.0), ("high", np.inf)])
def test_an_impossible_bar_counts_as_a_gap(factor, name, value, make_series):
    bars, gap = make_series(200), make_series(200)
    bars.loc[120, name], gap.loc[120, "close"] = value, np.nan
    assert column(bars, factor).tobytes() == column(gap, factor).tobytes()


def rescale(bars: pd.DataFrame, scale: float) -> pd.DataFrame:
    return bars.assign(**{name: bars[name] * scale for name in PRICES})


@each_factor
@pytest.mark.parametrize("scale", [2.0**-10, 2.0**13])
def test_an_exact_change_of_scale_changes_no_byte(factor, scale, make_series):
    bars = make_series(600)
    assert column(rescale(bars, scale), factor).tobytes() == column(bars, factor).tobytes()


@each_factor
@pytest.mark.parametrize("scale", [1e-3, 7.3, 1e4])
def test_another_currency_changes_nothing_beyond_rounding(factor, scale, make_series):
    # Prices without ties: ADX tells a rise from an equal fall by the last bit of a difference.
    bars = make_series(600, decimals=12)
    columns, scaled = (
        [frame[name].to_numpy() for name in factor.inputs]
        for frame in (bars, rescale(bars, scale).assign(volume_shares=bars["volume_shares"] * 3.0))
    )
    np.testing.assert_allclose(
        factor.compute(*scaled), factor.compute(*columns), rtol=1e-9, atol=1e-9
    )


@each_factor
def test_values_lie_in_the_documented_range(factor, make_series, hs300):
    for bars in (*(make_series(1500, seed) for seed in range(3)), hs300):
        values = column(bars, factor)[factor.lookback :]
        assert values.min() >= factor.lower
        assert values.max() <= factor.upper


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    closes=st.lists(st.sampled_from([1.0, 1.01, 40.0, 4000.0]), min_size=1, max_size=120),
    volumes=st.lists(st.sampled_from([0.0, 1.0, 1e12]), min_size=120, max_size=120),
    spread=st.sampled_from([0.0, 0.01]),
)
def test_no_series_gives_an_infinite_value_or_one_out_of_range(closes, volumes, spread):
    close = np.array(closes)
    bars = pd.DataFrame(
        {
            "symbol": "000001.SZ",
            "session": pd.bdate_range("2011-10-03", periods=len(close)),
            "open": close,
            "high": close * (1 + spread),
            "low": close * (1 - spread),
            "close": close,
            "volume_shares": volumes[: len(close)],
        }
    )
    values = compute_factors(bars).values
    lower = np.array([factor.lower for factor in CATALOGUE])
    upper = np.array([factor.upper for factor in CATALOGUE])
    finite = ~np.isnan(values)
    assert np.isfinite(values[finite]).all()
    assert ((values >= lower) & (values <= upper))[finite].all()


@each_factor
def test_every_parameter_of_talib_is_given(factor):
    if factor.kernel.__name__ in talib.get_functions():
        known = abstract.Function(factor.kernel.__name__).info["parameters"]
        assert set(factor.parameters) == set(known)


@each_factor
def test_a_kernel_that_is_not_recursive_forgets_all_before_its_lookback(factor, make_series):
    bars = make_series(400)
    columns = [bars[name].to_numpy() for name in factor.inputs]
    whole = factor.compute(*columns)[200:]
    late = factor.compute(*(values[200 - factor.lookback :] for values in columns))
    apart = np.abs(late[factor.lookback :] - whole).max()
    assert (apart > 1e-6) == factor.recursive


def test_no_two_factors_share_a_name():
    assert len({factor.name for factor in CATALOGUE}) == len(CATALOGUE) > 0


def test_no_two_factors_are_affine_copies_of_one_another(hs300):
    values = compute_factors(hs300).values[100:].astype(np.float64)
    correlations = np.corrcoef(values.T)
    for one, other in combinations(range(len(CATALOGUE)), 2):
        assert abs(correlations[one, other]) < 0.98, (CATALOGUE[one].name, CATALOGUE[other].name)


def test_the_hash_changes_with_whatever_changes_values():
    known = catalogue_hash()
    assert known == catalogue_hash(CATALOGUE)
    assert len(known) == 64
    rsi = next(factor for factor in CATALOGUE if factor.name == "rsi_14")
    changed = [
        replace(rsi, name="rsi"),
        replace(rsi, parameters={"timeperiod": 15}),
        replace(rsi, kernel=talib.CMO),
        replace(rsi, lookback=15),
        replace(rsi, upper=inf),
        replace(rsi, recursive=False),
        replace(rsi, undefined=None),
        replace(rsi, inputs=("open",)),
    ]
    hashes = {catalogue_hash((entry,)) for entry in (rsi, *changed)}
    assert len(hashes) == 1 + len(changed)
    assert catalogue_hash((replace(rsi, source="elsewhere"),)) == catalogue_hash((rsi,))
    assert catalogue_hash(CATALOGUE[::-1]) != known


def test_an_unknown_input_is_refused_by_name():
    with pytest.raises(ValueError, match="amount_cny"):
        replace(CATALOGUE[0], inputs=("amount_cny",))
