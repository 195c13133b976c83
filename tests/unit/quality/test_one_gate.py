"""The gate is asked once for all symbols, and says of each what it would say of that one alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from great_expectations.datasource.fluent.interfaces import Batch

from call_counts import count_calls
from factorprism.core.calendar import calendar_of
from factorprism.market.bars import BAR_PRICES, Pull, make_bars
from factorprism.market.findings import QualityResult
from factorprism.market.panels import FactorPanel
from factorprism.quality import Verdicts, check_bars, check_factors
from factorprism.quality.bar_rules import bar_rules
from factorprism.quality.schema_rules import calendar_rules, schema_rules
from factorprism.quality.verdicts import REPORTED_EACH_MAX
from gate_of_one_symbol import join_held, make_pull

HISTORY, PULLED = 400, 21
PRICES = list(BAR_PRICES)
INDICES = ("000300.SH", "000905.SH", "399006.SZ", "000016.SH", "^GSPC", "^IXIC")
Corrupt = Callable[[pd.DataFrame], pd.DataFrame]


def draw(symbol: str, seed: int, n_rows: int) -> pd.DataFrame:
    """Return plausible bars of `symbol`, which share a market, with every optional column."""
    random = np.random.default_rng(seed)
    market = np.random.default_rng(14).normal(0.0, 0.008, n_rows)
    share = symbol not in INDICES
    move = market + random.normal(0.0, 0.007, n_rows)
    close = ((8.0 if share else 3500.0) * np.exp(np.cumsum(move))).round(3)
    before = np.concatenate([[np.nan], close[:-1]])
    opened = np.where(np.isnan(before), close, before)
    spread = np.abs(random.normal(0.006, 0.001, (2, n_rows)))
    volume = 1.2e10 * np.exp(random.normal(0.0, 0.2, n_rows))
    rows = {
        "symbol": symbol,
        "session": calendar_of(symbol).session_days[-500 - n_rows : -500],
        "open": opened,
        "high": (np.maximum(opened, close) * (1.0 + spread[0])).round(3),
        "low": (np.minimum(opened, close) * (1.0 - spread[1])).round(3),
        "close": close,
        "volume_shares": volume,
        "amount_cny": volume * close / (1.0 if share else 300.0),
        "pre_close": before,
        "pct_chg": (100.0 * (close / before - 1.0)).round(4),
    }
    return make_bars(pd.DataFrame(rows))


def put(column: str, value: float, row: int = 10) -> Corrupt:
    def corrupt(bars: pd.DataFrame) -> pd.DataFrame:
        bars.loc[row, column] = value
        return bars

    return corrupt


def scale(columns: list[str], factor: float, rows: slice) -> Corrupt:
    def corrupt(bars: pd.DataFrame) -> pd.DataFrame:
        bars.loc[rows, columns] *= factor
        return bars

    return corrupt


def stick(first: int, last: int) -> Corrupt:
    def corrupt(bars: pd.DataFrame) -> pd.DataFrame:
        bars.loc[first:last, PRICES] = bars.loc[first, PRICES].to_numpy(float)
        return bars

    return corrupt


def copy_other(bars: pd.DataFrame) -> pd.DataFrame:
    other = draw("000300.SH", 0, HISTORY + PULLED).iloc[-PULLED:]
    bars.loc[15:, PRICES] = other[PRICES].to_numpy()[15:]
    return bars


def add_saturday(bars: pd.DataFrame) -> pd.DataFrame:
    friday = bars[bars["session"].dt.dayofweek == 4].iloc[[0]]
    saturday = friday.assign(session=friday["session"] + pd.Timedelta(days=1))
    return pd.concat([bars, saturday, bars.iloc[[3]]]).sample(frac=1.0, random_state=3)


def break_many(bars: pd.DataFrame) -> pd.DataFrame:
    """So many rows for the rules on a pull as a whole."""
    bars.loc[bars.index % 3 > 0, "volume_shares"] = 0.0
    bars.loc[::3, ["pre_close", "pct_chg"]] += 5.0
    bars.loc[::4, PRICES] *= 1.25
    bars["amount_cny"] = np.where(np.arange(len(bars)) % 3, bars["amount_cny"], np.nan)
    return bars


def swing(bars: pd.DataFrame) -> pd.DataFrame:
    """Let volume and amount go up and down by turns."""
    for row in range(4, len(bars) - 3, 8):
        bars.loc[row : row + 2, ["volume_shares", "amount_cny"]] *= 100.0
    return bars


def rename_columns(bars: pd.DataFrame) -> pd.DataFrame:
    return bars.rename(columns={"close": "closing"})


def write_text(bars: pd.DataFrame) -> pd.DataFrame:
    bars.loc[3, "session"] = pd.NaT
    return bars.assign(volume_shares=bars["volume_shares"].astype(str))


def keep(bars: pd.DataFrame) -> pd.DataFrame:
    return bars


VOLUME = ["volume_shares", "amount_cny"]
# What is done to the pull of each symbol, and how many rows it has.
WORLD: dict[str, tuple[Corrupt, int]] = {
    "000300.SH": (keep, PULLED),
    "000905.SH": (copy_other, PULLED),
    "399006.SZ": (scale(PRICES, 1.5, slice(15, None)), PULLED),
    "000016.SH": (scale(VOLUME, 100.0, slice(12, None)), PULLED),
    "^GSPC": (keep, PULLED),
    "^IXIC": (scale(["close", "high"], 1.4, slice(9, 9)), PULLED),
    "000010.SH": (scale(["volume_shares"], 0.01, slice(11, 12)), PULLED),
    "000852.SH": (scale(PRICES, 1.25, slice(None, None, 4)), PULLED),
    "000906.SH": (stick(3, 17), PULLED),
    "399001.SZ": (add_saturday, PULLED),
    "600000.SH": (put("low", -1.0), PULLED),
    "600004.SH": (put("open", np.nan), PULLED),
    "600006.SH": (lambda bars: put("high", 0.5, 5)(put("amount_cny", -5.0)(bars)), PULLED),
    "600007.SH": (put("low", 99.0), PULLED),
    "600008.SH": (lambda bars: bars.drop(index=[4, 5]), PULLED),
    "600009.SH": (scale(["volume_shares"], 0.5, slice(3, 12)), PULLED),
    "600010.SH": (scale(["volume_shares"], 10.0, slice(5, 5)), PULLED),
    "600011.SH": (swing, 120),
    "600012.SH": (lambda bars: bars.assign(amount_cny=np.nan), PULLED),
    "600015.SH": (rename_columns, PULLED),
    "600016.SH": (write_text, PULLED),
    "600018.SH": (lambda bars: bars.assign(symbol="600019.SH"), PULLED),
    "600019.SH": (lambda bars: bars.iloc[:0], PULLED),
    "600020.SH": (break_many, 120),
    "600021.SH": (keep, 1),
    "600022.SH": (keep, PULLED),
}


# Pulled for the first time: nothing is held of them.
NEW = ("^GSPC", "600020.SH")


def make_world(symbols: list[str]) -> tuple[list[Pull], pd.DataFrame]:
    """Return the pulls of `symbols`, and what is held of all symbols but the new ones."""
    series = {
        symbol: draw(symbol, seed, HISTORY + WORLD[symbol][1]) for seed, symbol in enumerate(WORLD)
    }
    pulls = []
    for symbol in symbols:
        corrupt, n_rows = WORLD[symbol]
        bars = series[symbol].iloc[-n_rows:].reset_index(drop=True)
        first, last = bars["session"].iloc[[0, -1]].dt.date
        pulls.append(make_pull(corrupt(bars), symbol, first, last))
    return pulls, join_held([bars for symbol, bars in series.items() if symbol not in NEW])


def check(pulls: list[Pull], held: pd.DataFrame) -> Verdicts:
    return check_bars(pulls, {pull.symbol: calendar_of(pull.symbol) for pull in pulls}, held)


@pytest.fixture(scope="module")
def alone() -> dict[str, list[QualityResult]]:
    """The results on each symbol, asked of it alone."""
    pulls, held = make_world(list(WORLD))
    return {pull.symbol: check([pull], held).results for pull in pulls}


def _with_findings(results: Any) -> list[Any]:
    # Findings are no part of a result's equality.
    return [(result, result.findings) for result in results]


def test_every_rule_of_bars_fails_for_some_symbol(alone: dict[str, list[QualityResult]]) -> None:
    failed = {
        item.expectation for results in alone.values() for item in results if not item.success
    }
    rules = [*schema_rules(), *calendar_rules()]
    rules += [rule for symbol in ("000300.SH", "600000.SH") for rule in bar_rules(symbol, PULLED)]
    assert {rule.name for rule in rules} == failed


def test_a_symbol_among_few_has_the_very_results_that_it_has_alone(
    alone: dict[str, list[QualityResult]],
) -> None:
    symbols = list(WORLD)
    for some in (symbols[:13], symbols[13:][::-1]):
        assert len(some) <= REPORTED_EACH_MAX
        verdicts = check(*make_world(some))
        assert verdicts.shared == ()
        for symbol, results in zip(some, verdicts.of, strict=True):
            assert _with_findings(results) == _with_findings(alone[symbol]), symbol


def test_a_symbol_among_many_has_the_failures_that_it_has_alone_and_what_held_is_counted(
    alone: dict[str, list[QualityResult]],
) -> None:
    assert len(WORLD) > REPORTED_EACH_MAX
    verdicts = check(*make_world(list(WORLD)))
    held: Counter[tuple[str, ...]] = Counter()
    for results, own in zip(alone.values(), verdicts.of, strict=True):
        assert _with_findings(own) == _with_findings([one for one in results if not one.success])
        held.update(_said(item) for item in results if item.success)
    assert {_said(item): item.details["symbols"] for item in verdicts.shared} == held
    for item in verdicts.shared:
        assert item.sentence.startswith(f"{held[_said(item)]} symbols: ")
    assert verdicts.n_asked == sum(len(results) for results in alone.values())


def _said(item: QualityResult) -> tuple[str, ...]:
    """Return what a result says, whomever it says it of."""
    said = item.sentence.split(": ", 1)[1]
    return item.suite, item.expectation, item.column, item.severity, said


def test_great_expectations_is_asked_once_of_each_frame_whatever_number_of_symbols() -> None:
    for symbols in (["600022.SH"], list(WORLD)):
        pulls, held = make_world(symbols)
        with count_calls(Batch.validate) as calls:
            check(pulls, held)
        # Form, days and measures: of rows each, and of what is measured once a pull.
        assert calls.count == 2 + 1 + 2
    for seeds in ([2], range(40)):
        with count_calls(Batch.validate) as calls:
            check_factors([_panel(seed) for seed in seeds], RANGES, 0.05)
        # Factors: of rows, and of what is measured once a panel; cells are measured once alone.
        assert calls.count == 2 + 1


RANGES = {"A": (-3.0, 3.0), "B": (-np.inf, 3.0), "C": (-np.inf, np.inf)}


def _panel(seed: int) -> FactorPanel:
    """Return a panel whose fault follows from `seed`."""
    random, n_rows = np.random.default_rng(seed), (0, 40, 250)[seed % 3]
    values = random.normal(size=(n_rows, 3)).clip(-3.0, 3.0).astype(np.float32)
    days = calendar_of("600000.SH").session_days[-600 : -600 + n_rows].copy()
    rows, column = [(slice(5, 6), 0), (slice(0, 30), 1), (slice(None), 2), (slice(7, 8), 1)][
        seed % 4
    ]
    values[rows, column] = [np.inf, np.nan, 1.0, 3.5][seed % 4]
    if n_rows and seed % 5 == 0:
        days[1] = days[0]
    return FactorPanel(f"{600000 + seed}.SH", days, tuple("ABC"), values)


N_PANELS = REPORTED_EACH_MAX + 1
PANELS = [_panel(seed) for seed in range(N_PANELS)]
WARMUPS = [{"B": 10 * (seed % 7)} for seed in range(N_PANELS)]


@pytest.fixture(scope="module")
def panels_alone() -> list[list[QualityResult]]:
    """The results on each panel, asked of it alone."""
    pairs = zip(PANELS, WARMUPS, strict=True)
    return [check_factors([one], RANGES, 0.05, [warmup]).results for one, warmup in pairs]


def test_every_rule_of_factors_fails_for_some_panel(
    panels_alone: list[list[QualityResult]],
) -> None:
    names = {item.expectation for results in panels_alone for item in results if not item.success}
    assert names == {
        *("rows_present", "session_unique", "factor_finite", "factor_in_range"),
        *("factor_missing_ratio", "factor_varies", "panel_missing_ratio"),
    }


@pytest.mark.parametrize("n_panels", [N_PANELS - 1, N_PANELS])
def test_panels_in_one_call_have_the_results_that_they_have_alone(
    panels_alone: list[list[QualityResult]], n_panels: int
) -> None:
    verdicts = check_factors(PANELS[:n_panels], RANGES, 0.05, WARMUPS[:n_panels])
    for alone, own in zip(panels_alone, verdicts.of, strict=False):
        assert list(own) == [one for one in alone if n_panels < N_PANELS or not one.success]
    assert bool(verdicts.shared) is (n_panels == N_PANELS)


def test_panels_of_different_factors_are_no_one_question() -> None:
    other = FactorPanel("600000.SH", _panel(2).sessions, tuple("ABD"), _panel(2).values)
    with pytest.raises(ValueError, match="their factors differ"):
        check_factors([_panel(2), other], RANGES, 0.05)


def test_a_row_without_a_day_is_a_fault_of_its_own_pull_alone() -> None:
    pulls, held = make_world(["600021.SH", "600022.SH"])
    bars = pulls[1].bars.copy()
    bars.loc[3, "session"] = pd.NaT
    faulty = make_pull(bars, pulls[1].symbol, pulls[1].first, pulls[1].last)
    sound, broken = check([pulls[0], faulty], held).of
    assert all(item.success for item in sound)
    (failed,) = [item for item in broken if not item.success]
    assert (failed.expectation, failed.column) == ("session_type", "session")


def test_no_pulls_ask_nothing() -> None:
    _, held = make_world([])
    with count_calls(Batch.validate) as calls:
        assert check([], held).results == []
        assert check_factors([], RANGES, 0.05).results == []
    assert calls.count == 0


def test_a_pull_is_evaluated_by_its_own_history_alone_however_far_others_reach_back() -> None:
    pulls, held = make_world(["600022.SH"])
    early = pulls[0].bars["session"].iloc[0].date().replace(year=2015)
    old = draw("600022.SH", 77, 30).assign(
        session=calendar_of("600022.SH")
        .sessions(early, date(2016, 1, 1))[:30]
        .astype("datetime64[us]")
    )
    asked_again = make_pull(old, "600022.SH", *old["session"].iloc[[0, -1]].dt.date)
    reaching = join_held([held, old.assign(close=9999.0)])
    together = check([pulls[0], asked_again], reaching).of[0]
    assert _with_findings(together) == _with_findings(check(pulls, held).of[0])
