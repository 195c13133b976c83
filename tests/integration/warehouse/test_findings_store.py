"""Findings by name, what a person accepted of them, and the rows that stand aside."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from factorprism.core.errors import ConfigurationError, QualityError
from factorprism.market.bars import Pull, PullState, empty_bars
from factorprism.market.findings import Finding, SetAside
from factorprism.pipelines.accepting import accept_finding
from factorprism.warehouse import PostgresWarehouse
from factorprism.warehouse.migrations import versions

SYMBOL = "000300.SH"
DAY, NEXT, THEN = date(2024, 1, 9), date(2024, 1, 10), date(2024, 1, 11)
FINDING = Finding(
    finding_id="abc123def456",
    symbol=SYMBOL,
    suite="bars",
    expectation="low_covers_body",
    column="low",
    rows={DAY.isoformat(): "-0.01"},
    sessions=(DAY,),
    sentence="000300.SH: low lies above open or close on 2024-01-09 (-0.01).",
)
TEXT = Finding(
    finding_id="no-rows",
    symbol=SYMBOL,
    suite="bars_schema",
    expectation="value_type",
    column="low",
    rows={},
    sessions=(),
    sentence="000300.SH: low is not of type float64.",
)


@pytest.fixture
def pull_id(warehouse: PostgresWarehouse) -> int:
    pull = Pull("files", SYMBOL, DAY, NEXT, empty_bars(), datetime(2024, 1, 10, 11))
    return warehouse.pulls.save_pull(pull)


def refuse(warehouse: PostgresWarehouse, pull_id: int, *found: Finding) -> None:
    """Let the gate find `found` in the pull, and refuse it."""
    warehouse.findings.save_findings(pull_id, found)
    warehouse.pulls.mark_pull(pull_id, PullState.QUARANTINED, "at fault")


def list_open(warehouse: PostgresWarehouse) -> list[Finding]:
    return warehouse.findings.list_findings([SYMBOL], 5)


def test_a_finding_comes_back_as_it_was_and_is_kept_once(
    warehouse: PostgresWarehouse, pull_id: int
) -> None:
    refuse(warehouse, pull_id, FINDING, FINDING, TEXT)
    warehouse.findings.save_findings(pull_id, [FINDING])
    assert warehouse.findings.load_finding(FINDING.finding_id) == FINDING
    listed = list_open(warehouse)
    assert sorted(item.finding_id for item in listed) == [FINDING.finding_id, TEXT.finding_id]
    assert warehouse.findings.list_findings(["000905.SH"], 5) == []


def test_the_first_word_on_a_finding_stands_for_good(
    warehouse: PostgresWarehouse, pull_id: int
) -> None:
    store = warehouse.findings
    refuse(warehouse, pull_id, FINDING)
    version = warehouse.read_version()
    assert "accepted by mei" in accept_finding(store, FINDING.finding_id, "mei", " it is real ")
    assert "the first word on it stands" in accept_finding(store, FINDING.finding_id, "li", "no")
    (accepted,) = store.list_accepted([SYMBOL])
    assert (accepted.finding, accepted.accepted_by) == (FINDING, "mei")
    assert accepted.reason == "it is real"
    assert store.list_findings([SYMBOL], 5) == []
    assert warehouse.read_version() != version


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE prism.accepted_findings SET reason = 'x'",
        "DELETE FROM prism.accepted_findings",
        "TRUNCATE prism.accepted_findings",
    ],
)
def test_what_was_accepted_cannot_be_changed(
    warehouse: PostgresWarehouse, pull_id: int, run_sql: Any, statement: str
) -> None:
    warehouse.findings.save_findings(pull_id, [FINDING])
    accept_finding(warehouse.findings, FINDING.finding_id, "mei", "it is real")
    with pytest.raises(psycopg2.errors.RestrictViolation, match="append-only"):
        run_sql(statement)
    assert len(warehouse.findings.list_accepted([SYMBOL])) == 1


def test_what_cannot_be_accepted_is_refused_in_words(
    warehouse: PostgresWarehouse, pull_id: int
) -> None:
    store = warehouse.findings
    store.save_findings(pull_id, [FINDING, TEXT])
    with pytest.raises(ConfigurationError, match="no finding 'nothing' is known"):
        accept_finding(store, "nothing", "mei", "it is real")
    with pytest.raises(ConfigurationError, match="needs a person and a reason"):
        accept_finding(store, FINDING.finding_id, "mei", "  ")
    with pytest.raises(QualityError, match="cannot be accepted"):
        accept_finding(store, TEXT.finding_id, "mei", "it is real")
    closed = replace(FINDING, finding_id="saturday", expectation="no_session_extra")
    store.save_findings(pull_id, [closed])
    with pytest.raises(QualityError, match="no place for a day without trading") as caught:
        accept_finding(store, "saturday", "mei", "it is real")
    assert "no forecast needs it" in caught.value.remedy
    assert store.list_accepted([SYMBOL]) == []


def test_rows_stand_aside_until_a_sound_bar_is_held(
    warehouse: PostgresWarehouse, pull_id: int
) -> None:
    store = warehouse.findings
    rows = [SetAside(SYMBOL, day, pull_id, "abc", f"on {day}") for day in (DAY, NEXT)]
    store.save_set_aside(pull_id, rows)
    store.save_set_aside(pull_id, rows)
    assert [row.session for row in store.list_set_aside([SYMBOL])] == [NEXT, DAY]
    store.clear_set_aside(SYMBOL, [DAY])
    (held,) = store.list_set_aside([SYMBOL])
    assert (held.session, held.sentence) == (NEXT, f"on {NEXT}")
    assert [row.session for row in store.load_set_aside(pull_id)] == [DAY, NEXT]


def make_pull(warehouse: PostgresWarehouse, first: date, last: date) -> int:
    pull = Pull("files", SYMBOL, first, last, empty_bars(), datetime(2024, 1, 12, 11))
    return warehouse.pulls.save_pull(pull)


def put_aside(warehouse: PostgresWarehouse, pull_id: int, finding: Finding, *days: date) -> None:
    """Let the gate find `finding` in the pull, keep `days` out, and merge the rest."""
    store = warehouse.findings
    store.save_findings(pull_id, [finding])
    rows = [SetAside(SYMBOL, day, pull_id, finding.finding_id, finding.sentence) for day in days]
    store.save_set_aside(pull_id, rows)
    warehouse.pulls.mark_pull(pull_id, PullState.ACCEPTED)


def test_a_finding_is_fixed_by_the_pull_that_gave_the_last_of_its_rows(
    warehouse: PostgresWarehouse, pull_id: int
) -> None:
    store = warehouse.findings
    finding = replace(FINDING, sessions=(DAY, NEXT))
    put_aside(warehouse, pull_id, finding, DAY, NEXT)
    later = make_pull(warehouse, DAY, THEN)
    store.clear_set_aside(SYMBOL, [DAY], later)
    assert list_open(warehouse) == [finding]
    assert store.list_fixed([SYMBOL], 5) == []

    store.clear_set_aside(SYMBOL, [NEXT], later)
    assert list_open(warehouse) == []
    (fixed,) = store.list_fixed([SYMBOL], 5)
    assert (fixed.finding, fixed.pull_id) == (finding, later)
    assert store.list_fixed(["000905.SH"], 5) == []


def test_a_finding_that_comes_back_is_open_again(
    warehouse: PostgresWarehouse, pull_id: int
) -> None:
    put_aside(warehouse, pull_id, FINDING, DAY)
    later = make_pull(warehouse, DAY, THEN)
    warehouse.findings.clear_set_aside(SYMBOL, [DAY], later)
    assert list_open(warehouse) == []
    put_aside(warehouse, pull_id, FINDING, DAY)
    assert list_open(warehouse) == [FINDING]
    assert warehouse.findings.list_fixed([SYMBOL], 5) == []


def test_what_refused_a_pull_is_fixed_once_a_later_one_of_its_end_has_gone_in(
    warehouse: PostgresWarehouse, pull_id: int
) -> None:
    refuse(warehouse, pull_id, FINDING, TEXT)
    before = make_pull(warehouse, DAY, DAY)
    warehouse.pulls.mark_pull(before, PullState.ACCEPTED)
    assert len(list_open(warehouse)) == 2
    again = make_pull(warehouse, NEXT, THEN)
    refuse(warehouse, again, TEXT)  # the other is not found there, and nothing has gone in
    assert list_open(warehouse) == [TEXT]
    assert warehouse.findings.list_fixed([SYMBOL], 5) == []

    third = make_pull(warehouse, DAY, THEN)
    warehouse.pulls.mark_pull(third, PullState.ACCEPTED)
    assert list_open(warehouse) == []
    fixed = warehouse.findings.list_fixed([SYMBOL], 5)
    assert {item.finding.finding_id for item in fixed} == {FINDING.finding_id, TEXT.finding_id}
    assert {item.pull_id for item in fixed} == {third}

    refuse(warehouse, again, TEXT)
    assert list_open(warehouse) == [TEXT]


def test_a_fault_that_grows_is_open_by_its_newest_name_and_accepted_under_all(
    warehouse: PostgresWarehouse, pull_id: int
) -> None:
    put_aside(warehouse, pull_id, FINDING, DAY)
    grown = replace(
        FINDING,
        finding_id="fed654cba321",
        rows={**FINDING.rows, NEXT.isoformat(): "-0.02"},
        sessions=(DAY, NEXT),
    )
    later = make_pull(warehouse, DAY, THEN)
    put_aside(warehouse, later, grown, DAY, NEXT)
    assert list_open(warehouse) == [grown]
    assert warehouse.findings.list_fixed([SYMBOL], 5) == []
    accept_finding(warehouse.findings, grown.finding_id, "mei", "it is real")
    warehouse.findings.clear_set_aside(SYMBOL, [DAY, NEXT], later)
    assert list_open(warehouse) == []
    assert warehouse.findings.list_fixed([SYMBOL], 5) == []


def test_the_answer_that_came_last_speaks_for_a_row_whatever_its_number(
    warehouse: PostgresWarehouse, pull_id: int
) -> None:
    later, other = make_pull(warehouse, DAY, THEN), replace(FINDING, finding_id="other")
    put_aside(warehouse, later, other, DAY)
    put_aside(warehouse, pull_id, FINDING, DAY)
    (row,) = warehouse.findings.list_set_aside([SYMBOL])
    assert row.pull_id == pull_id < later
    assert list_open(warehouse) == [FINDING]


def test_a_session_that_a_person_says_was_none_stands_aside_no_more(
    warehouse: PostgresWarehouse, pull_id: int
) -> None:
    missing = replace(FINDING, expectation="no_session_missing", rows={DAY.isoformat(): "0"})
    put_aside(warehouse, pull_id, missing, DAY)
    accept_finding(warehouse.findings, missing.finding_id, "mei", "the index was not calculated")
    assert warehouse.findings.list_set_aside([SYMBOL]) == []
    assert list_open(warehouse) == []
    assert warehouse.findings.list_fixed([SYMBOL], 5) == []


def test_findings_from_before_pulls_were_noted_learn_theirs(
    warehouse: PostgresWarehouse, pull_id: int
) -> None:
    later = make_pull(warehouse, DAY, THEN)
    put_aside(warehouse, later, FINDING, DAY)
    refuse(warehouse, pull_id, TEXT)
    script = Path(versions.__path__[0]) / "v0007_mended.sql"
    (learn,) = re.findall(r"UPDATE .*?;", script.read_text("utf-8"), re.DOTALL)
    with warehouse._database.begin() as connection:
        connection.exec_driver_sql("UPDATE prism.findings SET pull_id = NULL")
        connection.exec_driver_sql(learn)
        rows = connection.exec_driver_sql("SELECT finding_id, pull_id FROM prism.findings").all()
    assert dict(rows) == {FINDING.finding_id: later, TEXT.finding_id: pull_id}
