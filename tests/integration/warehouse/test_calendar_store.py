"""The vendor's days in the warehouse: the newest answer is in force, whoever gave it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from factorprism.core.calendar import calendar_for
from factorprism.core.errors import WarehouseError
from factorprism.market.findings import Finding, SetAside
from factorprism.warehouse import PostgresWarehouse, read_trading_days
from factorprism.warehouse.calendar import teach_held_days

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


def test_days_with_a_bar_are_distinguished_on_every_exchange(
    warehouse: PostgresWarehouse, build_bars: Any, merge: Any
) -> None:
    firsts = {
        "^HSI": "2020-01-02",
        "0700.HK": "2020-01-03",
        "AAPL.US": "2020-01-06",
        "FOO.XNYS": "2020-01-07",
        "^FOO.XLON": "2020-01-08",
        "430047.BJ": "2020-01-09",
        "H30533.CSI": "2020-01-10",
    }
    for symbol, first in firsts.items():
        merge(build_bars(symbol, first=first, n=1))
    expected = {"XHKG": (2, 3), "XNYS": (6, 7), "XLON": (8,), "XSHG": (9, 10), "XTKS": ()}
    for exchange, days in expected.items():
        assert warehouse.calendar.load_traded(exchange) == [date(2020, 1, day) for day in days]


def set_row_aside(
    warehouse: PostgresWarehouse, pull_id: int, session: date, expectation: str
) -> None:
    finding = Finding(
        finding_id=f"{expectation} {session}",
        symbol="000300.SH",
        suite="bars",
        expectation=expectation,
        column="low",
        rows={session.isoformat(): "1"},
        sessions=(session,),
        sentence="A sentence.",
    )
    warehouse.findings.save_findings(pull_id, [finding])
    row = SetAside(finding.symbol, session, pull_id, finding.finding_id, finding.sentence)
    held = warehouse.findings.load_set_aside(pull_id)
    warehouse.findings.save_set_aside(pull_id, [*held, row])


def test_a_row_that_was_set_aside_makes_a_session_beyond_the_known_end(
    warehouse: PostgresWarehouse, build_bars: Any, merge: Any, end_library: Any
) -> None:
    friday, monday, tuesday = (date(2024, 9, day) for day in (6, 9, 10))
    merge(build_bars("000300.SH", first=str(friday), n=1))
    merge(build_bars("000300.SH", first="2024-09-11", n=1))
    pull_id = warehouse.pulls.list_pulls(["000300.SH"], 1)[0].pull_id
    set_row_aside(warehouse, pull_id, monday, "low_covers_body")
    set_row_aside(warehouse, pull_id, tuesday, "no_session_extra")
    end_library(date(2024, 9, 5))
    teach_held_days(warehouse.calendar, ["XSHG"])
    calendar = calendar_for("XSHG")
    assert calendar.known_through == date(2024, 9, 11)
    assert calendar.offset(friday, 1) == monday
    assert calendar.offset(friday, 2) == date(2024, 9, 11)
    warehouse.findings.clear_set_aside("000300.SH", [monday])
    assert warehouse.calendar.load_traded("XSHG") == [friday, date(2024, 9, 11)]


@pytest.mark.parametrize("suffix", ["", "_absent"])
def test_a_planning_process_is_refused_in_plain_language(warehouse_url: str, suffix: str) -> None:
    with pytest.raises(WarehouseError, match="trading days of XSHG cannot be read"):
        read_trading_days(warehouse_url + suffix, "XSHG", timeout_seconds=3)
