"""The ledger of forecasts: one last word a key, refused changes, outcomes once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime, timedelta

import pandas as pd
import psycopg2
import pytest
from sqlalchemy import insert

from default_signal import SIGNAL
from factorprism.core.errors import WarehouseError
from factorprism.core.ledger import ForecastLine, ForecastState, Head
from factorprism.warehouse.forecasts import _to_row
from factorprism.warehouse.tables import forecasts, metadata
from ledger_rows import (
    GIVEN,
    ISSUED,
    NO_CHAMPION,
    OUTCOME,
    SYMBOL,
    VALUES,
    VOLATILITY,
    WITHHELD,
    with_value,
)


def load(warehouse, **where):
    return [replace(row, **GIVEN) for row in warehouse.forecasts.load_forecasts(**where)]


def test_the_words_on_a_forecast_are_counted(warehouse, run_sql):
    for row in (WITHHELD, WITHHELD, NO_CHAMPION, ISSUED, ISSUED):
        warehouse.forecasts.append(row)
    words = run_sql("SELECT word, state, reason FROM prism.forecasts ORDER BY word")
    assert words == [
        (1, "withheld", "stale data"),
        (2, "withheld", "no champion"),
        (3, "issued", ""),
    ]
    assert load(warehouse) == [WITHHELD, NO_CHAMPION, ISSUED]


def test_the_clock_of_the_database_says_how_late_a_row_is(warehouse, run_sql, set_clock):
    due = datetime(2020, 12, 31, 11, 30)
    for model, hour in (("late", 13), ("early", 11)):
        set_clock(datetime(2020, 12, 31, hour))
        # What the writer says of the moment is not checked.
        said = datetime(1999, 1, 1)
        warehouse.forecasts.append(replace(ISSUED, model_id=model, due_at=due, created_at=said))
    warehouse.forecasts.append(replace(ISSUED, model_id="unknown"))
    held = run_sql("SELECT model_id, late_by FROM prism.forecasts ORDER BY model_id")
    delay = timedelta(minutes=90)
    assert held == [("early", timedelta(0)), ("late", delay), ("unknown", None)]
    by_model = {row.model_id: row for row in warehouse.forecasts.load_forecasts()}
    assert by_model["late"].created_at == datetime(2020, 12, 31, 13)
    assert {name: row.late_by for name, row in by_model.items()} == {
        "early": timedelta(0),
        "late": delay,
        "unknown": timedelta(0),
    }


def test_rows_come_back_as_they_were(warehouse):
    assert warehouse.forecasts.append(WITHHELD)
    assert warehouse.forecasts.append(ISSUED)
    assert load(warehouse) == [WITHHELD, ISSUED]


def test_each_row_is_linked_to_the_one_before_of_its_signal(warehouse):
    other = replace(WITHHELD, signal="us-direction-14", universe="us")
    for row in (WITHHELD, other, NO_CHAMPION, ISSUED):
        warehouse.forecasts.append(replace(row, position=99, word=7, row_hash="0" * 64))
    rows = warehouse.forecasts.load_forecasts(signal=SIGNAL)
    assert [(row.position, row.word) for row in rows] == [(1, 1), (2, 2), (3, 3)]
    assert [row.previous_hash for row in rows] == ["", *(row.row_hash for row in rows[:-1])]
    assert len({row.row_hash for row in rows}) == 3
    (elsewhere,) = warehouse.forecasts.load_forecasts(signal="us-direction-14")
    assert (elsewhere.position, elsewhere.previous_hash) == (1, "")
    assert warehouse.forecasts.list_heads() == [
        Head(SIGNAL, 3, rows[-1].row_hash),
        Head("us-direction-14", 1, elsewhere.row_hash),
    ]


def test_a_session_with_functions_of_its_own_writes_the_same_hashes(warehouse, run_sql):
    run_sql("CREATE SCHEMA other")
    run_sql(
        "CREATE FUNCTION other.sha256(bytea) RETURNS bytea LANGUAGE sql AS 'SELECT $1'; "
        "SET search_path = other, pg_catalog"
    )
    columns = list(_to_row(WITHHELD))
    names, marks = ", ".join(columns), ", ".join(["%s"] * len(columns))
    statement = f"INSERT INTO prism.forecasts ({names}) VALUES ({marks})"  # noqa: S608
    run_sql(statement, *_to_row(WITHHELD).values())
    assert warehouse.forecasts.verify().n_rows == 1
    assert warehouse.forecasts.verify().faults == ()


def test_a_line_counts_the_sessions_of_its_signal_by_their_last_word(warehouse):
    us = {"signal": "us-volatility-14", "universe": "us", "horizon": 7}
    rows = [WITHHELD, NO_CHAMPION, ISSUED, replace(ISSUED, model_id="inception-2")]
    for day in (date(2021, 1, 4), date(2021, 1, 5)):
        rows += [replace(row, session=day) for row in (WITHHELD, replace(VOLATILITY, **us))]
    for row in rows:
        warehouse.forecasts.append(row)
    first, last = ISSUED.session, date(2021, 1, 5)
    assert warehouse.forecasts.list_lines() == [
        ForecastLine(SIGNAL, "direction", "hs300", 14, SYMBOL, first, last, 1, 2),
        ForecastLine(
            "us-volatility-14", "volatility", "us", 7, SYMBOL, date(2021, 1, 4), last, 2, 0
        ),
    ]


def test_a_line_is_named_by_the_last_row_of_its_signal(warehouse):
    warehouse.forecasts.append(VOLATILITY)
    for day in (4, 5):
        warehouse.forecasts.append(replace(ISSUED, session=date(2021, 1, day), horizon=5))
    (line,) = warehouse.forecasts.list_lines()
    assert (line.target, line.horizon, line.issued) == ("direction", 5, 3)


def test_no_line_of_an_empty_ledger(warehouse):
    assert warehouse.forecasts.list_lines() == []


def test_values_of_many_symbols_come_back_by_symbol_and_name(warehouse):
    values = {symbol: {**VALUES, "p_up": 0.25} for symbol in ("a", "Z", "é", "\U0001f4c8")}
    row = replace(ISSUED, symbol="", values=values)
    warehouse.forecasts.append(row)
    assert load(warehouse) == [row]
    assert warehouse.forecasts.verify().faults == ()


def test_another_target_has_a_table_of_its_own(warehouse):
    row = replace(VOLATILITY, signal="image4-volatility-14")
    for one in (ISSUED, row):
        assert warehouse.forecasts.append(one)
    assert load(warehouse) == [ISSUED, row]
    assert warehouse.forecasts.verify().faults == ()
    outcome = replace(OUTCOME, signal=row.signal, value=-6.25)
    warehouse.forecasts.save_outcomes([outcome])
    record = warehouse.forecasts.load_record(row.signal, "volatility")
    assert record.outcome.tolist() == [-6.25]
    assert {name: held.tolist() for name, held in record.values.items()} == {
        name: [value] for name, value in row.values[SYMBOL].items()
    }


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (replace(ISSUED, values={SYMBOL: {"p_up": 0.5}}), "000300.SH has p_up, a forecast of"),
        (with_value(ISSUED, mean=1.0), "has base_rate, mean, p_up, p_up_raw"),
        (replace(ISSUED, target="rank"), "'rank' has no table of values"),
    ],
)
def test_values_that_the_target_does_not_have_are_refused(warehouse, row, said):
    with pytest.raises(ValueError, match=said):
        warehouse.forecasts.append(row)
    assert load(warehouse) == []


@pytest.mark.parametrize(
    ("rows", "appended"),
    [
        ([ISSUED, ISSUED], [True, False]),
        ([ISSUED, with_value(ISSUED, p_up=0.9)], [True, False]),
        ([ISSUED, WITHHELD], [True, False]),
        ([WITHHELD, WITHHELD], [True, False]),
        ([WITHHELD, NO_CHAMPION], [True, True]),
        ([WITHHELD, NO_CHAMPION, NO_CHAMPION, WITHHELD], [True, True, False, True]),
        ([WITHHELD, NO_CHAMPION, ISSUED, WITHHELD], [True, True, True, False]),
        ([WITHHELD, ISSUED, WITHHELD, ISSUED], [True, True, False, False]),
        ([ISSUED, replace(ISSUED, model_id="other")], [True, True]),
        ([ISSUED, replace(ISSUED, signal="hs300-direction-5")], [True, True]),
    ],
)
def test_an_issued_row_is_the_last_word_for_its_key(warehouse, rows, appended):
    assert [warehouse.forecasts.append(row) for row in rows] == appended
    expected = [row for row, kept in zip(rows, appended, strict=True) if kept]
    assert sorted(map(str, load(warehouse))) == sorted(map(str, expected))


@pytest.mark.parametrize("rows", [[ISSUED], [WITHHELD], [ISSUED, WITHHELD]])
def test_racing_writers_leave_one_row_of_a_kind_and_never_fail(open_rivals, run_together, rows):
    for session in (date(2020, 12, 30), date(2020, 12, 31)):
        rivals = open_rivals(8)
        same = [replace(rows[i % len(rows)], session=session) for i in range(len(rivals))]
        appended = run_together(
            *(lambda w=w, r=r: w.forecasts.append(r) for w, r in zip(rivals, same, strict=True))
        )
        held = rivals[0].forecasts.load_forecasts(first=session, last=session)
        assert len(held) == sum(appended)
        states = [row.state for row in held]
        assert len(set(states)) == len(states) > 0
        assert ForecastState.ISSUED in states or ISSUED not in rows


def test_a_withheld_row_waits_for_a_rival_that_is_about_to_issue(warehouse, open_rivals, run_sql):
    (rival,) = open_rivals(1)
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with ThreadPoolExecutor(1) as pool:
        with rival._database.begin() as connection:
            connection.execute(insert(forecasts).values(_to_row(ISSUED)))
            appended = pool.submit(warehouse.forecasts.append, WITHHELD)
            while not appended.done() and run_sql(waiting) == [(0,)]:
                pass
        assert appended.result() is False
    assert [row.state for row in load(warehouse)] == [ForecastState.ISSUED]


CHANGES = ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {} CASCADE"]
LEDGERS = sorted(name for name, table in metadata.tables.items() if table.info.get("ledger"))


@pytest.mark.parametrize("table", LEDGERS)
def test_what_was_published_cannot_be_changed(warehouse, run_sql, table):
    warehouse.forecasts.append(ISSUED)
    name = next(column.name for column in metadata.tables[table].c if not column.computed)
    for statement in CHANGES:
        word = statement.split()[0]
        with pytest.raises(
            psycopg2.errors.RestrictViolation,
            match=rf"^prism\.\w+ is append-only: {word} is refused\.",
        ):
            run_sql(statement.format(table, name, name))
    assert load(warehouse) == [ISSUED]


def test_guards_also_fire_where_replication_passes_over_ordinary_triggers(warehouse, run_sql):
    guards = run_sql(
        "SELECT 'prism.' || relname, tgname, tgenabled FROM pg_trigger"
        " JOIN pg_class ON pg_class.oid = tgrelid WHERE NOT tgisinternal ORDER BY 1, 2"
    )
    assert set(LEDGERS) == {table for table, *_ in guards}
    append_only = [(table, f"{table.split('.')[1]}_append_only", "A") for table in LEDGERS]
    assert guards == sorted([*append_only, ("prism.forecasts", "forecasts_chain", "A")])


def test_upsert_cannot_change_a_forecast_either(warehouse, run_sql):
    warehouse.forecasts.append(ISSUED)
    written = ", ".join(column.name for column in forecasts.columns if column.computed is None)
    with pytest.raises(psycopg2.errors.RestrictViolation, match="UPDATE is refused"):
        run_sql(
            f"INSERT INTO prism.forecasts ({written}) SELECT {written} FROM prism.forecasts"  # noqa: S608
            " ON CONFLICT ON CONSTRAINT pk_forecasts DO UPDATE SET symbol = ''"
        )


REFUSED = [
    (with_value(ISSUED, p_up=1.01), "p_up_is_ratio"),
    (with_value(ISSUED, p_up=float("nan")), "p_up_is_ratio"),
    (with_value(ISSUED, p_up_raw=-0.1), "p_up_raw_is_ratio"),
    (with_value(ISSUED, base_rate=2.0), "base_rate_is_ratio"),
    (replace(ISSUED, values={}), "issued_has_values_and_hashes"),
    (replace(ISSUED, data_hash=""), "issued_has_values_and_hashes"),
    (replace(ISSUED, factor_hash="F" * 64), "issued_has_values_and_hashes"),
    (replace(ISSUED, image_hash="1" * 63), "issued_has_values_and_hashes"),
    (replace(WITHHELD, reason=""), "withheld_has_reason_and_no_values"),
    (replace(WITHHELD, values={SYMBOL: VALUES}), "withheld_has_reason_and_no_values"),
    (replace(ISSUED, horizon_end=ISSUED.session), "horizon_end_is_later"),
]


def test_rows_that_say_too_little_are_refused(warehouse):
    for row, rule in REFUSED:
        with pytest.raises(WarehouseError, match=rule) as refused:
            warehouse.forecasts.append(row)
        assert "data-dictionary" in refused.value.remedy
    assert load(warehouse) == []


def test_rows_are_selected_and_ordered(warehouse):
    days = [date(2020, 12, day) for day in (30, 28, 29)]
    for day in days:
        for signal in ("b-direction-14", "a-direction-14"):
            warehouse.forecasts.append(replace(ISSUED, session=day, signal=signal))
    rows = load(warehouse)
    assert [(row.session.day, row.signal) for row in rows] == [
        (day, signal) for day in (28, 29, 30) for signal in ("a-direction-14", "b-direction-14")
    ]
    part = load(warehouse, signal="b-direction-14", first=days[2], last=days[0])
    assert [(row.session.day, row.signal[0]) for row in part] == [(29, "b"), (30, "b")]
    assert all(row.values == ISSUED.values for row in (*rows, *part))


def test_only_matured_issued_rows_without_outcome_are_unsettled(warehouse):
    warehouse.forecasts.append(ISSUED)
    withheld = replace(WITHHELD, session=date(2020, 12, 30), horizon_end=date(2021, 1, 20))
    warehouse.forecasts.append(withheld)
    unsettled = warehouse.forecasts.load_unsettled
    assert unsettled(SIGNAL, date(2021, 1, 13)) == []
    # Fourteen days on, so many sessions may have passed, whenever the row expects them.
    assert [row.session for row in unsettled(SIGNAL, date(2021, 1, 14))] == [ISSUED.session]
    assert [row.session for row in unsettled(SIGNAL, date(2021, 1, 21))] == [ISSUED.session]
    assert unsettled("hs300-direction-5", date(2021, 1, 21)) == []
    assert unsettled("us-direction-14", date(2021, 1, 21)) == []
    assert warehouse.forecasts.save_outcomes([OUTCOME]) == 1
    assert unsettled(SIGNAL, date(2021, 1, 21)) == []


def test_an_outcomes_own_end_is_the_one_that_is_read(warehouse):
    warehouse.forecasts.append(replace(ISSUED, horizon_end_expected=True))
    came = date(2021, 1, 25)
    line = (SIGNAL, "direction")
    assert warehouse.forecasts.load_record(*line).horizon_end.tolist() == [ISSUED.horizon_end]
    warehouse.forecasts.save_outcomes([replace(OUTCOME, horizon_end=came)])
    assert warehouse.forecasts.load_record(*line).horizon_end.tolist() == [came]
    joined = warehouse.forecasts.load_outcomes(SIGNAL, "direction")
    assert joined["horizon_end"].tolist() == [pd.Timestamp(came)]


def test_outcomes_are_written_once_and_joined(warehouse):
    empty = warehouse.forecasts.load_outcomes(SIGNAL, "direction")
    assert len(empty) == 0
    for row in (WITHHELD, ISSUED, replace(ISSUED, session=date(2020, 12, 30))):
        warehouse.forecasts.append(row)
    earlier = replace(OUTCOME, session=date(2020, 12, 30), forward_return=-0.01, value=0.0)
    assert warehouse.forecasts.save_outcomes([OUTCOME, earlier]) == 2
    assert warehouse.forecasts.save_outcomes([replace(OUTCOME, forward_return=0.9)]) == 0
    joined = warehouse.forecasts.load_outcomes(SIGNAL, "direction")
    assert list(joined.dtypes) == list(empty.dtypes)
    assert joined["session"].tolist() == [pd.Timestamp("2020-12-30"), pd.Timestamp("2020-12-31")]
    assert joined["forward_return"].tolist() == [-0.01, 0.05]
    assert joined["value"].tolist() == [0.0, 1.0]
    assert joined["p_up"].tolist() == [VALUES["p_up"]] * 2
    assert len(warehouse.forecasts.load_outcomes("hs300-direction-5", "direction")) == 0


def test_rivals_settle_the_same_forecasts_once(open_rivals, run_together):
    days = [date(2020, 12, day) for day in range(1, 29)]
    outcomes = [replace(OUTCOME, session=day) for day in days]
    rivals = open_rivals(4)
    settled = run_together(
        *(
            lambda w=w, rows=outcomes[:: 1 - 2 * (i % 2)]: w.forecasts.save_outcomes(rows)
            for i, w in enumerate(rivals)
        )
    )
    assert sum(settled) == 28
