"""Pulls are kept as they came, once for the same content, and say how far history is covered."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from factorprism.core.errors import WarehouseError
from factorprism.market.bars import PullState


def test_pull_comes_back_as_it_was_saved(warehouse, build_bars, build_pull):
    bars = build_bars()
    bars.loc[3, "amount_cny"] = np.nan
    pull = build_pull(bars)
    loaded = warehouse.pulls.load_pull(warehouse.pulls.save_pull(pull))
    pd.testing.assert_frame_equal(loaded.bars, bars, check_exact=True)
    assert loaded.content_hash == pull.content_hash
    assert loaded.fetched_at == pull.fetched_at
    assert (loaded.source, loaded.symbol, loaded.first, loaded.last, loaded.state) == (
        *("sample", "000300.SH", date(2020, 1, 2), date(2020, 1, 15)),
        PullState.PULLED,
    )


def test_pull_without_bars_comes_back(warehouse, build_bars, build_pull):
    pull = replace(build_pull(build_bars()), bars=build_bars().iloc[:0])
    assert warehouse.pulls.load_pull(warehouse.pulls.save_pull(pull)).bars.empty


def test_same_content_gives_the_same_id_whatever_became_of_it(warehouse, build_bars, build_pull):
    pull = build_pull(build_bars())
    pull_id = warehouse.pulls.save_pull(pull)
    warehouse.pulls.mark_pull(pull_id, PullState.QUARANTINED, "jump of 40%")
    assert warehouse.pulls.save_pull(pull) == pull_id
    assert warehouse.pulls.load_pull(pull_id).state is PullState.QUARANTINED


def test_other_content_or_range_gives_another_id(warehouse, build_bars, build_pull):
    pull = build_pull(build_bars())
    other = build_pull(build_bars(seed=2))
    wider = replace(pull, last=date(2020, 1, 16))
    assert [warehouse.pulls.save_pull(item) for item in (pull, other, wider)] == [1, 2, 3]


def test_reason_stands_with_the_quarantined_pull(warehouse, build_bars, build_pull, run_sql):
    pull_id = warehouse.pulls.save_pull(build_pull(build_bars()))
    warehouse.pulls.mark_pull(pull_id, PullState.QUARANTINED, "jump of 40%")
    assert run_sql("SELECT state, reason FROM prism.pulls") == [("quarantined", "jump of 40%")]


def test_ids_have_no_gaps_after_a_rolled_back_writer(warehouse, build_bars, build_pull):
    warehouse.pulls.save_pull(build_pull(build_bars()))
    refused = replace(build_pull(build_bars(seed=2)), first=date(2021, 1, 1))
    with pytest.raises(WarehouseError, match="range_is_ordered"):
        warehouse.pulls.save_pull(refused)
    assert warehouse.pulls.save_pull(build_pull(build_bars(seed=3))) == 2


def test_rivals_that_save_the_same_pull_get_one_id(
    open_rivals, build_bars, build_pull, run_together
):
    pulls = [build_pull(build_bars(seed=seed)) for seed in (1, 2)]
    rivals = open_rivals(6)
    ids = run_together(
        *(lambda w=w, p=pulls[i % 2]: w.pulls.save_pull(p) for i, w in enumerate(rivals))
    )
    assert sorted(set(ids)) == [1, 2]
    assert len(set(ids[::2])) == len(set(ids[1::2])) == 1


def test_altered_payload_is_refused(warehouse, build_bars, build_pull, run_sql):
    pull_id = warehouse.pulls.save_pull(build_pull(build_bars()))
    warehouse.pulls.save_pull(build_pull(build_bars(seed=2)))
    run_sql(
        "UPDATE prism.pulls SET payload = (SELECT payload FROM prism.pulls WHERE pull_id = 2)"
        " WHERE pull_id = 1"
    )
    with pytest.raises(WarehouseError, match="not what its hash says"):
        warehouse.pulls.load_pull(pull_id)


def test_unknown_pull_is_named(warehouse):
    for call in (
        lambda: warehouse.pulls.load_pull(7),
        lambda: warehouse.pulls.mark_pull(7, PullState.ACCEPTED),
    ):
        with pytest.raises(WarehouseError, match="pull 7"):
            call()


def test_coverage_ends_before_the_first_hole(warehouse, build_bars, build_pull):
    assert warehouse.pulls.last_pulled("sample", "000300.SH") is None
    # Friday, then the Monday after; then one session is left out.
    for first, last in (("2020-01-02", "2020-01-03"), ("2020-01-06", "2020-01-08")):
        _accept(warehouse, build_pull, build_bars, first, last)
    assert warehouse.pulls.last_pulled("sample", "000300.SH") == date(2020, 1, 8)
    _accept(warehouse, build_pull, build_bars, "2020-01-10", "2020-01-13")
    assert warehouse.pulls.last_pulled("sample", "000300.SH") == date(2020, 1, 8)
    _accept(warehouse, build_pull, build_bars, "2020-01-07", "2020-01-12")
    assert warehouse.pulls.last_pulled("sample", "000300.SH") == date(2020, 1, 13)
    assert warehouse.pulls.last_pulled("other", "000300.SH") is None


def test_only_accepted_pulls_cover(warehouse, build_bars, build_pull):
    pull_id = warehouse.pulls.save_pull(build_pull(build_bars()))
    assert warehouse.pulls.last_pulled("sample", "000300.SH") is None
    warehouse.pulls.mark_pull(pull_id, PullState.QUARANTINED, "no")
    assert warehouse.pulls.last_pulled("sample", "000300.SH") is None


def test_coverage_to_a_weekend_ends_with_its_friday(warehouse, build_bars, build_pull):
    _accept(warehouse, build_pull, build_bars, "2020-01-02", "2020-01-05")
    assert warehouse.pulls.last_pulled("sample", "000300.SH") == date(2020, 1, 3)


def _accept(warehouse, build_pull, build_bars, first, last):
    pull = build_pull(build_bars(), date.fromisoformat(first), date.fromisoformat(last))
    warehouse.pulls.mark_pull(warehouse.pulls.save_pull(pull), PullState.ACCEPTED)
