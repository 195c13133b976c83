"""Parquet of any kind loads, or is refused in words."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from factorprism.core.errors import EmptyResponse, FactorPrismError, MalformedResponse
from factorprism.sources.files import read_file

SYMBOL = "000300.SH"
DAYS = pd.to_datetime(["2020-01-02", "2020-01-03", "2020-01-06"])


@pytest.fixture
def frame() -> pd.DataFrame:
    names = ("open", "high", "low", "close")
    return pd.DataFrame(
        {"date": DAYS} | dict.fromkeys(names, 10.0) | {"volume": 100, "amount": 1500.0}
    )


def read(tmp_path: Path, frame: pd.DataFrame) -> pd.DataFrame:
    frame.to_parquet(tmp_path / "x.parquet")
    return read_file(tmp_path / "x.parquet", SYMBOL).bars


@pytest.mark.parametrize("name", ["date", None, "anything"])
def test_dates_in_the_index_are_read(tmp_path: Path, frame: pd.DataFrame, name: str | None) -> None:
    indexed = frame.set_index("date").rename_axis(name)
    if name == "anything":
        with pytest.raises(MalformedResponse, match="column date is missing"):
            read(tmp_path, indexed)
    else:
        assert read(tmp_path, indexed)["session"].tolist() == DAYS.tolist()


def test_a_zone_in_the_index_gives_the_exchanges_day(tmp_path: Path, frame: pd.DataFrame) -> None:
    moments = DAYS.tz_localize("Asia/Shanghai").tz_convert("UTC")
    bars = read(tmp_path, frame.drop(columns="date").set_index(moments))
    assert bars["session"].tolist() == DAYS.tolist()


def test_the_levels_of_an_index_are_columns(tmp_path: Path, frame: pd.DataFrame) -> None:
    bars = read(tmp_path, frame.assign(symbol=SYMBOL).set_index(["symbol", "date"]))
    assert len(bars) == 3


@pytest.mark.parametrize(
    "value", [b"10", True, timedelta(days=10), [10.0], {"a": 10.0}, np.datetime64("2020-01-01")]
)
def test_a_price_of_another_type_is_named_with_its_row(
    tmp_path: Path, frame: pd.DataFrame, value: Any
) -> None:
    frame["close"] = pd.Series([value] * 3)
    with pytest.raises(MalformedResponse, match=r"row 1: close .* is no finite number"):
        read(tmp_path, frame)


def test_columns_of_several_levels_are_refused(tmp_path: Path, frame: pd.DataFrame) -> None:
    levels = pd.MultiIndex.from_product([frame.columns, ["^GSPC"]])
    with pytest.raises(MalformedResponse, match="several levels"):
        read(tmp_path, frame.set_axis(levels, axis=1))


def test_no_rows_are_said(tmp_path: Path, frame: pd.DataFrame) -> None:
    with pytest.raises(EmptyResponse, match="no rows"):
        read(tmp_path, frame[:0])
    (tmp_path / "y.parquet").write_bytes(b"")
    with pytest.raises(EmptyResponse, match="empty"):
        read_file(tmp_path / "y.parquet", SYMBOL)


def test_a_damaged_file_never_ends_in_an_unexpected_error(
    tmp_path: Path, frame: pd.DataFrame
) -> None:
    path = tmp_path / "x.parquet"
    frame.to_parquet(path)
    data, rng, said = path.read_bytes(), np.random.default_rng(7), []
    for _ in range(400):
        at = int(rng.integers(len(data)))
        flipped = data[:at] + bytes([data[at] ^ (1 << int(rng.integers(8)))]) + data[at + 1 :]
        path.write_bytes(flipped)
        try:
            read_file(path, SYMBOL)
        except FactorPrismError as error:
            said.append(error.message)
    assert len(said) > 100
    assert all(message.startswith(str(path)) for message in said)
