"""From bytes to cells: encodings, delimiters, headers, remarks, line numbers, cut ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from factorprism.core.errors import EmptyResponse, MalformedResponse
from factorprism.sources.files import read_file
from factorprism.sources.files._grid import parse_text
from factorprism.sources.files._refusal import FileRefused
from factorprism.sources.files._text import decode

SYMBOL = "000300.SH"
HEADER = "trade_date,open,high,low,close,volume,amount,note"
ROWS = (
    "2020-01-02,1,2,0.5,1.5,100,1500,a",
    "2020-01-03,1,2,0.5,1.25,100,1500,b",
    "2020-01-06,1,2,0.5,1.75,100,1500,c",
)


def refusal_of(tmp_path: Path, data: bytes | str, name: str = f"{SYMBOL}.csv") -> str:
    path = tmp_path / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    with pytest.raises((MalformedResponse, EmptyResponse)) as caught:
        read_file(path, SYMBOL)
    assert caught.value.message.startswith(str(path))
    assert caught.value.remedy
    return caught.value.message.removeprefix(str(path))


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16", "utf-16-le", "utf-16-be", "utf-32"],
)
def test_the_usual_encodings_are_reported(encoding: str) -> None:
    text = "日期,开盘,收盘\n2020-01-02,1,2\n"
    assert decode(text.encode(encoding)).text == text


def test_another_encoding_is_left_to_the_library() -> None:
    text = "Date,Clôture,Volume échangé\n" + "2020-01-02,1,2\n" * 20
    assert decode(text.encode("cp1252")).text == text


def test_an_encoding_that_was_named_is_not_questioned() -> None:
    assert decode("é".encode("cp1252"), "cp1252").text == "é"
    with pytest.raises(FileRefused, match="character 3, byte 0xff, is no UTF-8") as caught:
        decode(b"a\nbc\xff", "utf-8")
    assert caught.value.line == 2


@pytest.mark.parametrize("begin", [b"PAR1", b"\x1f\x8b"])
def test_a_file_of_another_kind_is_called_by_its_kind(begin: bytes) -> None:
    with pytest.raises(FileRefused, match="and no text") as caught:
        decode(begin + bytes(40))
    assert caught.value.remedy == "Save it as CSV."


def test_a_nul_byte_is_named_by_line_and_character() -> None:
    with pytest.raises(FileRefused, match="character 2 is a NUL byte") as caught:
        decode(b"a,b\n1\x00,2\n")
    assert caught.value.line == 2


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_delimiters_and_line_ends_are_reported(delimiter: str, end: str) -> None:
    text = end.join((HEADER, *ROWS)).replace(",", delimiter) + end
    table = parse_text(decode(text.encode()).text, {})
    assert [len(column) for column in table.columns] == [3] * 8
    assert list(table.lines) == [2, 3, 4]


def test_lines_before_the_header_and_after_the_data_are_no_data() -> None:
    text = "\n".join(
        ("沪深300 (000300) 日线", "", HEADER, *ROWS, "", "数据来源:通达信", "# by hand", "")
    )
    table = parse_text(text, {})
    assert table.preamble.startswith("沪深300")
    assert list(table.lines) == [4, 5, 6]


def test_lines_are_counted_right_after_a_quoted_line_end(tmp_path: Path) -> None:
    quoted = '2020-01-02,1,2,0.5,1.5,100,1500,"two\nlines"'
    bad = "2020-01-03,1,2,0.5,1.x,100,1500,b"
    said = refusal_of(tmp_path, f"{HEADER}\n{quoted}\n{bad}\n")
    assert said.startswith(", line 4: close '1.x'")


def test_a_name_that_stands_twice_is_refused_with_both(tmp_path: Path) -> None:
    header = HEADER.replace("note", " close")
    said = refusal_of(tmp_path, "\n".join((header, *ROWS)) + "\n")
    assert said.startswith(", line 1: columns 5 ('close') and 8 ('close') are both close")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("2020-01-07,1,2,0.5", "the row has 4 cells, the header 8; it ends in column low"),
        ("2020-01-07,1,2,0.5,1,2,3,4,5", "the row has 9 cells"),
        ('2020-01-07,1,2,0.5,1,2,3,"open', "a quotation mark opens or ends in the wrong place"),
        ("000300.SH", "the row has 1 cells"),
        ("2020-01", "the row has 1 cells"),
    ],
)
def test_a_row_that_is_cut_short_is_no_remark(tmp_path: Path, row: str, words: str) -> None:
    said = refusal_of(tmp_path, "\n".join((HEADER, *ROWS, row)))
    assert said.startswith(", line 5: ")
    assert words in said


@pytest.mark.parametrize("cell", ["175", "17", "1", ""])
def test_a_number_cut_short_at_the_end_is_refused_with_its_line(tmp_path: Path, cell: str) -> None:
    rows = [row.rpartition(",")[0] for row in ROWS]
    whole = "\n".join((HEADER.removesuffix(",note"), *rows))
    cut = whole.removesuffix("1500") + cell
    said = refusal_of(tmp_path, cut)
    assert said.startswith(", line 4: amount ")
    assert "may be cut short" in said


def test_a_last_line_without_end_is_whole_if_its_number_looks_like_the_others(
    tmp_path: Path,
) -> None:
    rows = [row.rpartition(",")[0] for row in ROWS]
    path = tmp_path / "any.csv"
    path.write_text("\n".join((HEADER.removesuffix(",note"), *rows)), "utf-8")
    assert len(read_file(path, SYMBOL).bars) == 3


@pytest.mark.parametrize("data", [b"", b"\n\n", HEADER.encode(), b"\xef\xbb\xbf"])
def test_a_file_without_rows_is_said_to_be_empty(tmp_path: Path, data: bytes) -> None:
    assert "empty" in (said := refusal_of(tmp_path, data)) or "no rows" in said


def test_a_file_without_a_header_shows_its_first_line(tmp_path: Path) -> None:
    assert "no header is found" in refusal_of(tmp_path, "\n".join(ROWS))


@pytest.mark.parametrize(("place", "name"), [(4, "close"), (5, "volume")])
def test_a_needed_column_without_a_value_is_named(tmp_path: Path, place: int, name: str) -> None:
    """investing.com writes a column of volume for indices that have none."""
    rows = [row.split(",") for row in ROWS]
    text = "\n".join(",".join([*row[:place], "-", *row[place + 1 :]]) for row in rows)
    said = refusal_of(tmp_path, f"{HEADER}\n{text}\n")
    assert said.startswith(f", line 2: {name} has no value in any row")
