"""Python and PostgreSQL write the same text of a row, byte for byte, and so the same hash."""

from __future__ import annotations

from contextlib import closing
from datetime import date, datetime

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factorprism.warehouse.chain import encode_float, hash_row, hash_values

# Everything that PostgreSQL takes in a text: no NUL, no half of a surrogate pair.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
ODD = '"\\/\b\f\n\r\t\x01\x1f\x7f\x80é中📈\u2028\ufeff'
MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30))
ROW = """
SELECT prism.ledger_hash(prism.ledger_text(held)), prism.ledger_text(held) FROM (SELECT (
    %(signal)s, %(session)s::date, %(model)s, %(word)s, %(position)s, %(state)s, %(target)s,
    %(universe)s, %(horizon)s, %(end)s::date, %(symbol)s, %(reason)s, 'd', 'f', 'i', %(expected)s,
    %(due)s::timestamptz, %(created)s::timestamptz, NULL, 'v', 'p', ''
)::prism.forecasts AS held) AS rows
"""
VALUES = """
SELECT prism.ledger_hash(jsonb_build_array(jsonb_build_array(
    %(symbol)s::text, %(name)s::text, encode(float8send(%(value)s::float8 + 0.0), 'hex')))::text)
"""


@pytest.fixture
def cursor(migrated_url):
    with closing(psycopg2.connect(migrated_url)) as connection, connection.cursor() as opened:
        # Settings of a session that change how dates and moments are written.
        opened.execute("SET TIME ZONE 'Asia/Shanghai'; SET DateStyle = 'German'")
        yield opened


def ask(cursor, statement, values):
    cursor.execute(statement, values)
    return cursor.fetchone()


def of_moment(moment):
    return None if moment is None else moment.isoformat(timespec="microseconds")


def at_utc(moment):
    return None if moment is None else f"{moment.isoformat(sep=' ')}+00"


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    texts=st.lists(TEXTS | st.just(ODD), min_size=6, max_size=6),
    numbers=st.tuples(st.integers(1, 2**31 - 1), st.integers(1, 2**63 - 1)),
    days=st.tuples(st.dates(date(1, 1, 1)), st.dates(date(1, 1, 1))),
    due=st.none() | MOMENTS,
    created=MOMENTS,
    expected=st.booleans(),
)
def test_the_text_of_a_row_is_the_same_in_both(
    cursor, texts, numbers, days, due, created, expected
):
    signal, model, target, universe, symbol, reason = texts
    word, position = numbers
    session, end = (day.isoformat() for day in days)
    held, text = ask(
        cursor,
        ROW,
        {
            **{"signal": signal, "session": session, "model": model, "word": word},
            **{"position": position, "state": "issued", "target": target, "universe": universe},
            **{"horizon": word, "end": end, "symbol": symbol, "reason": reason},
            **{"expected": expected, "due": at_utc(due), "created": at_utc(created)},
        },
    )
    assert text.startswith("[")
    fields = (
        *(signal, session, model, str(word), str(position), "issued", target, universe),
        *(str(word), end, symbol, reason, "d", "f", "i", str(expected).lower()),
        *(of_moment(due), of_moment(created), "v", "p"),
    )
    assert hash_row(fields) == held


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(symbol=TEXTS | st.just(ODD), name=TEXTS, value=st.floats(allow_nan=False))
def test_the_hash_of_a_value_is_the_same_in_both(cursor, symbol, name, value):
    (held,) = ask(cursor, VALUES, {"symbol": symbol, "name": name, "value": repr(value)})
    assert hash_values({symbol: {name: value}}) == held


def test_values_are_hashed_by_symbol_and_name_whatever_their_order():
    one = {"b": {"y": 1.0, "x": 2.0}, "a": {"x": 3.0}}
    other = {"a": {"x": 3.0}, "b": {"x": 2.0, "y": 1.0}}
    assert hash_values(one) == hash_values(other)
    assert hash_values(one) != hash_values({**one, "a": {"x": 3.0000000000000004}})
    assert hash_values({}) == ""
    assert encode_float(-0.0) == encode_float(0.0)
