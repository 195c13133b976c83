"""What the owner of the tables does to the ledger behind its guards is found and named."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta

import psycopg2
import pytest

from default_signal import SIGNAL
from factorprism.core.ledger import Head
from ledger_rows import ISSUED, NO_CHAMPION, OUTCOME, VOLATILITY, WITHHELD, with_value

FIRST = date(2020, 12, 1)
COLUMNS = (
    "signal, session, model_id, word, position, state, target, universe, horizon, horizon_end,"
    " symbol, reason, data_hash, factor_hash, image_hash, horizon_end_expected, due_at,"
    " created_at, values_hash, previous_hash, row_hash"
)
REHASH = """
UPDATE prism.forecasts AS held SET row_hash = prism.ledger_hash(prism.ledger_text(held))
WHERE position = {}
"""


@pytest.fixture
def chain(warehouse):
    """A ledger of ten rows: nine sessions, of which the third was withheld before."""
    for number in range(9):
        day = FIRST + timedelta(days=number)
        row = replace(ISSUED, session=day, horizon_end=day + timedelta(days=20))
        if number == 2:
            warehouse.forecasts.append(replace(WITHHELD, session=day))
        warehouse.forecasts.append(with_value(row, p_up=0.5 + number / 100))
    assert warehouse.forecasts.verify().n_rows == 10
    return warehouse.forecasts


@pytest.fixture
def as_owner(run_sql):
    """Run statements as the tables' owner, who can switch the guards off and on again."""

    @contextmanager
    def unguarded():
        run_sql(
            "ALTER TABLE prism.direction_forecasts DROP CONSTRAINT IF EXISTS fk_direction_forecast"
        )
        for table in ("forecasts", "direction_forecasts", "outcomes"):
            run_sql(f"ALTER TABLE prism.{table} DISABLE TRIGGER USER")
        yield
        for table in ("forecasts", "direction_forecasts", "outcomes"):
            run_sql(f"ALTER TABLE prism.{table} ENABLE TRIGGER USER")

    def run(*statements):
        with unguarded():
            for statement in statements:
                run_sql(statement)

    return run


def find(ledger, **options):
    """Return the one fault that is found, by position and sentence."""
    (fault,) = ledger.verify(**options).faults
    assert fault.signal == SIGNAL
    return fault.position, fault.sentence


def name(position, day):
    return f"row {position} (session 2020-12-{day:02}, model inception-1, word 1)"


def test_a_clean_ledger_fits_and_says_its_heads(chain):
    report = chain.verify()
    assert report.faults == ()
    assert report.heads == tuple(chain.list_heads())
    assert [(head.signal, head.position) for head in report.heads] == [(SIGNAL, 10)]
    assert chain.verify(expected=report.heads).faults == ()
    assert chain.verify(SIGNAL).heads == report.heads
    assert chain.verify("us-direction-14").heads == ()


@pytest.mark.parametrize(
    "changed",
    [
        "state = 'withheld', reason = 'x', values_hash = ''",
        "reason = 'another'",
        "session = session + 100, horizon_end = horizon_end + 100",
        "model_id = 'other'",
        "horizon_end = horizon_end + 1",
        "horizon_end_expected = NOT horizon_end_expected",
        "data_hash = repeat('0', 64)",
        "universe = 'us'",
        "symbol = '000905.SH'",
        "due_at = now()",
        "created_at = created_at - interval '1 microsecond'",
        "values_hash = repeat('0', 64)",
        "row_hash = repeat('0', 64)",
    ],
)
def test_an_altered_row_is_named(chain, as_owner, changed):
    as_owner(f"UPDATE prism.forecasts SET {changed} WHERE position = 6")  # noqa: S608
    first = chain.verify().faults[0]
    assert first.position == 6
    sentence = first.sentence
    assert sentence.startswith("row 6 (session ")
    assert sentence.endswith("was altered: its content does not give its hash")


def test_an_altered_row_that_was_hashed_again_breaks_the_next_link(chain, as_owner):
    as_owner("UPDATE prism.forecasts SET reason = 'x' WHERE position = 6", REHASH.format(6))
    expected = f"{name(7, 6)} does not follow row 6: one of both was replaced"
    assert find(chain) == (7, expected)


def test_an_altered_value_is_named(chain, as_owner):
    as_owner("UPDATE prism.direction_forecasts SET p_up = 0.99 WHERE session = '2020-12-05'")
    expected = f"the values of {name(6, 5)} are not those it was hashed with"
    assert find(chain) == (6, expected)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM prism.direction_forecasts WHERE session = '2020-12-05'",
        "INSERT INTO prism.direction_forecasts SELECT signal, session, model_id, word, 'other',"
        " p_up, p_up_raw, base_rate FROM prism.direction_forecasts WHERE session = '2020-12-05'",
    ],
)
def test_values_that_were_removed_or_added_are_named(chain, as_owner, statement):
    as_owner(statement)
    assert find(chain)[0] == 6


