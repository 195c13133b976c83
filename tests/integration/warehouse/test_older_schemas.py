"""Warehouses of older schemas come up with every row: dumps of real ones, made by `make run`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from factorprism.cli.tables import forecast_lines
from factorprism.core.config import Config
from factorprism.targets import DIRECTION
from factorprism.views.models import read_models
from factorprism.views.record import read_track_record
from factorprism.warehouse import PostgresWarehouse, restore
from factorprism.warehouse.tables import metadata
from sql import Execute, connect

DUMPS = Path(__file__).with_name("dumps")
OLD_LEDGER = """
SELECT target, session, horizon, model_id, state, horizon_end, reason, p_up, p_up_raw, base_rate,
    universe, data_hash, factor_hash, image_hash, created_at{} FROM prism.{} ORDER BY {}
"""
SINCE_4 = ", word, horizon_end_expected, due_at, late_by"
ISSUED = """
INSERT INTO prism.forecasts (target, session, horizon, horizon_end, model_id, state, reason, p_up,
    p_up_raw, base_rate, universe, data_hash, factor_hash, image_hash, created_at)
SELECT target, %s, horizon, %s, model_id, state, reason, p_up, p_up_raw, base_rate, universe,
    data_hash, factor_hash, image_hash, created_at - interval '1 day'
FROM prism.forecasts WHERE state = 'issued' LIMIT 1
"""
# Two universes that share a target shared its words too.
WITHHELD = """
INSERT INTO prism.forecasts (target, session, horizon, horizon_end, model_id, state, reason,
    universe, data_hash, factor_hash, image_hash)
