"""Findings by name, what a person accepted of them, and the rows that stand aside."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from factorprism.core.errors import ConfigurationError, QualityError, WarehouseError
from factorprism.core.schemas import Finding, Pull, SetAside, empty_bars
from factorprism.pipelines.accepting import accept_finding
from factorprism.warehouse import PostgresWarehouse

SYMBOL = "000300.SH"
DAY, NEXT = date(2024, 1, 9), date(2024, 1, 10)
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


def test_a_finding_comes_back_as_it_was_and_is_kept_once(warehouse: PostgresWarehouse) -> None:
    warehouse.findings.save_findings([FINDING, FINDING, TEXT])
    warehouse.findings.save_findings([FINDING])
    assert warehouse.findings.load_finding(FINDING.finding_id) == FINDING
    listed = warehouse.findings.list_findings([SYMBOL], 5)
    assert sorted(item.finding_id for item in listed) == [FINDING.finding_id, TEXT.finding_id]
    assert warehouse.findings.list_findings(["000905.SH"], 5) == []


def test_the_first_word_on_a_finding_stands_for_good(warehouse: PostgresWarehouse) -> None:
    store = warehouse.findings
    store.save_findings([FINDING])
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
def test_what_was_accepted_cannot_be_changed(warehouse: PostgresWarehouse, statement: str) -> None:
    warehouse.findings.save_findings([FINDING])
    accept_finding(warehouse.findings, FINDING.finding_id, "mei", "it is real")
    with (
        pytest.raises((WarehouseError, DBAPIError), match="append-only"),
        warehouse._database.begin() as connection,
    ):
        connection.execute(text(statement))
    assert len(warehouse.findings.list_accepted([SYMBOL])) == 1


def test_what_cannot_be_accepted_is_refused_in_words(warehouse: PostgresWarehouse) -> None:
    store = warehouse.findings
    store.save_findings([FINDING, TEXT])
    with pytest.raises(ConfigurationError, match="no finding 'nothing' is known"):
        accept_finding(store, "nothing", "mei", "it is real")
    with pytest.raises(ConfigurationError, match="needs a person and a reason"):
        accept_finding(store, FINDING.finding_id, "mei", "  ")
    with pytest.raises(QualityError, match="cannot be accepted"):
        accept_finding(store, TEXT.finding_id, "mei", "it is real")
    closed = replace(FINDING, finding_id="saturday", expectation="no_session_extra")
    store.save_findings([closed])
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
    (standing,) = store.list_set_aside([SYMBOL])
    assert (standing.session, standing.sentence) == (NEXT, f"on {NEXT}")
    assert [row.session for row in store.load_set_aside(pull_id)] == [DAY, NEXT]
