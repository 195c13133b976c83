"""Factors come back bit for bit, and the store knows from where they must be computed again."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from factorprism.market.panels import FactorPanel

HASH = "a" * 64
SYMBOL = "000300.SH"
EVER = (date(2000, 1, 1), date(2025, 12, 31))


def build_panel(bars, start=0, stop=None, factors=("roc", "rsi", "cci"), seed=5, symbol=SYMBOL):
    days = bars["session"].to_numpy().astype("datetime64[D]")
    values = np.random.default_rng(seed).normal(size=(len(days), len(factors)))
    return FactorPanel(symbol, days[start:stop], factors, values.astype("f4")[start:stop])


def session(bars, row):
    return bars["session"].iloc[row].date()


@pytest.mark.parametrize("n", [10, 1000])
def test_factors_come_back_bit_for_bit(warehouse, merge, build_bars, n):
    bars = build_bars(n=n)
    merge(bars)
    panel = build_panel(bars)
    panel.values[0] = np.nan
    panel.values[1] = (-0.0, np.inf, np.finfo("f4").tiny / 2)
    assert warehouse.factors.save_factors(panel, HASH) == n
    loaded = warehouse.factors.load_factors(SYMBOL, HASH, *EVER)
    assert loaded.factors == panel.factors
    assert loaded.values.flags["C_CONTIGUOUS"]
    np.testing.assert_array_equal(loaded.sessions, panel.sessions)
    assert np.isnan(loaded.values[0]).all()
    assert loaded.values[1:].tobytes() == panel.values[1:].tobytes()


def test_only_asked_sessions_and_catalogue_are_loaded(warehouse, merge, build_bars):
    bars = build_bars()
    merge(bars)
    warehouse.factors.save_factors(build_panel(bars), HASH)
    part = warehouse.factors.load_factors(SYMBOL, HASH, session(bars, 2), session(bars, 4))
    np.testing.assert_array_equal(part.values, build_panel(bars).values[2:5])
    other = warehouse.factors.load_factors(SYMBOL, "b" * 64, *EVER)
    assert (len(other.sessions), other.factors) == (0, ())
    none = warehouse.factors.load_factors("000905.SH", HASH, *EVER)
    assert (len(none.sessions), none.factors) == (0, ("roc", "rsi", "cci"))


def test_sql_reads_factors_by_name(warehouse, merge, build_bars, run_sql):
    bars = build_bars(n=2)
    merge(bars)
    panel = build_panel(bars)
    warehouse.factors.save_factors(panel, HASH)
    rows = run_sql(
        "SELECT session, value FROM prism.factor_values WHERE factor = 'rsi' ORDER BY session"
    )
    assert [row[0] for row in rows] == [session(bars, 0), session(bars, 1)]
    np.testing.assert_array_equal(np.array([row[1] for row in rows], "f4"), panel.values[:, 1])


def test_nothing_is_stale_without_bars(warehouse):
    assert warehouse.factors.changed_from(SYMBOL, HASH) is None


def test_all_is_stale_until_computed_for_each_catalogue(warehouse, merge, build_bars):
    bars = build_bars()
    merge(bars)
    assert warehouse.factors.changed_from(SYMBOL, HASH) == session(bars, 0)
    warehouse.factors.save_factors(build_panel(bars), HASH)
    assert warehouse.factors.changed_from(SYMBOL, HASH) is None
    assert warehouse.factors.changed_from(SYMBOL, "b" * 64) == session(bars, 0)


def test_new_and_revised_bars_are_stale_from_the_earliest(warehouse, merge, build_bars):
    bars = build_bars(n=10)
    merge(bars.iloc[:8])
    warehouse.factors.save_factors(build_panel(bars, 0, 8), HASH)
    merge(bars)
    assert warehouse.factors.changed_from(SYMBOL, HASH) == session(bars, 8)
    revised = bars.copy()
    revised.loc[3, "close"] = 1.0
    merge(revised)
    revised.loc[6, "close"] = 1.0
    merge(revised)
    assert warehouse.factors.changed_from(SYMBOL, HASH) == session(bars, 3)
    warehouse.factors.save_factors(build_panel(bars, 3), HASH)
    assert warehouse.factors.changed_from(SYMBOL, HASH) is None


def test_other_symbols_stay_clean(warehouse, merge, build_bars):
    bars, other = build_bars(), build_bars("000905.SH")
    merge(bars)
    merge(other)
    warehouse.factors.save_factors(build_panel(bars), HASH)
    merge(other.assign(close=3.0))
    assert warehouse.factors.changed_from(SYMBOL, HASH) is None


def test_panel_that_ends_early_leaves_the_rest_stale(warehouse, merge, build_bars):
    bars = build_bars()
    merge(bars)
    warehouse.factors.save_factors(build_panel(bars, 0, 4), HASH)
    assert warehouse.factors.changed_from(SYMBOL, HASH) == session(bars, 4)
    warehouse.factors.save_factors(build_panel(bars, 4), HASH)
    assert warehouse.factors.changed_from(SYMBOL, HASH) is None


def test_panel_that_begins_late_leaves_the_start_stale(warehouse, merge, build_bars):
    bars = build_bars()
    merge(bars)
    assert warehouse.factors.save_factors(build_panel(bars, 4), HASH) == 6
    assert warehouse.factors.changed_from(SYMBOL, HASH) == session(bars, 0)


def test_merge_between_asking_and_saving_is_not_lost(warehouse, merge, build_bars):
    bars = build_bars()
    merge(bars)
    warehouse.factors.save_factors(build_panel(bars), HASH)
    merge(bars.assign(open=2.0))
    assert warehouse.factors.changed_from(SYMBOL, HASH) == session(bars, 0)
    revised = bars.assign(open=2.0)
    revised.loc[6, "close"] = 1.0
    merge(revised)
    # The first six rows follow from bars that did not change since; the others are left out.
    assert warehouse.factors.save_factors(build_panel(bars, seed=9), HASH) == 6
    assert warehouse.factors.changed_from(SYMBOL, HASH) == session(bars, 6)
    held = warehouse.factors.load_factors(SYMBOL, HASH, *EVER).values
    np.testing.assert_array_equal(held[:6], build_panel(bars, seed=9).values[:6])
    np.testing.assert_array_equal(held[6:], build_panel(bars).values[6:])


def test_stale_panel_does_not_overwrite_a_rivals_newer_one(
    warehouse, open_rivals, merge, build_bars
):
    bars = build_bars()
    merge(bars)
    warehouse.factors.changed_from(SYMBOL, HASH)
    merge(bars.assign(close=2.0))
    (rival,) = open_rivals(1)
    rival.factors.changed_from(SYMBOL, HASH)
    assert rival.factors.save_factors(build_panel(bars, seed=9), HASH) == 10
    assert warehouse.factors.save_factors(build_panel(bars), HASH) == 0
    assert warehouse.factors.changed_from(SYMBOL, HASH) is None
    held = warehouse.factors.load_factors(SYMBOL, HASH, *EVER).values
    np.testing.assert_array_equal(held, build_panel(bars, seed=9).values)


def test_first_bars_that_come_while_computing_are_stale(warehouse, merge, build_bars):
    assert warehouse.factors.changed_from(SYMBOL, HASH) is None
    bars = build_bars()
    merge(bars)
    assert warehouse.factors.save_factors(build_panel(bars), HASH) == 0
    assert warehouse.factors.changed_from(SYMBOL, HASH) == session(bars, 0)


def test_asking_costs_the_same_for_any_history(warehouse, merge, build_bars, run_sql):
    merge(build_bars(n=1500))
    run_sql("ALTER TABLE prism.bars RENAME TO bars_hidden")
    run_sql("ALTER TABLE prism.bar_revisions RENAME TO bar_revisions_hidden")
    # It still answers, so it reads neither.
    assert warehouse.factors.changed_from(SYMBOL, HASH) == date(2020, 1, 2)


def test_catalogue_cannot_change_its_factors(warehouse, merge, build_bars):
    bars = build_bars()
    merge(bars)
    warehouse.factors.save_factors(build_panel(bars), HASH)
    with pytest.raises(ValueError, match=r"panel\.factors"):
        warehouse.factors.save_factors(build_panel(bars, factors=("roc", "cci", "rsi")), HASH)


def test_saving_again_changes_nothing(warehouse, merge, build_bars):
    bars = build_bars(n=300)
    merge(bars)
    warehouse.factors.save_factors(build_panel(bars), HASH)
    before = warehouse.fingerprints()
    warehouse.factors.save_factors(build_panel(bars), HASH)
    warehouse.factors.save_factors(build_panel(bars, 290), HASH)
    assert warehouse.fingerprints() == before


def test_rivals_save_panels_of_a_new_catalogue_without_error(
    open_rivals, merge, build_bars, run_together
):
    frames = {symbol: build_bars(symbol) for symbol in (SYMBOL, "000905.SH", "399006.SZ")}
    for frame in frames.values():
        merge(frame)
    panels = [build_panel(frame, symbol=symbol) for symbol, frame in frames.items()] * 2
    saved = run_together(
        *(
            lambda w=w, p=p: w.factors.save_factors(p, HASH)
            for w, p in zip(open_rivals(6), panels, strict=True)
        )
    )
    assert saved == [10] * 6
