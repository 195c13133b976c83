"""The vendor's days in the warehouse: the newest answer is in force, whoever gave it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from factorprism.core.errors import WarehouseError
from factorprism.warehouse import PostgresWarehouse, read_trading_days

MONDAY, TUESDAY = date(2027, 1, 4), date(2027, 1, 5)
DAYS_2020 = [date(2020, 1, 2), date(2020, 1, 3), date(2020, 1, 6)]
EARLY, LATE = datetime(2026, 12, 20, 11), datetime(2026, 12, 21, 11)


def test_days_come_back_in_order_and_by_exchange(warehouse: PostgresWarehouse) -> None:
    warehouse.calendar.save_days("XSHG", "tushare", {TUESDAY: False, MONDAY: True}, EARLY)
    warehouse.calendar.save_days("XNYS", "tushare", {MONDAY: False}, EARLY)
    assert list(warehouse.calendar.load_days("XSHG").items()) == [(MONDAY, True), (TUESDAY, False)]
    assert warehouse.calendar.load_days("XLON") == {}


def test_the_newest_answer_is_in_force(warehouse: PostgresWarehouse) -> None:
    store = warehouse.calendar
    store.save_days("XSHG", "tushare", {MONDAY: True, TUESDAY: True}, EARLY)
    store.save_days("XSHG", "tushare", {MONDAY: False}, LATE)
    store.save_days("XSHG", "tushare", {MONDAY: True}, EARLY)  # came late and is older
    assert store.load_days("XSHG") == {MONDAY: False, TUESDAY: True}
    store.save_days("XSHG", "other", {TUESDAY: False}, LATE)
    assert store.load_days("XSHG") == {MONDAY: False, TUESDAY: False}


def test_when_a_source_last_answered_is_known(warehouse: PostgresWarehouse) -> None:
    store = warehouse.calendar
    assert store.last_fetched("XSHG", "tushare") is None
    store.save_days("XSHG", "tushare", {}, LATE)
    assert store.last_fetched("XSHG", "tushare") is None
    store.save_days("XSHG", "tushare", {MONDAY: True}, EARLY)
    store.save_days("XSHG", "tushare", {TUESDAY: True}, LATE)
    assert store.last_fetched("XSHG", "tushare") == LATE
    assert store.last_fetched("XSHG", "other") is None


def test_a_planning_process_reads_the_same_days(
    warehouse: PostgresWarehouse, migrated_url: str, build_bars: Any, merge: Any
) -> None:
    warehouse.calendar.save_days("XSHG", "tushare", {MONDAY: True, TUESDAY: True}, EARLY)
    warehouse.calendar.save_days("XSHG", "other", {TUESDAY: False}, LATE)
    merge(build_bars("399006.SZ", first="2020-01-02", n=3))
    read = read_trading_days(migrated_url, "XSHG", timeout_seconds=3)
    assert read.published == warehouse.calendar.load_days("XSHG")
    assert read.traded == warehouse.calendar.load_traded("XSHG") == DAYS_2020


def test_days_with_a_bar_are_those_of_any_symbol_of_the_exchange(
    warehouse: PostgresWarehouse, build_bars: Any, merge: Any
) -> None:
    assert warehouse.calendar.load_traded("XSHG") == []
    merge(build_bars("000300.SH", first="2020-01-02", n=2))
    merge(build_bars("399006.SZ", first="2020-01-03", n=2))
    merge(build_bars("^GSPC", first="2020-01-09", n=1))
    assert warehouse.calendar.load_traded("XSHG") == DAYS_2020
    assert warehouse.calendar.load_traded("XNYS") == [date(2020, 1, 9)]


@pytest.mark.parametrize("suffix", ["", "_absent"])
def test_a_planning_process_is_refused_in_plain_words(warehouse_url: str, suffix: str) -> None:
    with pytest.raises(WarehouseError, match="trading days of XSHG cannot be read"):
        read_trading_days(warehouse_url + suffix, "XSHG", timeout_seconds=3)
