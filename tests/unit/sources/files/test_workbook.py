"""Excel workbooks: what their cells hold, and what of them is refused in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xlsxwriter

from factorprism.core.errors import EmptyResponse, MalformedResponse
from factorprism.sources.files import check_folder, read_file

SYMBOL = "000300.SH"
HEADER = ["date", "open", "high", "low", "close", "volume", "amount"]
ROWS = [
    [datetime(2020, 1, 2 + day), 4000.1 + day, 4010.25, 3990.123456, 4005.0, 1e10 + day, 1.7e11]
    for day in range(2)
]
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_sheets(**sheets: Sequence[Sequence[Any]]) -> Path:
        path = tmp_path / f"{SYMBOL}.xlsx"
        with xlsxwriter.Workbook(str(path), {"default_date_format": "yyyy-mm-dd"}) as book:
            for name, rows in sheets.items():
                sheet = book.add_worksheet(name)
                for place, row in enumerate(rows):
                    sheet.write_row(place, 0, row)
        return path

    return write_sheets


def test_numbers_come_with_all_their_digits(write: Write) -> None:
    bars = read_file(write(one=[HEADER, *ROWS]), SYMBOL).bars
    assert bars["open"].tolist() == [4000.1, 4001.1]
    assert bars["low"].tolist() == [3990.123456] * 2
    assert bars["volume_shares"].tolist() == [1e10, 1e10 + 1]
    assert [day.date() for day in bars["session"]] == [date(2020, 1, 2), date(2020, 1, 3)]


def test_a_cell_that_cannot_be_read_is_named_by_its_row(write: Write) -> None:
    path = write(one=[["a title"], [], HEADER, ROWS[0], [*ROWS[1][:4], "high\nup", *ROWS[1][5:]]])
    with pytest.raises(MalformedResponse, match="row 5: close 'high up' is no finite number"):
        read_file(path, SYMBOL)


def test_two_sheets_of_bars_are_refused_by_their_names(write: Write) -> None:
    path = write(one=[HEADER, *ROWS], notes=[["no bars"]], two=[HEADER, *ROWS])
    with pytest.raises(MalformedResponse, match="the sheets 'one' and 'two' hold bars each"):
        read_file(path, SYMBOL)


def test_a_workbook_without_bars_says_what_it_has_instead(write: Write) -> None:
    with pytest.raises(EmptyResponse, match="the workbook is empty"):
        read_file(write(one=[]), SYMBOL)
    with pytest.raises(MalformedResponse, match="no header is found; the first line reads 7, 8"):
        read_file(write(empty=[], one=[[7, 8]]), SYMBOL)


def test_a_damaged_workbook_loads_unchanged_or_is_refused(write: Write) -> None:
    path = write(one=[HEADER, *ROWS])
    data, bars = path.read_bytes(), read_file(path, SYMBOL).bars
    rng = np.random.default_rng(4)
    outcomes: Counter[str] = Counter()
    for _ in range(300):
        damaged = bytearray(data)
        damaged[rng.integers(4, len(data))] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged[: rng.integers(4, len(data))] if rng.random() < 0.2 else damaged)
        try:
            assert read_file(path, SYMBOL).bars.equals(bars)
            outcomes["loads"] += 1
        except (EmptyResponse, MalformedResponse) as exc:
            outcomes["refused" if "workbook" in exc.message else exc.message] += 1
    assert set(outcomes) == {"loads", "refused"}, outcomes
    assert min(outcomes.values()) > 10


def test_a_file_that_ends_otherwise_is_listed_unless_another_is_read(
    write: Write, tmp_path: Path
) -> None:
    (tmp_path / f"{SYMBOL}.csv.gz").touch()
    (tmp_path / "^GSPC.json").touch()
    (tmp_path / "readme.json").touch()
    assert [verdict.file for verdict in check_folder(tmp_path)] == [
        f"{SYMBOL}.csv.gz",
        "^GSPC.json",
    ]
    write(one=[HEADER, *ROWS])
    workbook, json = check_folder(tmp_path)
    assert (workbook.file, json.reason) == (
        f"{SYMBOL}.xlsx",
        "a file that ends in .json is not read",
    )


def test_a_name_in_angle_brackets_is_the_name(tmp_path: Path) -> None:
    lines = ["<DATE>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>", "20200102,10,11,9,10,1000"]
    (tmp_path / "^GSPC.txt").write_text("\n".join([*lines, ""]))
    (verdict,) = check_folder(tmp_path)
    assert verdict.loads, verdict.reason
