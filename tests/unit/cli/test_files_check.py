"""``factorprism files check``: a row a file, exit 0 only if all load, and nothing written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from factorprism.cli.files import check_files
from factorprism.core.errors import SourceError

GOOD = "date,open,high,low,close,volume,amount\n2020-01-02,1,2,0.5,1.5,100,1500\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "000300.SH.csv").write_text(GOOD, "utf-8")
    return tmp_path


def test_a_folder_whose_files_all_load_ends_with_0(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(folder.iterdir())
    assert check_files(folder, as_json=False) == 0
    said = capsys.readouterr().out
    for words in (
        "000300.SH.csv",
        "2020-01-02 to 2020-01-02",
        "15 CNY a share",
        "1 of 1 files load",
    ):
        assert words in said
    assert sorted(folder.iterdir()) == before


def test_one_file_that_does_not_load_ends_with_1_and_its_remedy_in_one_piece(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = GOOD.replace(",amount", "").replace(",1500", "")
    (folder / "510300.SH.csv").write_text(text, "utf-8")
    assert check_files(folder, as_json=False) == 1
    lines = capsys.readouterr().out.splitlines()
    line = '"510300.SH" = { units = { volume = "shares" }, adjusted = false }'
    assert any(said.endswith(line) for said in lines)
    (folder / "files.toml").write_text(line, "utf-8")
    assert check_files(folder, as_json=False) == 0


def test_json_holds_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_files(folder, as_json=True) == 0
    (verdict,) = json.loads(capsys.readouterr().out)
    assert (verdict["symbol"], verdict["loads"], verdict["first"]) == (
        "000300.SH",
        True,
        "2020-01-02",
    )


def test_a_folder_without_files_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="has no files of bars"):
        check_files(tmp_path, as_json=False)
