"""What is printed of a forecast: an end that is only expected is called so."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import date

import pytest

from factorprism.cli.tables import forecast_lines, write_csv, write_json, write_table
from ledger_rows import make_issued

KNOWN = make_issued(date(2026, 12, 1), horizon_end=date(2026, 12, 21))
EXPECTED = replace(KNOWN, horizon_end=date(2027, 1, 11), horizon_end_expected=True)


def test_the_table_marks_an_expected_end(capsys: pytest.CaptureFixture[str]) -> None:
    write_table([KNOWN, EXPECTED])
    printed = capsys.readouterr().out
    assert "2026-12-21 (14) " in printed
    assert "2027-01-11 (14, expected) " in printed


def test_json_and_csv_say_whether_the_end_is_expected(capsys: pytest.CaptureFixture[str]) -> None:
    write_json([line for row in (KNOWN, EXPECTED) for line in forecast_lines(row)])
    rows = json.loads(capsys.readouterr().out)
    assert [row["horizon_end_expected"] for row in rows] == [False, True]
    write_csv([KNOWN, EXPECTED])
    lines = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [line["horizon_end_expected"] for line in lines] == ["False", "True"]
