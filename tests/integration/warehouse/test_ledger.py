"""The ledger of forecasts: one last word a key, refused changes, outcomes once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta

import pandas as pd
import psycopg2
import pytest
from sqlalchemy import func, insert

from factorprism.core.errors import WarehouseError
from factorprism.core.schemas import Forecast, ForecastState, Outcome
from factorprism.warehouse.tables import forecasts

ISSUED = Forecast(
    target="000300.SH",
    session=date(2020, 12, 31),
    horizon=14,
    horizon_end=date(2021, 1, 21),
    model_id="inception-1",
    state=ForecastState.ISSUED,
    p_up=0.1 + 0.2,
    p_up_raw=0.9,
    base_rate=0.53,
    universe="image4",
    data_hash="d" * 64,
    factor_hash="f" * 64,
    image_hash="1" * 64,
)
WITHHELD = Forecast(
    target="000300.SH",
    session=date(2020, 12, 31),
    horizon=14,
    horizon_end=date(2021, 1, 21),
    model_id="inception-1",
    state=ForecastState.WITHHELD,
    reason="stale data",
    universe="image4",
)
NO_CHAMPION = replace(WITHHELD, reason="no champion")
OUTCOME = Outcome(
    "000300.SH", date(2020, 12, 31), 14, "inception-1", 0.05, True, horizon_end=date(2021, 1, 21)
)


def load(warehouse, **where):
    return [replace(row, created_at=None) for row in warehouse.forecasts.load_forecasts(**where)]


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


def test_a_row_says_how_late_it_is(warehouse, run_sql):
    due = datetime(2020, 12, 31, 11, 30)
    late = replace(ISSUED, due_at=due, created_at=datetime(2020, 12, 31, 13, 0))
    early = replace(late, model_id="early", created_at=datetime(2020, 12, 31, 11, 0))
    for row in (late, early, replace(ISSUED, model_id="unknown")):
        warehouse.forecasts.append(row)
    held = run_sql("SELECT model_id, late_by FROM prism.forecasts ORDER BY model_id")
    assert held == [
        ("early", timedelta(0)),
        ("inception-1", timedelta(minutes=90)),
        ("unknown", None),
    ]
    by_model = {row.model_id: row for row in warehouse.forecasts.load_forecasts()}
    assert by_model["inception-1"] == late
    assert {name: row.late_by for name, row in by_model.items()} == {
        "early": timedelta(0),
        "inception-1": timedelta(minutes=90),
        "unknown": timedelta(0),
    }


def test_rows_come_back_as_they_were(warehouse):
    assert warehouse.forecasts.append(WITHHELD)
    assert warehouse.forecasts.append(ISSUED)
    assert load(warehouse) == [WITHHELD, ISSUED]
    moment = datetime(2021, 2, 3, 4, 5, 6, 789012)
    other = replace(ISSUED, model_id="other", created_at=moment)
    warehouse.forecasts.append(other)
    assert warehouse.forecasts.load_forecasts()[-1] == other


@pytest.mark.parametrize(
    ("rows", "appended"),
    [
        ([ISSUED, ISSUED], [True, False]),
        ([ISSUED, replace(ISSUED, p_up=0.9)], [True, False]),
        ([ISSUED, WITHHELD], [True, False]),
        ([WITHHELD, WITHHELD], [True, False]),
        ([WITHHELD, NO_CHAMPION], [True, True]),
        ([WITHHELD, NO_CHAMPION, NO_CHAMPION, WITHHELD], [True, True, False, True]),
        ([WITHHELD, NO_CHAMPION, ISSUED, WITHHELD], [True, True, True, False]),
        ([WITHHELD, ISSUED, WITHHELD, ISSUED], [True, True, False, False]),
        ([ISSUED, replace(ISSUED, model_id="other")], [True, True]),
        ([ISSUED, replace(ISSUED, horizon=5)], [True, True]),
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
            connection.execute(
                insert(forecasts).values(asdict(ISSUED) | {"created_at": func.now()})
            )
            appended = pool.submit(warehouse.forecasts.append, WITHHELD)
            while not appended.done() and run_sql(waiting) == [(0,)]:
                pass
        assert appended.result() is False
    assert load(warehouse) == [ISSUED]


CHANGES = ["UPDATE {} SET reason = ''", "DELETE FROM {}", "TRUNCATE {}"]


@pytest.mark.parametrize("table", ["forecasts", "promotions"])
def test_what_was_published_cannot_be_changed(warehouse, run_sql, table):
    warehouse.forecasts.append(ISSUED)
    for statement in CHANGES:
        word = statement.split()[0]
        with pytest.raises(
            psycopg2.errors.RestrictViolation,
            match=rf"^prism\.{table} is append-only: {word} is refused\.",
        ):
            run_sql(statement.format(f"prism.{table}"))
    assert load(warehouse) == [ISSUED]


def test_guards_also_fire_where_replication_passes_over_ordinary_triggers(warehouse, run_sql):
    guards = run_sql(
        "SELECT tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal AND"
        " tgrelid IN ('prism.forecasts'::regclass, 'prism.promotions'::regclass) ORDER BY tgname"
    )
    assert guards == [
        ("forecasts_append_only", "A"),
        ("forecasts_last_word", "A"),
        ("promotions_append_only", "A"),
    ]


def test_upsert_cannot_change_a_forecast_either(warehouse, run_sql):
    warehouse.forecasts.append(ISSUED)
    written = ", ".join(column.name for column in forecasts.columns if column.computed is None)
    with pytest.raises(psycopg2.errors.RestrictViolation, match="UPDATE is refused"):
        run_sql(
            f"INSERT INTO prism.forecasts ({written}) SELECT {written} FROM prism.forecasts"  # noqa: S608
            " ON CONFLICT ON CONSTRAINT pk_forecasts DO UPDATE SET p_up = 1"
        )


REFUSED = [
    (replace(ISSUED, p_up=1.01), "p_up_is_ratio"),
    (replace(ISSUED, p_up=float("nan")), "p_up_is_ratio"),
    (replace(ISSUED, p_up_raw=-0.1), "p_up_raw_is_ratio"),
    (replace(ISSUED, base_rate=2.0), "base_rate_is_ratio"),
    (replace(ISSUED, p_up=None), "issued_has_p_up_and_hashes"),
    (replace(ISSUED, base_rate=None), "issued_has_p_up_and_hashes"),
    (replace(ISSUED, data_hash=""), "issued_has_p_up_and_hashes"),
    (replace(ISSUED, factor_hash="F" * 64), "issued_has_p_up_and_hashes"),
    (replace(ISSUED, image_hash="1" * 63), "issued_has_p_up_and_hashes"),
    (replace(WITHHELD, reason=""), "withheld_has_reason_and_no_p_up"),
    (replace(WITHHELD, p_up=0.5), "withheld_has_reason_and_no_p_up"),
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
        for target in ("000905.SH", "000300.SH"):
            warehouse.forecasts.append(replace(ISSUED, session=day, target=target))
    rows = load(warehouse)
    assert [(row.session.day, row.target) for row in rows] == [
        (day, target) for day in (28, 29, 30) for target in ("000300.SH", "000905.SH")
    ]
    part = load(warehouse, target="000905.SH", first=days[2], last=days[0])
    assert [(row.session.day, row.target) for row in part] == [(29, "000905.SH"), (30, "000905.SH")]


def test_only_matured_issued_rows_without_outcome_are_unsettled(warehouse):
    warehouse.forecasts.append(ISSUED)
    withheld = replace(WITHHELD, session=date(2020, 12, 30), horizon_end=date(2021, 1, 20))
    warehouse.forecasts.append(withheld)
    unsettled = warehouse.forecasts.load_unsettled
    assert unsettled("000300.SH", 14, date(2021, 1, 13)) == []
    # Fourteen days on, so many sessions may have passed, whenever the row expects them.
    assert [row.session for row in unsettled("000300.SH", 14, date(2021, 1, 14))] == [
        ISSUED.session
    ]
    assert [row.session for row in unsettled("000300.SH", 14, date(2021, 1, 21))] == [
        ISSUED.session
    ]
    assert unsettled("000300.SH", 5, date(2021, 1, 21)) == []
    assert unsettled("000905.SH", 14, date(2021, 1, 21)) == []
    assert warehouse.forecasts.save_outcomes([OUTCOME]) == 1
    assert unsettled("000300.SH", 14, date(2021, 1, 21)) == []


def test_an_outcomes_own_end_is_the_one_that_is_read(warehouse):
    warehouse.forecasts.append(replace(ISSUED, horizon_end_expected=True))
    came = date(2021, 1, 25)
    line = ("000300.SH", ISSUED.universe, 14)
    assert warehouse.forecasts.load_record(*line).horizon_end.tolist() == [ISSUED.horizon_end]
    warehouse.forecasts.save_outcomes([replace(OUTCOME, horizon_end=came)])
    assert warehouse.forecasts.load_record(*line).horizon_end.tolist() == [came]
    joined = warehouse.forecasts.load_outcomes("000300.SH", 14)
    assert joined["horizon_end"].tolist() == [pd.Timestamp(came)]


def test_outcomes_are_written_once_and_joined(warehouse):
    empty = warehouse.forecasts.load_outcomes("000300.SH", 14)
    assert len(empty) == 0
    for row in (WITHHELD, ISSUED, replace(ISSUED, session=date(2020, 12, 30))):
        warehouse.forecasts.append(row)
    earlier = replace(OUTCOME, session=date(2020, 12, 30), forward_return=-0.01, went_up=False)
    assert warehouse.forecasts.save_outcomes([OUTCOME, earlier]) == 2
    assert warehouse.forecasts.save_outcomes([replace(OUTCOME, forward_return=0.9)]) == 0
    joined = warehouse.forecasts.load_outcomes("000300.SH", 14)
    assert list(joined.dtypes) == list(empty.dtypes)
    assert joined["session"].tolist() == [pd.Timestamp("2020-12-30"), pd.Timestamp("2020-12-31")]
    assert joined["forward_return"].tolist() == [-0.01, 0.05]
    assert joined["went_up"].tolist() == [False, True]
    assert joined["p_up"].tolist() == [ISSUED.p_up] * 2
    assert len(warehouse.forecasts.load_outcomes("000300.SH", 5)) == 0


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