def test_values_of_a_withheld_row_are_named(chain, as_owner):
    as_owner(
        "INSERT INTO prism.direction_forecasts SELECT signal, '2020-12-03', model_id, 1, symbol,"
        " p_up, p_up_raw, base_rate FROM prism.direction_forecasts WHERE session = '2020-12-02'"
    )
    # Of the withheld word, which is the chain's third row; and they belong to no issued one.
    first, orphan = chain.verify().faults
    assert (first.position, first.sentence.split(" (")[0]) == (3, "the values of row 3")
    assert orphan.sentence.endswith("belong to no issued forecast")


def test_a_removed_row_is_named_by_its_neighbours(chain, as_owner):
    as_owner("DELETE FROM prism.forecasts WHERE position = 6")
    first, orphan = chain.verify().faults
    assert first.sentence == f"1 row removed between row 5 and {name(7, 6)}"
    assert orphan.sentence == (
        "values of 000300.SH (session 2020-12-05, model inception-1) belong to no issued forecast"
    )


@pytest.mark.parametrize(("removed", "said"), [("= 1", "1 row"), ("IN (1, 2)", "2 rows")])
def test_removed_first_rows_are_named(chain, as_owner, removed, said):
    as_owner(f"DELETE FROM prism.forecasts WHERE position {removed}")  # noqa: S608
    assert chain.verify().faults[0].sentence.startswith(f"{said} removed between the beginning and")


def test_a_removed_row_is_found_where_the_others_were_numbered_anew(chain, as_owner):
    as_owner(
        "DELETE FROM prism.forecasts WHERE position = 6",
        "UPDATE prism.forecasts SET position = -position WHERE false",
        *(
            f"UPDATE prism.forecasts SET position = {number - 1} WHERE position = {number}"  # noqa: S608
            for number in range(7, 11)
        ),
    )
    expected = f"a row was removed before {name(6, 6)}, which stood one place further on"
    assert chain.verify().faults[0].sentence == expected


def insert_row(position, day, previous="''"):
    """Return the statement that inserts a row with the content of row 5, of another session."""
    return (
        f"INSERT INTO prism.forecasts ({COLUMNS}) SELECT signal, '{day}', model_id, 1, {position},"  # noqa: S608
        " 'withheld', target, universe, horizon, '2022-01-01', symbol, 'inserted', '', '', '',"
        f" horizon_end_expected, due_at, created_at, '', {previous}, row_hash"
        " FROM prism.forecasts WHERE position = 5"
    )


def make_room(position):
    return [
        f"UPDATE prism.forecasts SET position = {number + 1} WHERE position = {number}"  # noqa: S608
        for number in range(10, position - 1, -1)
    ]


def test_a_row_inserted_in_the_middle_is_named(chain, as_owner):
    as_owner(*make_room(6), insert_row(6, "2021-06-01"))
    position, sentence = find(chain)
    assert position == 6
    assert sentence.startswith("row 6 (session 2021-06-01, model inception-1, word 1) was inserted")


def test_an_inserted_row_that_links_and_hashes_well_is_named_by_the_next(chain, as_owner):
    as_owner(*make_room(6), insert_row(6, "2021-06-01", "row_hash"), REHASH.format(6))
    position, sentence = find(chain)
    assert position == 7
    assert sentence == f"row 6 was inserted: {name(7, 5)} stood in its place before"


def test_a_row_inserted_at_the_end_is_named(chain, as_owner):
    as_owner(insert_row(11, "2021-06-01"))
    position, sentence = find(chain)
    assert position == 11
    assert sentence.endswith("was inserted: it does not follow row 10")


def test_only_a_head_kept_elsewhere_tells_that_the_last_row_is_gone(chain, as_owner):
    (kept,) = chain.list_heads()
    as_owner(
        "DELETE FROM prism.direction_forecasts WHERE session = '2020-12-09'",
        "DELETE FROM prism.forecasts WHERE position = 10",
    )
    assert chain.verify().faults == ()
    expected = "the chain ends at row 9, the head that was kept is row 10: the last rows were"
    assert find(chain, expected=[kept]) == (9, f"{expected} removed")


