"""Findings of every rule are accepted: then the pulls go through, and nothing is left aside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from factorprism.core.errors import QualityError
from factorprism.core.severity import CRITICAL
from factorprism.core.signals import find_signal
from factorprism.market.bars import BAR_PRICES
from factorprism.market.findings import NO_SESSION
from factorprism.pipelines.factors import compute_factors, gate_factors
from factorprism.pipelines.history import sessions_before_first_image
from factorprism.quality._rules import FindingScope, Rule
from factorprism.quality.bar_rules import bar_rules
from factorprism.quality.schema_rules import calendar_rules, schema_rules
from house_of_frames import FUND, HELD, INDEX, N_EVENINGS, N_ROWS, OTHER, House, draw, link

PRICES = list(BAR_PRICES)
Corrupt = Callable[[pd.DataFrame], pd.DataFrame]
Open = Callable[..., House]


def stick(bars: pd.DataFrame, *ranges: range) -> pd.DataFrame:
    """Let the four prices of the row before each range be repeated all through it."""
    for rows in ranges:
        bars.loc[list(rows), PRICES] = bars.loc[rows[0] - 1, PRICES].to_numpy(float)
    return link(bars)


def break_rows(bars: pd.DataFrame) -> pd.DataFrame:
    """One row for each rule on single rows."""
    bars.loc[100, "open"] = np.nan
    bars.loc[130, ["open", "low"]] = -1.0
    bars.loc[160, "amount_cny"] = -5.0
    bars.loc[190, "high"] = 0.99 * bars.loc[190, "low"]
    bars.loc[220, "low"] = bars.loc[220, "high"]
    bars.loc[280, ["close", "high"]] *= 1.4
    bars.loc[310, "volume_shares"] *= 100.0
    bars.loc[340, ["volume_shares", "amount_cny"]] *= 100.0
    bars = stick(bars, range(400, 412))
    bars.loc[281, "pre_close"] = bars.loc[279, "close"]
    twice = pd.concat([bars, bars.loc[[250]]]).sort_values("session", kind="stable")
    return twice.drop(index=370).reset_index(drop=True)


def break_many(bars: pd.DataFrame) -> pd.DataFrame:
    """So many rows for each rule on a pull as a whole."""
    few = np.arange(300, 320)
    bars.loc[few, "volume_shares"] = 0.0
    bars.loc[few + 40, ["volume_shares", "amount_cny"]] *= 14.0
    bars = stick(bars, *(range(row, row + 3) for row in range(380, 470, 6)))
    bars.loc[range(500, 540, 5), PRICES] *= 1.12
    bars = link(bars)
    bars.loc[range(150, 170), "pre_close"] += 1.0
    bars.loc[range(150, 170), "pct_chg"] += 1.0
    return bars


def turn(bars: pd.DataFrame) -> pd.DataFrame:
    """Turn into another instrument at the fifth row from the backfill's end."""
    bars.loc[HELD - 5 :, PRICES] *= 1.4
    bars.loc[HELD - 4 :, ["pre_close"]] *= 1.4
    return bars


def change_scale(bars: pd.DataFrame) -> pd.DataFrame:
    bars.loc[HELD - 5 :, ["volume_shares", "amount_cny"]] *= 100.0
    return bars


def change_unit(bars: pd.DataFrame) -> pd.DataFrame:
    bars.loc[HELD - 5 : HELD - 1, "volume_shares"] *= 100.0
    return bars


def copy_other(bars: pd.DataFrame) -> pd.DataFrame:
    other = draw(OTHER, 15)
    bars.loc[HELD - 5 :, PRICES] = other.loc[HELD - 5 :, PRICES]
    return bars


def break_fund(bars: pd.DataFrame) -> pd.DataFrame:
    bars.loc[100, "volume_shares"] *= 10.0
    bars.loc[200, ["volume_shares", "amount_cny"]] *= 100.0
    bars.loc[range(300, 312), "volume_shares"] *= 0.5
    return bars


def break_fund_widely(bars: pd.DataFrame) -> pd.DataFrame:
    for row in range(24, HELD - 10, 8):
        bars.loc[row : row + 2, ["volume_shares", "amount_cny"]] *= 100.0
    return bars


@dataclass(frozen=True)
class Walk:
    """What is done to the bars of the first of `symbols`, and the rules that find it."""

    corrupt: Corrupt
    rules: tuple[str, ...]
    symbols: tuple[str, ...] = (INDEX,)


WALKS = {
    "single rows": Walk(
        break_rows,
        (
            *("value_present", "price_positive", "not_negative", "high_covers_body"),
            *("low_covers_body", "high_above_low", "move_possible", "jump_possible"),
            *("no_contradicted_jump", "volume_unit_holds", "average_price_continuous"),
            *("average_price_plausible", "prices_alive", "session_unique", "no_session_missing"),
        ),
    ),
    "many rows": Walk(
        break_many,
        (
            *("volume_mostly_traded", "volume_mostly_usual", "prices_mostly_move"),
            *("jump_mostly_usual", "few_seams", "pre_close_mostly_agrees"),
            "pct_chg_mostly_agrees",
        ),
    ),
    "another instrument": Walk(turn, ("move_possible", "no_seam", "no_held_seam")),
    "another scale": Walk(change_scale, ("volume_scale_holds", "volume_unit_holds")),
    "another unit": Walk(change_unit, ("average_price_continuous", "average_price_plausible")),
    "another index": Walk(copy_other, ("own_prices",), (INDEX, OTHER)),
    "a fund": Walk(break_fund, ("average_price_unit", "average_price_mostly_in_range"), (FUND,)),
    "a fund's volume": Walk(
        break_fund_widely,
        ("volume_scale_mostly_holds", "volume_unit_mostly_holds", "volume_mostly_usual"),
        (FUND,),
    ),
}


