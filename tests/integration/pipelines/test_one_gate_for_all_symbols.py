"""One gate call for all symbols of an evening: what is fit goes in, whatever the others are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from call_counts import count_calls
from factorprism.core.errors import QualityError
from factorprism.core.signals import find_signal
from factorprism.market.bars import PullState
from factorprism.pipelines import Run, open_ports
from factorprism.pipelines.bars import gate_bars, merge_bars, pull_bars
from factorprism.warehouse.bars import BarRepository
from house_of_frames import FUND, HELD, INDEX, OTHER, House, draw

Open = Callable[..., House]


def break_window(bars: pd.DataFrame) -> pd.DataFrame:
    """Let the bars of the evening's window be wrong, too many to be set aside one by one."""
    bars.loc[HELD - 12 :, "low"] = 1.01 * bars.loc[HELD - 12 :, "high"]
    return bars


def newest_states(house: House) -> dict[str, PullState]:
    """Return what became of the newest pull of each symbol."""
    pulls = house.warehouse.pulls.list_pulls(house.config.universe.channels, 100)
    return {pull.symbol: pull.state for pull in reversed(pulls)}


def test_a_quarantined_symbol_stops_its_universe_and_leaves_the_others_accepted(
    open_house: Open,
) -> None:
    house = open_house(INDEX, OTHER, FUND)
    house.backfill()
    sound = house.source.frames[OTHER]
    house.source.frames[OTHER] = break_window(sound.copy())
    with pytest.raises(QualityError, match=f"{OTHER}: .* have critical faults") as caught:
        house.evening(1)
    assert not any(symbol in str(caught.value) for symbol in (INDEX, FUND))
    assert newest_states(house) == {
        INDEX: PullState.ACCEPTED,
        OTHER: PullState.QUARANTINED,
        FUND: PullState.ACCEPTED,
    }
    assert [len(house.held(symbol)) for symbol in (INDEX, OTHER, FUND)] == [
        HELD + 1,
        HELD,
        HELD + 1,
    ]
    assert "bars: what is fit of 2 other symbols is merged" in house.reported

    house.source.frames[OTHER] = sound
    house.evening(2)
    assert {len(house.held(symbol)) for symbol in (INDEX, OTHER, FUND)} == {HELD + 2}


def test_nothing_of_a_quarantined_symbol_goes_in_not_even_a_sound_row_that_was_asked_for_again(
    open_house: Open,
) -> None:
    house = open_house(INDEX, OTHER, corrupt=lambda bars: bars.drop(index=300))
    house.backfill()
    missing = house.days[300]
    assert house.set_aside() == [missing]
    house.source.frames[INDEX] = break_window(draw(INDEX, 14))
    with pytest.raises(QualityError, match=INDEX):
        house.evening(1)
    assert house.set_aside() == [missing]
    assert [len(house.held(symbol)) for symbol in (INDEX, OTHER)] == [HELD - 1, HELD + 1]


def test_the_rows_of_a_fit_symbol_that_are_wrong_stand_aside_though_another_is_quarantined(
    open_house: Open,
) -> None:
    house = open_house(INDEX, OTHER)
    house.backfill()
    house.source.frames[OTHER] = break_window(house.source.frames[OTHER])
    house.source.frames[INDEX].loc[HELD - 3, "low"] = -1.0
    with pytest.raises(QualityError, match=OTHER):
        house.evening(1)
    assert house.set_aside() == [house.days[HELD - 3]]
    assert len(house.held(INDEX)) == HELD + 1
    assert house.held(INDEX)["low"].min() > 0.0


def test_a_gate_call_reads_what_is_held_once(open_house: Open) -> None:
    house = open_house(INDEX, OTHER, FUND)
    house.backfill()
    with open_ports(house.config) as ports:
        ports.source = house.source
        run = Run(
            house.days[HELD], find_signal(house.config), house.config, ports, house.reported.append
        )
        context: dict[str, Any] = pull_bars(run, {})
        with count_calls(BarRepository.load_bars) as calls:
            context |= gate_bars(run, context)
        assert calls.count == 1
        merge_bars(run, context)
    assert len(house.held(FUND)) == HELD + 1