def test_only_a_head_kept_elsewhere_tells_a_ledger_that_was_written_anew(chain, as_owner):
    (kept,) = chain.list_heads()
    rewritten = ["UPDATE prism.forecasts SET reason = 'x' WHERE position = 6"]
    for number in range(6, 11):
        if number > 6:
            rewritten.append(
                "UPDATE prism.forecasts AS held SET previous_hash = before.row_hash"  # noqa: S608
                " FROM prism.forecasts AS before WHERE before.position = held.position - 1"
                f" AND held.position = {number}"
            )
        rewritten.append(REHASH.format(number))
    as_owner(*rewritten)
    assert chain.verify().faults == ()
    position, sentence = find(chain, expected=[kept])
    assert position == 10
    assert sentence.endswith(
        "has another hash than the head that was kept: the ledger was rewritten"
    )


def test_a_signal_that_is_gone_is_reported_by_its_head(chain):
    kept = Head("us-direction-14", 4, "0" * 64)
    (fault,) = chain.verify(expected=[kept]).faults
    assert fault.sentence == "the ledger has no row of it, the head that was kept is row 4"


def test_a_word_after_an_issued_one_is_named_though_its_chain_fits(chain, as_owner, run_sql):
    last = "(SELECT row_hash FROM prism.forecasts WHERE position = 10)"
    as_owner(
        insert_row(11, "2020-12-04", last).replace("model_id, 1, 11", "model_id, 2, 11"),
        REHASH.format(11),
    )
    expected = "row 11 (session 2020-12-04, model inception-1, word 2) follows an issued word"
    assert find(chain) == (11, expected)


def test_an_outcome_without_a_forecast_is_named(chain):
    chain.save_outcomes([replace(OUTCOME, session=date(2021, 3, 1), horizon_end=date(2021, 4, 1))])
    expected = "an outcome of 000300.SH (session 2021-03-01, model inception-1) belong"
    assert find(chain)[1].startswith(expected)


def test_the_cheap_form_checks_the_last_rows_alone(chain, as_owner):
    as_owner("UPDATE prism.forecasts SET reason = 'x' WHERE position = 3")
    report = chain.verify(newest=4)
    assert (report.n_rows, report.faults) == (4, ())
    as_owner("UPDATE prism.forecasts SET reason = 'x' WHERE position = 8")
    assert find(chain, newest=4)[0] == 8
    as_owner(
        "DELETE FROM prism.direction_forecasts", "DELETE FROM prism.forecasts WHERE position = 6"
    )
    assert find(chain, newest=4)[1].startswith("1 row removed between row 5 and row 7")


def test_a_signal_that_has_changed_its_target_fits(chain):
    chain.append(VOLATILITY)
    assert chain.verify().faults == ()
    chain.append(replace(ISSUED, session=date(2021, 1, 4)))
    assert chain.verify().faults == ()


def test_values_of_another_target_beside_those_of_a_row_are_named(chain, run_sql):
    names = ", ".join(VOLATILITY.values["000300.SH"])
    run_sql(
        f"INSERT INTO prism.volatility_forecasts (signal, session, model_id, word, symbol, {names})"  # noqa: S608
        " SELECT signal, session, model_id, word, symbol, 0, 0, 1, 1, 1"
        " FROM prism.direction_forecasts WHERE session = '2020-12-05'"
    )
    expected = f"the values of {name(6, 5)} are not those it was hashed with"
    assert find(chain) == (6, expected)


def test_two_heads_that_were_kept_of_one_row_are_both_held_against_it(chain):
    (held,) = chain.list_heads()
    for kept in (
        [held, replace(held, row_hash="0" * 64)],
        [replace(held, row_hash="0" * 64), held],
    ):
        assert find(chain, expected=kept)[0] == 10


def test_words_of_other_signals_do_not_break_a_chain(chain, warehouse):
    other = replace(NO_CHAMPION, signal="us-direction-14", universe="us")
    for number in range(3):
        day = FIRST + timedelta(days=number)
        chain.append(replace(other, session=day))
        chain.append(
            replace(NO_CHAMPION, session=day + timedelta(days=30), horizon_end=date(2022, 1, 3))
        )
    assert chain.verify().faults == ()
    assert [head.position for head in chain.list_heads()] == [13, 3]


def test_the_first_fault_of_each_signal_is_named(chain, as_owner):
    for signal in ("us-direction-14", "us-volatility-14"):
        for number in range(3):
            chain.append(replace(ISSUED, signal=signal, session=FIRST + timedelta(days=number)))
    as_owner("UPDATE prism.forecasts SET reason = 'x' WHERE position = 2")
    found = [(fault.signal, fault.position) for fault in chain.verify().faults]
    assert found == [(SIGNAL, 2), ("us-direction-14", 2), ("us-volatility-14", 2)]


def test_the_writer_cannot_pass_the_guards_without_being_found(chain, run_sql):
    with pytest.raises(psycopg2.errors.RestrictViolation):
        run_sql("DELETE FROM prism.forecasts WHERE position = 6")
    assert chain.verify().faults == ()