def test_every_critical_rule_is_walked() -> None:
    rules = [rule for symbol in (INDEX, FUND) for rule in bar_rules(symbol, N_ROWS)]
    rules += calendar_rules()
    walked = {name for walk in WALKS.values() for name in walk.rules}
    assert {rule.name for rule in rules if _is_acceptable(rule)} == walked
    assert {rule.scope for rule in schema_rules()} == {FindingScope.FORM}


def _is_acceptable(rule: Rule) -> bool:
    return rule.severity == CRITICAL and rule.name != NO_SESSION


@pytest.mark.parametrize("name", WALKS)
def test_what_is_accepted_goes_in_and_leaves_nothing_aside_nor_open(
    open_house: Open, name: str
) -> None:
    walk = WALKS[name]
    house = open_house(*walk.symbols, corrupt=walk.corrupt, set_aside_ratio_max=0.2)
    refused = _fails(house.backfill)
    assert set(walk.rules) <= {finding.expectation for finding in house.open_findings()}
    house.accept_all()
    assert house.open_findings() == []
    if refused:
        house.backfill()
    for number in (1, 2):  # an evening has ten requests
        house.evening(number)
    assert house.set_aside() == []
    assert house.open_findings() == []
    given = house.source.frames[walk.symbols[0]].drop_duplicates("session")
    assert len(house.held(walk.symbols[0])) == len(given) - (N_EVENINGS - 2)
    assert house.warehouse.findings.list_fixed(walk.symbols, 100) == []


def _fails(call: Callable[[], None]) -> bool:
    try:
        call()
    except QualityError:
        return True
    return False


def test_a_stuck_run_across_the_evening_s_window_stays_out_until_it_is_accepted_and_then_goes_in(
    open_house: Open,
) -> None:
    stuck = range(HELD - 26, HELD - 16)  # four of them among those that an evening asks for again
    house = open_house(INDEX, corrupt=lambda bars: stick(bars, stuck))
    house.backfill()
    days = [house.days[row] for row in stuck]
    assert house.set_aside() == days
    with pytest.raises(QualityError, match="open, high, low and close repeat"):
        house.evening(1)
    assert house.set_aside() == days

    (finding,) = [one for one in house.open_findings() if one.sessions]
    assert list(finding.rows) == [day.isoformat() for day in days]
    house.accept_all()
    samples, sessions, absent = house.evening(2, compute_factors, gate_factors)
    assert house.set_aside() == []
    assert house.open_findings() == []
    assert len(house.held(INDEX)) == HELD + 2
    signal = find_signal(house.config)
    assert (sessions, absent) == (signal.lookback + 10, 0)
    unlabelled = sessions_before_first_image(signal.lookback) + signal.horizon
    # Where prices have all stood still, some factor has nothing to divide by.
    assert 0 <= HELD + 2 - unlabelled - samples < len(stuck)


def test_a_run_that_goes_on_after_it_was_accepted_keeps_the_new_row_out_alone(
    open_house: Open,
) -> None:
    stuck = range(HELD - 12, HELD + 1)
    house = open_house(INDEX, corrupt=lambda bars: stick(bars, stuck))
    house.backfill()
    assert len(house.set_aside()) == 12
    house.accept_all()
    with pytest.raises(QualityError, match="needs 1 row set aside"):
        house.evening(1)
    assert house.set_aside() == [house.days[HELD]]
    assert len(house.held(INDEX)) == HELD
    (finding,) = house.open_findings()
    assert len(finding.rows) == 13


def test_a_session_that_a_person_says_was_none_is_neither_needed_nor_asked_for(
    open_house: Open,
) -> None:
    rows = (300, HELD - 8)
    house = open_house(INDEX, corrupt=lambda bars: bars.drop(index=list(rows)))
    house.backfill()
    missing = [house.days[row] for row in rows]
    assert house.set_aside() == missing
    with pytest.raises(QualityError, match="needs 1 row set aside"):
        house.evening(1)
    house.accept_all()
    assert house.set_aside() == []
    assert house.open_findings() == []

    house.source.asked.clear()
    samples, _, absent = house.evening(2, compute_factors, gate_factors)
    assert not any(first <= missing[0] <= last for first, last in house.source.asked)
    assert house.set_aside() == []
    assert (len(house.held(INDEX)), absent) == (HELD + 2 - len(rows), 0)
    assert samples > 0


def test_what_the_source_has_fixed_is_known_by_the_pull_that_gave_it(open_house: Open) -> None:
    sound = draw(INDEX, 14)
    house = open_house(INDEX, corrupt=break_rows, set_aside_ratio_max=0.2)
    house.backfill()
    found = {item.finding_id for item in house.open_findings()}
    house.source.frames[INDEX] = sound
    for number in (1, 2):
        house.evening(number)
    assert house.open_findings() == []
    fixed = house.warehouse.findings.list_fixed([INDEX], 100)
    assert {item.finding.finding_id for item in fixed} == found
    for item in fixed:
        pull = house.warehouse.pulls.load_pull(item.pull_id)
        assert all(pull.first <= day <= pull.last for day in item.finding.sessions)
