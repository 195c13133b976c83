"""What the pages and the command line say of a row that was written after it was due."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from factorprism.cli.tables import forecast_lines, write_table
from factorprism.core.ledger import Forecast
from ledger_rows import make_withheld

DUE = datetime(2024, 7, 1, 11, 30)
SHOWN = "{% import 'macros.html.j2' as ui with context %}{{ ui.punctuality(row) }}"
DELAY = "{% import 'macros.html.j2' as ui with context %}{{ ui.delay(row) }}"


def make_row(late_by: timedelta, due_at: datetime | None = DUE) -> Forecast:
    return make_withheld(date(2024, 7, 1), due_at=due_at, created_at=DUE + late_by)


LATE = timedelta(hours=1, minutes=40)
ROWS = [
    (make_row(timedelta(minutes=5)), "", ""),
    (make_row(timedelta(minutes=45)), "late by 45 min", "延迟 45 分钟"),
    (make_row(LATE), "late by 1 h 40 min", "延迟 1 小时 40 分钟"),
    (make_row(timedelta(days=400)), "made afterwards", "事后补做"),
    (make_row(timedelta(days=400), due_at=None), "", ""),
]


@pytest.fixture
def show(repository_root: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return the text that a page in a language shows of a row."""
    monkeypatch.syspath_prepend(str(repository_root / "plugins"))
    languages = importlib.import_module("prism_ui.languages").load_languages()
    environment_of = importlib.import_module("prism_ui.rendering").environment_of

    def show(row: Forecast | timedelta | None, language: str, template: str = SHOWN) -> str:
        html = environment_of(languages[language]).from_string(template).render(row=row)
        return re.sub(r"<[^>]+>", "", html).strip()

    return show


@pytest.mark.parametrize(("row", "english", "chinese"), ROWS)
def test_a_page_says_late_or_made_afterwards(
    show: Callable[..., str], row: Forecast, english: str, chinese: str
) -> None:
    assert show(row, "en") == english
    assert show(row, "zh") == chinese


@pytest.mark.parametrize(
    ("late_by", "english", "chinese"),
    [
        (None, "–", "–"),
        (timedelta(minutes=5), "in time", "按时"),
        (LATE, "late by 1 h 40 min", "延迟 1 小时 40 分钟"),
        (timedelta(days=400), "made afterwards", "事后补做"),
    ],
)
def test_a_table_of_a_page_says_it_of_every_row(
    show: Callable[..., str], late_by: timedelta | None, english: str, chinese: str
) -> None:
    assert show(late_by, "en", DELAY) == english
    assert show(late_by, "zh", DELAY) == chinese


@pytest.mark.parametrize(("row", "english", "chinese"), ROWS)
def test_the_table_and_the_json_say_it_too(
    row: Forecast, english: str, chinese: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_table([row])
    table = capsys.readouterr().out
    assert (english in table) if english else ("late" not in table)
    assert chinese == "" or chinese not in table
    values = json.loads(json.dumps(forecast_lines(row)[0]))
    assert values["due_at"] == (row.due_at.isoformat() if row.due_at else None)
    assert values["punctuality"] == (english or ("in time" if row.due_at else ""))


def test_the_json_counts_the_seconds() -> None:
    (values,) = forecast_lines(make_row(LATE))
    assert (values["due_at"], values["late_by_seconds"]) == ("2024-07-01T11:30:00", 6000)
    assert forecast_lines(make_row(LATE, due_at=None))[0]["late_by_seconds"] is None