VALUES ('000300.SH', '2025-11-04', 14, '2025-11-24', 'none', 'withheld', %s, %s, '', '', '')
"""
OUTCOME = """
INSERT INTO prism.outcomes (target, session, horizon, model_id, forward_return, went_up{column})
SELECT target, session, horizon, model_id, -0.03125, false{column}
FROM prism.forecasts WHERE session = %s
"""


@pytest.fixture(params=["schema3", "schema7"])
def older(request: pytest.FixtureRequest, warehouse_url: str) -> Iterator[tuple[str, Execute, str]]:
    """The URL of a restored older warehouse, a way to ask it, and the name of its schema."""
    restore(DUMPS / f"{request.param}.dump", warehouse_url)
    with connect(warehouse_url) as ask:
        yield warehouse_url, ask, request.param


def count_rows(ask: Execute) -> dict[str, int]:
    tables = ask(
        "SELECT table_name FROM information_schema.tables"
        " WHERE table_schema = 'prism' AND table_type = 'BASE TABLE'"
    )
    return {
        name: ask(f"SELECT count(*) FROM prism.{name}")[0][0]  # noqa: S608
        for (name,) in tables
        if name != "alembic_version"
    }


def bring_up(url: str) -> PostgresWarehouse:
    warehouse = PostgresWarehouse(url)
    warehouse.migrate()
    return warehouse


def test_every_row_is_kept_and_reads_as_before(older):
    url, ask, schema = older
    columns = SINCE_4 if schema == "schema7" else ""
    order = "session, state DESC, model_id, created_at"
    held, counts = ask(OLD_LEDGER.format(columns, "forecasts", order)), count_rows(ask)
    assert len(held) >= 3
    with closing(bring_up(url)) as warehouse:
        assert ask(OLD_LEDGER.format(columns, "direction_ledger", order)) == held
        after = count_rows(ask)
        assert {name: after[name] for name in counts} == counts
        assert after["direction_forecasts"] == sum(row[4] == "issued" for row in held)
        assert set(after) == {table.name for table in metadata.tables.values()}
        printed = [
            one for row in warehouse.forecasts.load_forecasts() for one in forecast_lines(row)
        ]
    expected = json.loads((DUMPS / f"{schema}.json").read_text())
    assert len(printed) == len(expected)
    for new, old in zip(printed, expected, strict=True):
        # What was called the target is the symbol; the target is what is asked of it.
        assert (new["signal"], new["target"]) == ("hs300-direction-14", "direction")
        assert new["symbol"] == old.pop("target")
        assert {name: new[name] for name in old} == old


def test_the_chain_of_what_was_carried_over_fits(older):
    url, ask, _ = older
    ask(ISSUED, "2025-11-03", "2025-11-21")
    for universe, reason in (("hs300", "stale data"), ("image4", "no champion")):
        if older[2] == "schema7" or universe == "hs300":
            ask(WITHHELD, reason, universe)
    written = ask("SELECT universe, created_at, session FROM prism.forecasts ORDER BY 1, 2, 3")
    with closing(bring_up(url)) as warehouse:
        report = warehouse.forecasts.verify()
        assert report.faults == ()
        assert report.n_rows == len(written)
        chained = ask(
            "SELECT universe, created_at, session FROM prism.forecasts ORDER BY signal, position"
        )
        assert chained == written
        assert warehouse.forecasts.append(warehouse.forecasts.load_forecasts()[0]) is False
        assert [head.signal for head in report.heads] == sorted(
            {f"{universe}-direction-14" for universe, *_ in written}
        )


def test_an_outcome_and_a_fold_are_carried_over_by_their_signal(older):
    url, ask, schema = older
    day = date(2025, 11, 3)
    ask(ISSUED, day, "2025-11-21")
    ask(OUTCOME.format(column=", horizon_end" if schema == "schema7" else ""), day)
    folds = ask("SELECT fold_key, went_up, p_up, return_base FROM prism.fold_forecasts ORDER BY 1")
    rates = ask("SELECT model_id, base_rate FROM prism.models ORDER BY 1")
    with closing(bring_up(url)) as warehouse:
        (row,) = warehouse.forecasts.load_outcomes("hs300-direction-14", "direction").to_dict(
            "records"
        )
        assert (row["value"], row["forward_return"]) == (0.0, -0.03125)
        assert row["session"].date() == day
        held = warehouse.contests.load_folds([fold[0] for fold in folds])
        names = ("outcome.label", "value.p_up", "base.return_estimate")
        carried = [
            (fold.fold_key, *(fold.columns[name].tolist() for name in names)) for fold in held
        ]
        assert carried == folds
        assert folds
        models = warehouse.models.list_models("hs300-direction-14")
        assert sorted((record.model_id, record.bases["base_rate"]) for record in models) == rates


def test_the_pages_questions_answer(older):
    url, ask, _ = older
    (as_of,) = ask("SELECT max(as_of) FROM prism.contests")[0]
    explained = ask("SELECT session, model_id FROM prism.explanations")
    config = Config(home=Path("/nowhere"), warehouse_url=url)
    signal = "hs300-direction-14"
    with closing(bring_up(url)) as warehouse:
        record = read_track_record(warehouse, config, None)
        assert record is not None
        assert record.line.signal == signal
        assert record.line.issued == 1
        models = read_models(warehouse, "hs300-direction-14", DIRECTION)
        assert models.champion is not None
        assert models.contest is not None
        assert warehouse.contests.load_last_contest(signal, as_of)[0] == as_of
        assert warehouse.forecasts.find_newest_issued(signal) == date(2025, 12, 31)
        assert explained
        for session, model_id in explained:
            assert warehouse.explanations.load_explanation(signal, session, model_id) is not None
        assert (
            ask("SELECT count(*) FROM prism.direction_record")[0][0]
            == record.line.issued + record.line.withheld
        )
        assert warehouse.read_version()


def test_open_alerts_are_of_the_signal(older):
    url, ask, _ = older
    ask("TRUNCATE prism.alerts CASCADE")
    for key in ("daily hs300", "task weekly hs300", "digest image4 2025-12-31", "data hs300"):
        ask(
            "INSERT INTO prism.alerts (alert_key, occurrence, severity, sentence, details, raises,"
            " raised_at) VALUES (%s, 1, 'critical', 'a sentence', '{}', 1, now())",
            key,
        )
    with closing(bring_up(url)) as warehouse:
        assert sorted(held.key for held in warehouse.alerts.list_open_alerts()) == [
            "daily hs300-direction-14",
            "data hs300",
            "digest image4-direction-14 2025-12-31",
            "task weekly hs300-direction-14",
        ]
