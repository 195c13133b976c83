"""A warehouse of schema 8 comes up with its columns renamed and every value as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from factorprism.warehouse import PostgresWarehouse, restore
from sql import Execute, connect

DUMP = Path(__file__).with_name("dumps") / "schema8.dump"
SIGNAL = "hs300-direction-14"
RENAMED = {
    ("alerts", "told_at"): "notified_at",
    ("alerts", "recovery_told_at"): "recovery_notified_at",
    ("evaluations", "judged_at"): "evaluated_at",
    ("fold_forecasts", "judged_at"): "evaluated_at",
    ("explanations", "precedents"): "nearest_neighbours",
}
COLUMNS = """
SELECT table_name, column_name FROM information_schema.columns
JOIN information_schema.tables USING (table_schema, table_name)
WHERE table_schema = 'prism' AND table_type = 'BASE TABLE' AND table_name <> 'alembic_version'
ORDER BY table_name, ordinal_position
"""
GUARDS = """
SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger
WHERE NOT tgisinternal AND tgrelid::regclass::text LIKE 'prism.%' ORDER BY 1, 2
"""
# Columns whose JSON has names that change.
WITHIN = {("alerts", "details"), ("contests", "content"), ("promotions", "numbers")}
ALERT = """
INSERT INTO prism.alerts (alert_key, occurrence, severity, sentence, details, raises, raised_at,
    told_at)
VALUES ('weekly x', 1, 'critical', 'a sentence', '{"told_to": ["1 mail"], "tries": 2}', 1, now(),
    '2026-01-05 12:00+00')
"""
DECISION = """
INSERT INTO prism.promotions (signal, as_of, candidate_id, number, kind, champion_id, previous_id,
    promoted, reason, numbers, decided_at)
SELECT signal, as_of + 1, candidate_id, 0, 'contest', champion_id, champion_id, false, 'it stays',
    '{"gain": 0.5, "miscalibration_excess": 0.25, "miscalibration_excess_lower": -0.5,
      "miscalibration_excess_upper": 1}', now()
FROM prism.promotions LIMIT 1
"""

# The quick contest of the dump has no placebos.
PLACEBO = """
UPDATE prism.contests SET content = jsonb_set(content, '{placebos}',
    '[{"entrant": "mlp", "order": 0.5, "paid_lower": 0.25, "paid_upper": 0.75},
      {"entrant": "lenet5", "order": 0.4, "paid_lower": 0.125, "paid_upper": 0.5}]')
"""


@pytest.fixture
def older(warehouse_url: str) -> Iterator[Execute]:
    """A way to ask a restored warehouse of schema 8, with an alert, a decision and placebos."""
    restore(DUMP, warehouse_url)
    with connect(warehouse_url) as ask:
        ask(ALERT)
        ask(DECISION)
        ask(PLACEBO)
        yield ask


def read_all(ask: Execute, renamed: dict[tuple[str, str], str]) -> dict[tuple[str, str], list[Any]]:
    """Return each column's values, in the order of the rows' text, by its name in schema 8."""
    old = {(table, new): name for (table, name), new in renamed.items()}
    held = {}
    for table, column in ask(COLUMNS):
        name = old.get((table, column), column)
        if (table, name) not in WITHIN:
            statement = f"SELECT {column}::text FROM prism.{table} ORDER BY 1"  # noqa: S608
            held[table, name] = ask(statement)
    return held


def bring_up(url: str) -> PostgresWarehouse:
    warehouse = PostgresWarehouse(url)
    warehouse.migrate()
    return warehouse


def test_columns_have_their_new_names_and_every_value(older: Execute, warehouse_url: str) -> None:
    before, guards = read_all(older, {}), older(GUARDS)
    assert set(RENAMED) < set(before)
    assert all(before[name] for name in RENAMED)
    with closing(bring_up(warehouse_url)):
        assert read_all(older, RENAMED) == before
        assert older(GUARDS) == guards
        assert {enabled for *_, enabled in guards} == {"A"}


def test_the_chain_is_what_it_was(older: Execute, warehouse_url: str) -> None:
    heads = older("SELECT signal, max(position) FROM prism.forecasts GROUP BY 1")
    (last,) = older("SELECT row_hash FROM prism.forecasts ORDER BY position DESC LIMIT 1")
    with closing(bring_up(warehouse_url)) as warehouse:
        report = warehouse.forecasts.verify()
        assert report.faults == ()
        assert [(head.signal, head.position) for head in report.heads] == heads
        assert report.heads[0].row_hash == last[0]


def rename_content(content: dict[str, Any]) -> dict[str, Any]:
    """Return a report of schema 8 as schema 9 has it."""
    placebos = [
        {name.replace("paid_", "adjusted_"): value for name, value in line.items()}
        for line in content["placebos"]
    ]
    backtests = [
        {name: value for name, value in rule.items() if name != "accounts"}
        | {
            "results": [
                {("excess_return" if name == "excess" else name): item[name] for name in item}
                for item in rule["accounts"]
            ]
        }
        for rule in content["accounts"]
    ]
    rest = {name: value for name, value in content.items() if name != "accounts"}
    return {**rest, "placebos": placebos, "backtests": backtests}


def test_a_report_reads_as_before(older: Execute, warehouse_url: str) -> None:
    ((as_of, content),) = older("SELECT as_of, content FROM prism.contests")
    assert len(content["accounts"]) == 4
    assert all(rule["accounts"] for rule in content["accounts"])
    assert len(content["placebos"]) == 2
    with closing(bring_up(warehouse_url)) as warehouse:
        report = warehouse.contests.load_report(SIGNAL, as_of)
        assert report is not None
        assert report.content == rename_content(content)


def test_names_within_alerts_and_decisions_change(older: Execute, warehouse_url: str) -> None:
    ((numbers,),) = older("SELECT numbers FROM prism.promotions WHERE reason <> 'it stays'")
    with closing(bring_up(warehouse_url)) as warehouse:
        entry = warehouse.alerts.find_alert("weekly x")
        assert entry is not None
        assert (entry.notified_to, entry.tries) == (frozenset({"1 mail"}), 2)
        assert entry.notified_at is not None
        assert entry.notified_at.date() == date(2026, 1, 5)
        first, last = warehouse.models.list_promotions(SIGNAL)
        assert first.numbers == numbers
        assert last.numbers == {
            "gain": 0.5,
            "miscalibration_exceedance": 0.25,
            "miscalibration_exceedance_lower": -0.5,
            "miscalibration_exceedance_upper": 1.0,
        }
        with pytest.raises(psycopg2.Error, match="promotions"):
            older("UPDATE prism.promotions SET reason = 'another'")
