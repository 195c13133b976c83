"""What files are called, what ``files.toml`` says, and what a check of the folder finds."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest

from factorprism.core.errors import MalformedResponse, SourceError
from factorprism.sources import FilesSource
from factorprism.sources.files import check_folder, list_held
from factorprism.sources.files._codes import check_codes, symbol_of_stem
from factorprism.sources.files._refusal import FileRefused
from factorprism.sources.files._settings import (
    FileSettings,
    describe,
    load_settings,
    render_line,
    settings_of,
)

HEADER = "date,open,high,low,close,volume,amount"
ROWS = tuple(f"2020-01-{day:02d},1,2,0.5,1.5,100,1500" for day in (2, 3, 6))


@pytest.mark.parametrize(
    ("stem", "symbol"),
    [
        ("000300.SH", "000300.SH"),
        ("sh000300", "000300.SH"),
        ("SH#000300", "000300.SH"),
        ("sh.000300", "000300.SH"),
        ("000300.XSHG", "000300.SH"),
        ("399006.sz", "399006.SZ"),
        ("000300.SS", "000300.SH"),
        ("^gspc", "^GSPC"),
        ("000300", "000300"),
        ("notes", "notes"),
        ("430047.BJ", "430047.BJ"),
        ("bj430047", "430047.BJ"),
        ("930050.CSI", "930050.CSI"),
        ("H30533.csi", "H30533.CSI"),
        ("H30533", "H30533"),
        ("0700.HK", "0700.HK"),
        ("00700.HK", "0700.HK"),
        ("HK.00700", "0700.HK"),
        ("hk00700", "0700.HK"),
        ("aapl.us", "AAPL.US"),
        ("AAPL", "AAPL"),
        ("AAPL.XNAS", "AAPL.US"),
        ("7203.T", "7203.T"),
        ("^hsi", "^HSI"),
        ("^FOO.XHKG", "^FOO.XHKG"),
        ("data.de", "data.de"),
    ],
)
def test_a_files_name_gives_its_symbol(stem: str, symbol: str) -> None:
    assert symbol_of_stem(stem) == symbol


@pytest.mark.parametrize(
    "code",
    ["000300.SH", "sh.000300", "'000300", "000300", 300, 300.0, "300.0", "000300.CSI", "", None],
)
def test_every_spelling_of_the_files_own_code_agrees(code: object) -> None:
    check_codes([code], [2], "000300.SH", "code")


@pytest.mark.parametrize("code", ["000905.SH", "000300.SZ", "sz000300", "905", "HS300"])
def test_another_code_is_refused_with_its_line(code: str) -> None:
    with pytest.raises(FileRefused, match="another instrument") as caught:
        check_codes(["000300.SH", code], [2, 3], "000300.SH", "code")
    assert caught.value.line == 3


@pytest.mark.parametrize(
    ("stem", "wanted", "symbol"),
    [
        ("AAPL", ["AAPL.US"], "AAPL.US"),
        ("aapl", ["AAPL.US"], "AAPL.US"),
        ("BRK-B", ["BRK.B.US"], "BRK.B.US"),
        ("SAP", ["SAP.XFRA", "AAPL.US"], "SAP.XFRA"),
        ("0700", ["0700.HK"], "0700.HK"),
        ("^FOO", ["^FOO.XHKG"], "^FOO.XHKG"),
        ("000001", ["000001.SH"], "000001"),  # Shenzhen has one, too
        ("AAPL.US", ["AAPL.XFRA"], "AAPL.US"),
    ],
)
def test_a_name_without_an_exchange_is_the_wanted_symbol(
    stem: str, wanted: list[str], symbol: str
) -> None:
    assert symbol_of_stem(stem, wanted) == symbol


@pytest.mark.parametrize(
    ("symbol", "codes"),
    [
        ("930050.CSI", ["930050", "930050.CSI", "930050.SH", "csi930050", 930050]),
        ("H30533.CSI", ["H30533", "h30533.csi"]),
        ("430047.BJ", ["430047", "bj430047", "430047.BJ"]),
        ("0700.HK", ["0700", "700", 700, 700.0, "00700.HK", "0700.XHKG"]),
        ("7203.T", ["7203", 7203, "7203.T"]),
        ("AAPL.US", ["AAPL", "aapl", "AAPL.US", "AAPL.XNAS"]),
        ("BRK.B.US", ["BRK.B", "BRK-B"]),
        ("^HSI", ["HSI", "^HSI", ".HSI"]),
    ],
)
def test_every_spelling_of_a_code_agrees_on_any_exchange(symbol: str, codes: list[object]) -> None:
    check_codes(codes, list(range(len(codes))), symbol, "code")


@pytest.mark.parametrize(
    ("symbol", "code"),
    [
        ("930050.CSI", "930051"),
        ("930050.CSI", "930050.SZ"),
        ("H30533.CSI", "H30534"),
        ("0700.HK", "0701.HK"),
        ("0700.HK", "700.T"),
        ("AAPL.US", "MSFT"),
        ("SAP.DE", "SAP.US"),
        ("^HSI", "HSCE"),
    ],
)
def test_another_instrument_is_refused_on_any_exchange(symbol: str, code: str) -> None:
    with pytest.raises(FileRefused, match="another instrument"):
        check_codes([code], [2], symbol, "code")


@pytest.mark.parametrize("name", ["AAPL.csv", "AAPL.US.csv", "AAPL.US.txt"])
def test_a_share_of_new_york_is_read_from_a_file_by_its_ticker(tmp_path: Path, name: str) -> None:
    rows = ("2024-07-03,1,2,0.5,1.5,100", "2024-07-05,1,2,0.5,1.5,100")
    (tmp_path / name).write_text("\n".join((HEADER.replace(",amount", ""), *rows, "")), "utf-8")
    (tmp_path / "files.toml").write_text('"AAPL.US" = { adjusted = false }\n', "utf-8")
    (verdict,) = check_folder(tmp_path, ["AAPL.US"])
    assert (verdict.symbol, verdict.loads, verdict.gaps) == ("AAPL.US", True, ())
    assert verdict.proof == "volume abroad is in shares"
    (pull,) = FilesSource(tmp_path).fetch_bars(["AAPL.US"], date(2024, 7, 1), date(2024, 7, 5))
    assert list(pull.bars["symbol"]) == ["AAPL.US", "AAPL.US"]


def test_two_files_that_a_symbol_may_mean_are_refused(tmp_path: Path) -> None:
    for name in ("AAPL.csv", "AAPL.US.csv"):
        (tmp_path / name).write_text("\n".join((HEADER, *ROWS, "")), "utf-8")
    with pytest.raises(SourceError, match=r"has AAPL.US.csv and AAPL.csv for AAPL.US"):
        FilesSource(tmp_path).first_session("AAPL.US")


def test_a_sunday_is_a_day_of_riyadh(tmp_path: Path) -> None:
    sundays = (7, 14, 21, 28)
    rows = [f"2026-06-{day:02d},1,2,0.5,1.5,100,150" for day in sundays]
    for name in ("2222.XSAU.csv", "VOD.L.csv"):
        (tmp_path / name).write_text("\n".join((HEADER, *rows, "")), "utf-8")
    riyadh, london = check_folder(tmp_path)
    assert riyadh.loads, riyadh.reason
    assert riyadh.strange == ()
    assert "4 of 4 days are Saturdays or Sundays, the first is 2026-06-07" in london.reason


def test_files_under_other_spellings_are_served(tmp_path: Path) -> None:
    (tmp_path / "SH000300.txt").write_text("\n".join((HEADER, *ROWS, "")), "utf-8")
    (tmp_path / "README.txt").write_text("hello", "utf-8")
    assert list_held(tmp_path) == ["000300.SH"]


@pytest.mark.parametrize("shares", [100.0, 1e6, 1234567.0, 0.125])
def test_a_line_that_keeps_what_is_said_reads_as_it_was(tmp_path: Path, shares: float) -> None:
    said = FileSettings({"close": 'the "last"'}, "gb18030", shares, 1e8, False, ",")
    (tmp_path / "files.toml").write_text(render_line("000300.SH", describe(said, {})), "utf-8")
    assert load_settings(tmp_path) == {"000300.SH": said}


def test_settings_are_read_by_symbol_over_those_of_all_files(tmp_path: Path) -> None:
    (tmp_path / "files.toml").write_text(
        'default = { encoding = "gbk", units = { volume = "lots" } }\n'
        'sh510300 = { adjusted = false, units = { volume = "shares", amount = 10 } }\n',
        "utf-8",
    )
    settings = load_settings(tmp_path)
    assert settings_of(settings, "000300.SH") == FileSettings(encoding="gbk", shares=100.0)
    assert settings_of(settings, "510300.SH") == FileSettings(
        encoding="gbk", shares=1.0, cny=10.0, adjusted=False
    )


@pytest.mark.parametrize(
    ("line", "said", "allowed"),
    [
        (
            "x = {unit = 1}",
            "x has 'unit', which is unknown",
            "adjusted, columns, decimal, encoding, units",
        ),
        ('x = {units = {volume = "hands"}}', "x.units.volume is 'hands'", '"shares", "lots"'),
        ("x = {units = {price = 1}}", "x.units has 'price'", "amount, volume"),
        ("x = {units = {volume = -1}}", "x.units.volume is -1", '"lots"'),
        ("x = {units = 1}", "x.units is 1", "lots"),
        ('x = {columns = {clos = "c"}}', "x.columns has 'clos'", "close"),
        ("x = {columns = {close = 1}}", "x.columns is", "its name there"),
        ('x = {adjusted = "no"}', "x.adjusted is 'no'", "true or false"),
        ('x = {encoding = "klingon"}', "x.encoding is 'klingon'", "utf-8"),
        ("x = 1", "x is 1", "A line reads"),
        ("x = ", "is no TOML", "A line reads"),
    ],
)
def test_what_files_toml_may_not_say_is_refused_with_what_it_may(
    tmp_path: Path, line: str, said: str, allowed: str
) -> None:
    (tmp_path / "files.toml").write_text(line, "utf-8")
    with pytest.raises(MalformedResponse) as caught:
        load_settings(tmp_path)
    assert said in caught.value.message
    assert allowed in caught.value.remedy


def test_columns_of_any_name_are_read_where_the_owner_names_them(tmp_path: Path) -> None:
    text = "\n".join((HEADER.replace("close", "px").replace("amount", "note"), *ROWS, ""))
    (tmp_path / "000016.SH.csv").write_text(text, "utf-8")
    (verdict,) = check_folder(tmp_path)
    assert verdict.reason == "line 1: column close is missing"
    line = verdict.remedy.rpartition(": ")[2].replace("its name there", "px")
    line = line.removesuffix(" }") + ', units = { volume = "shares" } }'
    (tmp_path / "files.toml").write_text(line, "utf-8")
    (verdict,) = check_folder(tmp_path)
    assert verdict.loads, verdict.reason


def test_the_check_names_gaps_and_days_that_are_no_sessions(tmp_path: Path) -> None:
    rows = (ROWS[0], ROWS[2], ROWS[2].replace("-06", "-04"), ROWS[2])
    (tmp_path / "000300.SH.csv").write_text("\n".join((HEADER, *rows, "")), "utf-8")
    (verdict,) = check_folder(tmp_path)
    days = [
        [str(day) for day in found] for found in (verdict.gaps, verdict.strange, verdict.repeated)
    ]
    assert days == [["2020-01-03"], ["2020-01-04"], ["2020-01-06"]]


def test_a_name_that_is_no_utf_8_is_written_out(tmp_path: Path) -> None:
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.csv"))).write_text("x", "utf-8")
    (verdict,) = check_folder(tmp_path)
    assert verdict.file == r"\xff\xfe.csv"
    assert not verdict.loads
    with pytest.raises(SourceError) as caught:
        FilesSource(tmp_path).first_session("000300.SH")
    str(caught.value).encode()


def test_two_files_of_one_symbol_and_a_folder_are_refused(tmp_path: Path) -> None:
    for name in ("000300.SH.csv", "sh000300.csv"):
        (tmp_path / name).write_text("\n".join((HEADER, *ROWS, "")), "utf-8")
    (tmp_path / "399006.SZ.csv").mkdir()
    reasons = [verdict.reason for verdict in check_folder(tmp_path)]
    assert reasons == [
        "sh000300.csv is of 000300.SH too",
        "399006.SZ.csv is no plain file",
        "000300.SH.csv is of 000300.SH too",
    ]
