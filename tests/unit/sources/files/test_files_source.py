"""Bars from files of one's own: every cell is read, and what cannot be is named with its line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from factorprism.core.errors import EmptyResponse, MalformedResponse, SourceError
from factorprism.sources import FilesSource

HEADER = "trade_date,open,high,low,close,volume,amount"
GOOD = "2020-01-02,1,2,0.5,1.5,100,1500"
SYMBOL = "000300.SH"
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(*lines: str, symbol: str = SYMBOL) -> Path:
        (tmp_path / f"{symbol}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return tmp_path

    return write_file


def read(folder: Path, symbol: str = SYMBOL) -> pd.DataFrame:
    (pull,) = FilesSource(folder).fetch_bars([symbol], date(2020, 1, 1), date(2020, 12, 31))
    return pull.bars


@pytest.mark.parametrize("day", ["2020-01-02", "20200102", " 2020-01-02 ", "2020-01-02 00:00:00"])
def test_dates_are_read_in_both_forms(write: Write, day: str) -> None:
    bars = read(write(HEADER, f"{day},1,2,0.5,1.5,100,1500"))
    assert bars["session"].tolist() == [pd.Timestamp("2020-01-02")]
    assert bars.loc[0, ["open", "close", "volume_shares", "amount_cny"]].tolist() == [
        1.0,
        1.5,
        100.0,
        1500.0,
    ]


def test_empty_cells_are_nan_and_blank_lines_nothing(write: Write) -> None:
    bars = read(write(HEADER, "", GOOD, "2020-01-03,1,2,0.5,1.5,100,", ""))
    assert len(bars) == 2
    assert np.isnan(bars["amount_cny"][1])


def test_previous_close_is_taken_where_it_is_given(write: Write) -> None:
    bars = read(write(HEADER + ",pre_close,note", GOOD + ",1.4,x"))
    assert bars["pre_close"].tolist() == [1.4]
    assert bars["pct_chg"].isna().all()


def test_rows_come_ascending_and_duplicates_stay(write: Write) -> None:
    bars = read(write(HEADER, "2020-01-03,1,2,0.5,1.5,100,1500", GOOD, GOOD))
    assert bars["session"].dt.day.tolist() == [2, 2, 3]


@pytest.mark.parametrize("days", [["20200102"], [20200102], [date(2020, 1, 2)], ["2020-01-02"]])
def test_parquet_dates_of_any_type_are_read(tmp_path: Path, days: list[object]) -> None:
    names = HEADER.split(",")[1:]
    frame = pd.DataFrame({"trade_date": days} | dict.fromkeys(names, 10.0) | {"volume": 1.0})
    frame.to_parquet(tmp_path / f"{SYMBOL}.parquet")
    assert read(tmp_path)["session"].tolist() == [pd.Timestamp("2020-01-02")]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nowhere is not a folder") as caught:
        read(tmp_path / "nowhere")
    assert "FACTORPRISM_FILES" in caught.value.remedy


def test_a_missing_file_names_those_that_are_there(write: Write) -> None:
    folder = write(HEADER, GOOD)
    with pytest.raises(SourceError, match=r"no file of 399006\.SZ") as caught:
        read(folder, "399006.SZ")
    assert caught.value.remedy.startswith("It has 000300.SH. Add the file, or choose a universe")


def test_two_files_of_one_symbol_are_refused(write: Write) -> None:
    folder = write(HEADER, GOOD)
    (folder / f"{SYMBOL}.parquet").write_bytes(b"")
    with pytest.raises(SourceError, match=r"000300\.SH\.csv and 000300\.SH\.parquet"):
        read(folder)


def test_missing_columns_are_named(write: Write) -> None:
    with pytest.raises(MalformedResponse, match="line 1: columns low, close are missing") as c:
        read(write("trade_date,open,high,volume", "2020-01-02,1,2,100"))
    assert "trade_date, open" in c.value.remedy


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("2020-13-02,1,2,0.5,1.5,100,1500", "line 4: trade_date '2020-13-02' is no date"),
        ("02/01/2020,1,2,0.5,1.5,100,1500", "line 4: trade_date '02/01/2020' is no date"),
        (",1,2,0.5,1.5,100,1500", "line 4: trade_date an empty cell is no date"),
        ("2020-01-03,1,2,0.5,1.5x,100,1500", "line 4: close '1.5x' is no finite number"),
        ("2020-01-03,1,2,0.5,1.5,inf,150", "line 4: volume 'inf' is no finite number"),
        ('2020-01-03,1,2,0.5,1.5,"1,00",150', "line 4: volume '1,00' is no finite number"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(write: Write, row: str, words: str) -> None:
    with pytest.raises(MalformedResponse) as caught:
        read(write(HEADER, GOOD, "", row))
    assert f"{SYMBOL}.csv, {words}" in caught.value.message


def test_a_row_with_too_many_cells_is_refused(write: Write) -> None:
    with pytest.raises(MalformedResponse, match="line 3"):
        read(write(HEADER, GOOD, GOOD + ",1,2"))


@pytest.mark.parametrize("lines", [[], [HEADER], [HEADER, ",,,,,,"]])
def test_a_file_without_rows_is_refused(write: Write, lines: list[str]) -> None:
    with pytest.raises(EmptyResponse):
        read(write(*lines))


@pytest.mark.parametrize("content", [b"\xff\xfe\x00\x01", b"PAR1 but no more"])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes, suffix: str) -> None:
    (tmp_path / f"{SYMBOL}.{suffix}").write_bytes(content)
    with pytest.raises(MalformedResponse, match=SYMBOL):
        read(tmp_path)


def test_extent_is_that_of_the_rows_on_trading_days(write: Write) -> None:
    saturday = "2020-01-04,1,2,0.5,1.5,100,1500"
    source = FilesSource(write(HEADER, GOOD, saturday), history_start=date(2005, 1, 4))
    assert source.first_session(SYMBOL) == date(2020, 1, 2)
    assert source.latest_session(SYMBOL, datetime(2020, 2, 1)) == date(2020, 1, 2)
    with pytest.raises(EmptyResponse):
        source.latest_session(SYMBOL, datetime(2020, 1, 2, 8))


def test_history_begins_no_earlier_than_the_setting(write: Write) -> None:
    source = FilesSource(write(HEADER, GOOD), history_start=date(2020, 1, 20))
    assert source.first_session(SYMBOL) == date(2020, 1, 20)
