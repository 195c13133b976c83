"""The pages: what they show, that they need no network, and that writing them is safe."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from factorprism.core.calendar import TradingCalendar
from factorprism.market.findings import QualityResult
from factorprism.quality import render_data_docs
from gate_of_one_symbol import check_one

VOID = {"meta", "link", "br"}


class _Page(HTMLParser):
    """Collects text and link targets, and insists that every element is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.targets: list[str] = []
        self.text = ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.targets += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def results(index_bars: pd.DataFrame, xshg: TradingCalendar) -> list[QualityResult]:
    month = index_bars["session"].dt.to_period("M")
    bars = index_bars[month != month.iloc[500]]
    first, last = index_bars["session"].iloc[[0, -1]].dt.date
    return check_one(bars, "000300.SH", first, last, calendar=xshg)


def _result(last: date, **changes: object) -> QualityResult:
    result = QualityResult(
        "bars", "high_above_low", "000300.SH", "high", "critical", True, last, last, "It holds."
    )
    return replace(result, **changes)


def _pages(folder: Path) -> dict[str, _Page]:
    return {path.name: _Page(path.read_text("utf-8")) for path in folder.rglob("*.html")}


def test_the_index_leads_to_every_run_newest_first(tmp_path: Path):
    runs = {
        f"bars {last}": [_result(last)]
        for last in (date(2020, 12, 30), date(2021, 1, 4), date(2020, 12, 31))
    }
    index = render_data_docs(runs, tmp_path)
    assert index == tmp_path / "index.html"
    page = _Page(index.read_text("utf-8"))
    assert re.findall(r"bars (\S+)", page.text) == ["2021-01-04", "2020-12-31", "2020-12-30"]
    links = [target for target in page.targets if target.startswith("runs/")]
    assert len(links) == 3
    assert all((tmp_path / link).is_file() for link in links)


def test_a_run_page_shows_each_expectation_and_the_missing_month(
    tmp_path: Path, results: list[QualityResult]
):
    render_data_docs({"bars today": results}, tmp_path)
    (path,) = (tmp_path / "runs").glob("*.html")
    html = path.read_text("utf-8")
    page = _Page(html)
    for result in results:
        assert result.sentence in page.text
        assert result.expectation in page.text
    missing = next(r for r in results if r.expectation == "no_session_missing")
    ((month, count),) = missing.details["missing_by_month"].items()
    assert f'class="missing" title="{month}: {count} missing">{count}<' in html
    assert "Sessions missing by month: " + str(count) in page.text
    assert "stopped" in page.text


def test_a_run_page_tells_each_finding_by_its_name(tmp_path: Path, results: list[QualityResult]):
    render_data_docs({"bars today": results}, tmp_path)
    (path,) = (tmp_path / "runs").glob("*.html")
    found = [finding for result in results for finding in result.findings]
    assert found
    html = path.read_text("utf-8")
    shown = re.findall(r"<code>([0-9a-f]{12})</code>", html)
    assert sorted(shown) == sorted(finding.finding_id for finding in found)
    for result in results:
        named = " ".join(finding.finding_id for finding in result.findings)
        assert f"{result.sentence} {named}" in _Page(html).text or not named


def test_what_holds_for_thousands_is_reported_once_and_what_fails_by_symbol(tmp_path: Path):
    last = date(2020, 12, 31)
    shared = _result(
        last, symbol="", sentence="4,999 symbols: It holds.", details={"symbols": 4999}
    )
    failed = _result(last, symbol="600000.SH", success=False, sentence="600000.SH: It fails.")
    render_data_docs({"bars today": [failed, shared]}, tmp_path)
    index, run = (_Page(path.read_text("utf-8")).text for path in sorted(tmp_path.rglob("*.html")))
    assert "4,999 symbols" in index
    assert "600000.SH" not in index
    assert "What holds, by the number of symbols," in run
    for result in (failed, shared):
        assert result.sentence in run


def test_the_pages_ask_no_server_for_anything(tmp_path: Path, results: list[QualityResult]):
    render_data_docs({"bars today": results}, tmp_path)
    for page in _pages(tmp_path).values():
        assert all("//" not in target for target in page.targets)
    for path in tmp_path.rglob("*.html"):
        html = path.read_text("utf-8")
        assert "default-src 'none'" in html
        assert "<script" not in html
        assert "@import" not in html
        assert "url(" not in html


def test_what_a_source_sends_is_escaped(tmp_path: Path):
    nasty = '<script>alert("x")</script>'
    result = _result(
        date(2020, 12, 31),
        symbol=nasty,
        sentence=nasty,
        suite=nasty,
        success=False,
        details={"examples": [{"session": nasty, "value": nasty}], "observed": nasty},
    )
    render_data_docs({nasty: [result]}, tmp_path)
    for path in tmp_path.rglob("*.html"):
        assert "<script" not in path.read_text("utf-8")
    assert all("/" not in name and "<" not in name for name in _pages(tmp_path))


def test_equal_results_give_equal_files_and_runs_are_added(
    tmp_path: Path, results: list[QualityResult]
):
    render_data_docs({"bars today": results}, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    render_data_docs({"bars today": results}, tmp_path)
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert before == after
    render_data_docs({"factors today": [_result(date(2020, 12, 31))]}, tmp_path)
    assert {path for path in before if path.name != "index.html"} < set(tmp_path.rglob("*"))
    text = _Page((tmp_path / "index.html").read_text("utf-8")).text
    assert "bars today" in text
    assert "factors today" in text


def test_keys_that_differ_in_signs_alone_get_their_own_pages(tmp_path: Path):
    render_data_docs({key: [] for key in ("bars/1", "bars 1", "条 1")}, tmp_path)
    assert len(list((tmp_path / "runs").glob("*.html"))) == 3
    assert "nothing checked" in _Page((tmp_path / "index.html").read_text("utf-8")).text


def test_a_write_that_fails_leaves_the_earlier_page_and_no_rest(tmp_path: Path):
    index = render_data_docs({}, tmp_path)
    before = index.read_bytes()
    (tmp_path / "runs" / "broken.json").write_text("{", "utf-8")
    with pytest.raises(json.JSONDecodeError):
        render_data_docs({}, tmp_path)
    assert index.read_bytes() == before
    assert list(tmp_path.rglob(".*")) == []
