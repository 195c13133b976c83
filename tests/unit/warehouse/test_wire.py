"""Rows travel in PostgreSQL's own binary COPY format."""

from __future__ import annotations

import numpy as np
import pytest

from factorprism.warehouse.db.wire import DATE, FLOAT8, Wire, decode_rows, encode_blocks, real_array

# One row (2000-01-02, 1.5, {0.5}) as the manual lays it out, section "Binary Format" of COPY.
ROW = bytes.fromhex(
    "5047434f50590aff0d0a00 00000000 00000000"
    "0003"
    "00000004 00000001"
    "00000008 3ff8000000000000"
    "0000001c 00000001 00000000 000002bc 00000001 00000001 00000004 3f000000"
    "ffff"
)


def columns():
    return {
        "day": np.array(["2000-01-02"], "datetime64[D]"),
        "price": np.array([1.5]),
        "values": np.array([[0.5]], np.float32),
    }


def test_a_row_is_laid_out_as_the_manual_says():
    assert b"".join(encode_blocks(columns())) == ROW


def test_the_manuals_row_is_read():
    day, price, values = decode_rows(ROW, [DATE, FLOAT8, real_array(1)])
    assert day.tolist() == columns()["day"].tolist()
    assert (price.tolist(), values.tolist()) == ([1.5], [[0.5]])


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9])
def test_blocks_join_to_the_whole(n):
    values = np.arange(n, dtype=np.int64)
    stream = b"".join(encode_blocks({"value": values}, block=4))
    assert decode_rows(stream, [Wire("bigint")])[0].tolist() == values.tolist()


def test_rows_of_another_width_are_refused():
    with pytest.raises(ValueError, match="width"):
        decode_rows(ROW, [DATE, FLOAT8])
    with pytest.raises(ValueError, match="column 1"):
        decode_rows(ROW, [DATE, real_array(1), FLOAT8])


@pytest.mark.parametrize("values", [np.array(["a"]), np.zeros((2, 2)), np.zeros(2, np.complex64)])
def test_what_has_no_wire_is_refused(values):
    with pytest.raises(ValueError, match="values"):
        list(encode_blocks({"value": values}))
