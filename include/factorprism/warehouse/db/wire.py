"""PostgreSQL's binary COPY format as numpy sees it: rows of fixed width, big-endian."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
# PostgreSQL counts days from here.
EPOCH = np.datetime64("2000-01-01", "D")
_REAL_OID = 700
_ARRAY_HEAD = (1, 0, _REAL_OID)  # dimensions, has nulls, element type

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Wire:
    """One column: its SQL type, and the bytes of one value. `width` counts array elements."""

    sql_type: str
    width: int = 0

    @property
    def fields(self) -> list[Any]:
        if self.sql_type == "real[]":
            head = [(name, ">i4") for name in ("dims", "nulls", "oid", "size", "lower")]
            return [*head, ("items", [("length", ">i4"), ("value", ">f4")], (self.width,))]
        return [("value", _DTYPES[self.sql_type])]

    @property
    def size(self) -> int:
        return np.dtype(self.fields).itemsize


_DTYPES = {"date": ">i4", "integer": ">i4", "bigint": ">i8", "real": ">f4", "float8": ">f8"}
_SQL_TYPES = {"M": "date", "i4": "integer", "i8": "bigint", "f4": "real", "f8": "float8"}

DATE = Wire("date")
FLOAT8 = Wire("float8")


def real_array(width: int) -> Wire:
    """Return the column of arrays of `width` float32."""
    return Wire("real[]", width)


def wire_of(values: Array) -> Wire:
    """Return how `values` travel: 1-D days, int32, int64, float32, float64, or 2-D float32."""
    code = values.dtype.str[1:]
    if values.ndim == 2 and code == "f4":
        return real_array(values.shape[1])
    sql_type = _SQL_TYPES.get("M" if values.dtype.kind == "M" else code)
    if values.ndim != 1 or sql_type is None:
        raise ValueError(f"values: {values.dtype} of {values.ndim} dimensions cannot be copied")
    return Wire(sql_type)


def row_dtype(wires: list[Wire]) -> np.dtype[Any]:
    """Return the layout of one row: a count of fields, then length and value of each."""
    fields: list[Any] = [("count", ">i2")]
    for number, wire in enumerate(wires):
        fields += [(f"length{number}", ">i4"), (f"field{number}", wire.fields)]
    return np.dtype(fields)


def encode_blocks(columns: Mapping[str, Array], block: int = 16384) -> Iterator[bytes]:
    """Yield the binary COPY stream of `columns`, `block` rows at a time, in their order."""
    arrays = list(columns.values())
    wires = [wire_of(values) for values in arrays]
    dtype = row_dtype(wires)
    n_rows = len(arrays[0])
    yield SIGNATURE
    buffer = np.zeros(min(block, n_rows), dtype)
    buffer["count"] = len(wires)
    for number, wire in enumerate(wires):
        buffer[f"length{number}"] = wire.size
        _fill_head(buffer[f"field{number}"], wire)
    for start in range(0, n_rows, block):
        rows = buffer[: min(block, n_rows - start)]
        for number, (values, wire) in enumerate(zip(arrays, wires, strict=True)):
            _fill(rows[f"field{number}"], values[start : start + block], wire)
        yield rows.tobytes()
    yield TRAILER


def _fill_head(field: Array, wire: Wire) -> None:
    if wire.sql_type == "real[]":
        field["dims"], field["nulls"], field["oid"] = _ARRAY_HEAD
        field["size"], field["lower"] = wire.width, 1
        field["items"]["length"] = 4


def _fill(field: Array, values: Array, wire: Wire) -> None:
    if wire.sql_type == "real[]":
        field["items"]["value"] = values
    elif wire.sql_type == "date":
        field["value"] = (values.astype("datetime64[D]") - EPOCH).astype(np.int64)
    else:
        field["value"] = values


def decode_rows(stream: bytes, wires: list[Wire]) -> list[Array]:
    """Return the columns of a binary COPY stream, native and contiguous.

    Raises ``ValueError`` when the rows are not laid out as `wires` say, which is so when one
    holds a null or an array of another length.
    """
    dtype = row_dtype(wires)
    body = memoryview(stream)[len(SIGNATURE) : -len(TRAILER)]
    if len(body) % dtype.itemsize:
        raise ValueError("stream: its rows are not of the width that its columns have")
    rows = np.frombuffer(body, dtype)
    columns = []
    for number, wire in enumerate(wires):
        if len(rows) and not (rows[f"length{number}"] == wire.size).all():
            raise ValueError(f"stream: column {number} is not of type {wire.sql_type} everywhere")
        field = rows[f"field{number}"]
        columns.append(_read(field, wire))
    return columns


def _read(field: Array, wire: Wire) -> Array:
    if wire.sql_type == "real[]":
        return np.ascontiguousarray(field["items"]["value"], np.float32)
    if wire.sql_type == "date":
        return EPOCH + field["value"].astype("timedelta64[D]")
    native = np.dtype(_DTYPES[wire.sql_type]).newbyteorder("=")
    return np.ascontiguousarray(field["value"], native)
