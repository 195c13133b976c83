"""Few and many rows reach a table by different ways and leave the same bytes."""

from __future__ import annotations

import numpy as np
import pytest

from factorprism.warehouse.db.bulk import FEW_ROWS, merge_rows, read_rows
from factorprism.warehouse.db.wire import DATE, FLOAT8, Wire, real_array

WIRES = [DATE, Wire("integer"), Wire("bigint"), Wire("real"), FLOAT8, real_array(2)]
NAMES = ("day", "small", "large", "single", "double", "pair")
READ = """
SELECT day, small, large, single, double, pair FROM prism.scratch WHERE tag = %(tag)s ORDER BY day
"""


@pytest.fixture
def scratch(run_sql):
    run_sql(
        "CREATE TABLE prism.scratch (tag text, day date, small int, large bigint, single real,"
        " double float8, pair real[], note text DEFAULT 'held', PRIMARY KEY (tag, day))"
    )
    run_sql("GRANT ALL ON prism.scratch TO prism_writer")


def build_columns(n, seed=1):
    rng = np.random.default_rng(seed)
    columns = {
        "day": np.datetime64("1999-12-20") + np.arange(n),
        "small": rng.integers(-(2**31), 2**31, n).astype(np.int32),
        "large": rng.integers(-(2**62), 2**62, n),
        "single": rng.normal(size=n).astype(np.float32),
        "double": rng.normal(size=n),
        "pair": rng.normal(size=(n, 2)).astype(np.float32),
    }
    for name in ("single", "double", "pair"):
        columns[name][:4] = np.array([np.nan, np.inf, -np.inf, -0.0]).reshape(
            (4, *[1] * (columns[name].ndim - 1))
        )
    return columns


def read(warehouse, tag="50%s"):
    with warehouse._database.begin() as connection:
        return read_rows(connection, READ, {"tag": tag}, WIRES)


def write(warehouse, columns, **options):
    with warehouse._database.begin() as connection:
        options = {"constants": {"tag": "50%s"}, **options}
        merge_rows(connection, "scratch", ("tag", "day"), columns, **options)


@pytest.mark.parametrize("n", [1, FEW_ROWS - 1, FEW_ROWS, 20_000])
def test_rows_come_back_with_the_same_bytes(warehouse, scratch, n):
    columns = build_columns(max(n, 4))
    columns = {name: values[:n] for name, values in columns.items()}
    write(warehouse, columns)
    for name, held in zip(NAMES, read(warehouse), strict=True):
        assert held.dtype == columns[name].dtype
        assert held.tobytes() == columns[name].tobytes(), name


@pytest.mark.parametrize("n", [8, FEW_ROWS + 8])
def test_held_rows_are_replaced_but_for_what_is_kept(warehouse, scratch, run_sql, n):
    first, second = build_columns(n), build_columns(n, seed=2)
    write(warehouse, {name: values[: n // 2] for name, values in first.items()})
    shuffled = np.random.default_rng(3).permutation(n)
    write(warehouse, {name: values[shuffled] for name, values in second.items()}, keep=("double",))
    held = dict(zip(NAMES, read(warehouse), strict=True))
    np.testing.assert_array_equal(held["day"], second["day"])
    np.testing.assert_array_equal(held["pair"], second["pair"])
    np.testing.assert_array_equal(held["double"][: n // 2], first["double"][: n // 2])
    np.testing.assert_array_equal(held["double"][n // 2 :], second["double"][n // 2 :])
    assert run_sql("SELECT DISTINCT note FROM prism.scratch") == [("held",)]


def test_two_large_merges_fit_in_one_transaction(warehouse, scratch):
    columns = build_columns(FEW_ROWS)
    with warehouse._database.begin() as connection:
        for tag in ("a", "b"):
            merge_rows(connection, "scratch", ("tag", "day"), columns, constants={"tag": tag})
    assert len(read(warehouse, "b")[0]) == FEW_ROWS


def test_no_rows_are_no_work(warehouse, scratch):
    write(warehouse, {name: values[:0] for name, values in build_columns(4).items()})
    assert len(read(warehouse)[0]) == 0


def test_null_in_a_table_is_not_read_as_a_number(warehouse, scratch, run_sql):
    write(warehouse, build_columns(4))
    run_sql("UPDATE prism.scratch SET small = NULL, double = NULL WHERE day = '1999-12-21'")
    with pytest.raises(ValueError, match="stream"):
        read(warehouse)
