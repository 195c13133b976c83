"""Data and Models as a browser meets them: who may look, who may decide, and how often."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from factorprism.core.calendar import calendar_of
from factorprism.market.bars import Pull, PullState, make_bars
from factorprism.market.findings import Finding, SetAside
from factorprism.warehouse import PostgresWarehouse
from ledger_rows import make_promotion, make_record

SYMBOL = "000300.SH"
CHAMPION, OTHER = "inception-aaa", "inception-bbb"
BY_HAND = make_promotion(CHAMPION, reason="By hand: <b>first</b> & only", kind="manual")
FAULTY = date(2024, 1, 9)
FINDING = Finding(
    finding_id="abc123def456",
    symbol=SYMBOL,
    suite="bars",
    expectation="low_covers_body",
    column="low",
    rows={"2024-01-09": "-0.01"},
    sessions=(FAULTY,),
    sentence="000300.SH: low lies <i>above</i> open or close on 2024-01-09 (-0.01).",
)
SATURDAY = replace(
    FINDING,
    finding_id="5a7u2da75a7u",
    expectation="no_session_extra",
    sentence="000300.SH: rows lie on days without trading on 2024-01-13 (False).",
)
UNREADABLE = replace(
    FINDING,
    finding_id="7e27f02cafe0",
    suite="bars_schema",
    expectation="value_type",
    rows={},
    sessions=(),
    sentence="000300.SH: low is not of type float64.",
)
FIXED = replace(FINDING, finding_id="3e9ded3e9ded", sentence="000300.SH: low was above <b>.")
ORIGIN = "http://testserver"
PEOPLE = {"": "", "vera": "viewer", "olaf": "olaf:op", "otto": "otto:op"}


def fill(warehouse: PostgresWarehouse) -> None:
    """A month of bars with a hole, a refused pull, two models, a champion."""
    days = calendar_of(SYMBOL).sessions(date(2024, 1, 2), date(2024, 1, 31))
    days = np.delete(days, 5)
    close = np.linspace(3300.0, 3200.0, len(days))
    frame = {"symbol": SYMBOL, "session": days.astype("datetime64[us]"), "volume_shares": 1e8}
    prices = {"open": close, "high": close + 9, "low": close - 9, "close": close}
    bars = make_bars(pd.DataFrame(frame | prices))
    moment = datetime(2024, 1, 31, 11)
    pull = Pull("sample", SYMBOL, date(2024, 1, 2), date(2024, 1, 31), bars, moment)
    warehouse.bars.merge_bars(bars, warehouse.pulls.save_pull(pull))
    refused = replace(pull, first=date(2024, 1, 3))
    pull_id = warehouse.pulls.save_pull(refused)
    warehouse.pulls.mark_pull(pull_id, PullState.QUARANTINED, "high <i>below</i> low")
    warehouse.findings.save_findings(pull_id, [FINDING, SATURDAY, UNREADABLE])
    aside = SetAside(SYMBOL, FAULTY, pull_id, FINDING.finding_id, FINDING.sentence)
    warehouse.findings.save_set_aside(pull_id, [aside])
    for model_id in (CHAMPION, OTHER):
        warehouse.models.save_model(make_record(model_id))
    warehouse.models.append_promotion(BY_HAND)


@pytest.fixture(scope="module")
def filled(postgres: Any) -> Iterator[str]:
    """A filled warehouse, to be copied."""
    url = postgres.new_database()
    warehouse = PostgresWarehouse(url)
    warehouse.migrate()
    fill(warehouse)
    warehouse.close()
    yield url.rsplit("/", 1)[1]
    postgres.drop_database(url)


@dataclass(frozen=True)
class Site:
    """The pages as three people see them."""

    app: Any
    url: str

    def get(self, path: str, who: str = "olaf", **headers: str) -> Any:
        return self.app.get(f"/prism/{path}", PEOPLE[who], accept="text/html", **headers)

    def post(
        self, form: dict[str, str], who: str = "olaf", to: str = "decide", **headers: str
    ) -> Any:
        sent = {"origin": ORIGIN, "accept": "text/html", **headers}
        return self.app.post(f"/prism/{to}", PEOPLE[who], form, **sent)

    def open_form(self, action: str = "promote", model: str = "inception-bbb") -> dict[str, str]:
        """Return the fields of the confirmation as the page gives them, and a reason."""
        return self._read_form(f"decide?action={action}&model={model}")

    def open_acceptance(self) -> dict[str, str]:
        """Return the fields of the form that accepts the finding, and a reason."""
        return self._read_form(f"accept?finding={FINDING.finding_id}")

    def _read_form(self, path: str) -> dict[str, str]:
        page = self.get(path).text
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
        return {**fields, "reason": "it reads the open better"}

    def runs(self) -> list[dict[str, Any]]:
        """Return what was asked of workers."""
        asked: list[dict[str, Any]] = self.app.call("decisions")
        return asked


@pytest.fixture
def site(app: Any, filled: str, postgres: Any, tmp_path: Path) -> Iterator[Site]:
    url = postgres.new_database(filled)
    app.show(url, tmp_path)
    yield Site(app, url)
    postgres.drop_database(url)


@pytest.mark.parametrize("path", ["data", "data?year=2024", "models", "decide", "decision?run=x"])
def test_nobody_without_a_login_sees_a_page(site: Site, path: str) -> None:
    assert site.get(path, who="").status == 401
    assert site.post({}, who="").status == 401


def test_a_viewer_reads_and_is_offered_no_decision(site: Site) -> None:
    for path in ("data", "data?year=2024", "models", "models?model=inception-bbb"):
        assert site.get(path, who="vera").status == 200, path
    assert "decide?" not in site.get("models?model=inception-bbb", who="vera").text
    assert "decide?" in site.get("models?model=inception-bbb").text


def test_a_viewer_may_neither_open_nor_send_the_form(site: Site) -> None:
    form = site.open_form()
    assert site.get("decide?action=promote&model=inception-bbb", who="vera").status == 403
    assert site.post(form, who="vera").status == 403
    assert site.runs() == []


def test_a_form_sent_twice_starts_one_run_in_the_name_of_who_sent_it(site: Site) -> None:
    form = site.open_form()
    answers = [site.post(form) for _ in range(2)]
    assert [answer.status for answer in answers] == [303, 303]
    assert answers[0].headers["location"] == answers[1].headers["location"]
    (run,) = site.runs()
    assert (run["by"], run["state"]) == ("olaf", "queued")
    assert run["conf"] == {
        "action": "promote",
        "model_id": "inception-bbb",
        "champion_id": "inception-aaa",
        "reason": "it reads the open better",
        "signal": "hs300-direction-14",
    }


def test_a_form_that_is_opened_again_is_another_one(site: Site) -> None:
    assert site.open_form()["nonce"] != site.open_form()["nonce"]


@pytest.mark.parametrize("token", ["", "1.abc", "another's"])
def test_without_the_login_s_own_token_nothing_is_decided(site: Site, token: str) -> None:
    form = site.open_form()
    if token == "another's":
        answer = site.post(form, who="otto")
    else:
        answer = site.post({**form, "form_token": token})
    assert answer.status == 403
    assert site.runs() == []


@pytest.mark.parametrize(
    "headers", [{"origin": "https://elsewhere.example"}, {"sec_fetch_site": "cross-site"}]
)
def test_a_form_from_another_site_is_refused(site: Site, headers: dict[str, str]) -> None:
    assert site.post(site.open_form(), **headers).status == 403
    assert site.runs() == []


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"reason": "  "}, 400),
        ({"reason": "x" * 301}, 400),
        ({"reason": "a\0b"}, 400),
        ({"nonce": "../../etc"}, 400),
        ({"action": "remove"}, 400),
        ({"model_id": ""}, 400),
        ({"model_id": "<script>alert(1)</script>"}, 404),
        ({"model_id": "'; drop table models"}, 404),
    ],
)
def test_a_form_that_makes_no_sense_is_answered_in_words(
    site: Site, changes: dict[str, str], status: int
) -> None:
    answer = site.post({**site.open_form(), **changes})
    assert answer.status == status
    assert "<script>alert" not in answer.text
    assert site.runs() == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("data?symbol=%3Cscript%3Ealert(1)%3C/script%3E", 400),
        ("data?year=abc", 400),
        ("data?year=1900", 404),
        ("data?session=yesterday", 400),
        ("data?signal='; drop table bars", 404),
        ("models?model=%3Cscript%3Ealert(1)%3C/script%3E", 404),
        ("models?signal=hs300-direction-0", 404),
        ("decide?action=promote", 400),
        ("decide?action=%3Cscript%3Ealert(1)%3C/script%3E&model=inception-bbb", 400),
        ("decision?run=%3Cscript%3Ealert(1)%3C/script%3E", 404),
        ("decision", 404),
    ],
)
def test_a_strange_address_is_answered_in_words(site: Site, path: str, status: int) -> None:
    answer = site.get(path)
    assert answer.status == status, answer.text
    assert "<script>alert" not in answer.text
    assert "Traceback" not in answer.text


def test_a_paused_dag_is_named_and_nothing_is_asked(site: Site) -> None:
    form = site.open_form()
    site.app.call("pause", True)
    try:
        answer = site.post(form)
    finally:
        site.app.call("pause", False)
    assert answer.status == 503
    assert "model_decision" in answer.text
    assert site.runs() == []


@pytest.mark.parametrize(
    ("state", "answer", "said"),
    [
        ("queued", None, "A worker decides"),
        ("running", None, "A worker decides"),
        ("success", {"decided": True, "sentence": "By hand: <b>x</b>"}, "By hand: &lt;b&gt;x"),
        ("success", {"decided": False, "sentence": "is champion"}, "Nothing was written"),
        ("failed", None, "The decision failed"),
    ],
)
def test_what_came_of_a_decision_is_shown(
    site: Site, state: str, answer: dict[str, Any] | None, said: str
) -> None:
    place = site.post(site.open_form()).headers["location"]
    (run,) = site.runs()
    words = {"return_value": answer} if answer else {"reason": "the registry cannot be reached"}
    site.app.call("end_decision", run["run_id"], state, words)
    page = site.get(place.removeprefix("/prism/"), who="vera")
    assert page.status == 200
    assert said in page.text
    assert ("decision.js" in page.text) == (state in ("queued", "running"))
    if state == "failed":
        assert "the registry cannot be reached" in page.text


def test_a_finding_is_shown_and_offered_to_operators_alone(site: Site) -> None:
    for who, offered in (("vera", False), ("olaf", True)):
        page = site.get("data", who=who).text
        assert "low lies &lt;i&gt;above&lt;/i&gt; open or close" in page
        assert FINDING.finding_id in page
        assert "1 row set aside" in page
        assert ("accept?finding=" in page) is offered
    assert site.get(f"accept?finding={FINDING.finding_id}", who="vera").status == 403
    assert site.get(f"accept?finding={FINDING.finding_id}", who="").status == 401
    assert site.get("accept?finding=nobody", who="olaf").status == 404
    assert site.get("accept", who="olaf").status == 400


@pytest.mark.parametrize(
    ("finding", "said"),
    [
        (SATURDAY, "images have no place for a day without trading. Nothing needs to be done"),
        (UNREADABLE, "nothing can be measured on such data. Fix the data at the source."),
    ],
)
def test_what_cannot_be_accepted_says_so_and_what_to_do_instead(
    site: Site, finding: Finding, said: str
) -> None:
    for who in ("vera", "olaf"):
        page = site.get("data", who=who).text
        (entry,) = re.findall(rf"<li>(?:(?!</li>).)*{finding.finding_id}.*?</li>", page, re.DOTALL)
        assert said in entry
        assert "accept?finding=" not in entry
    refused = site.get(f"accept?finding={finding.finding_id}")
    assert refused.status == 400
    assert "cannot be accepted, since" in refused.text
    form = {**site.open_acceptance(), "finding_id": finding.finding_id}
    assert site.post(form, to="accept").status == 400
    assert site.runs() == []


def test_a_fixed_finding_stands_apart_with_the_pull_that_fixed_it(site: Site) -> None:
    warehouse = PostgresWarehouse(site.url)
    (newest,) = warehouse.pulls.list_pulls([SYMBOL], 1)
    pull_id = warehouse.pulls.save_pull(
        replace(warehouse.pulls.load_pull(newest.pull_id), first=date(2024, 1, 4))
    )
    warehouse.findings.save_findings(newest.pull_id, [FIXED])
    warehouse.findings.clear_set_aside(SYMBOL, [FAULTY], pull_id)
    warehouse.pulls.mark_pull(pull_id, PullState.ACCEPTED)
    warehouse.close()
    open_part, fixed_part = site.get("data").text.split("Fixed findings")
    assert f"accept?finding={FINDING.finding_id}" not in open_part  # it spoke of the same row
    assert FIXED.finding_id not in open_part
    assert FIXED.finding_id in fixed_part
    assert "low was above &lt;b&gt;." in fixed_part
    assert f"by pull {pull_id}" in fixed_part
    assert "accept?finding=" not in fixed_part


def test_accepting_is_a_form_of_the_login_s_own_and_starts_one_run(site: Site) -> None:
    form = site.open_acceptance()
    assert site.post(form, to="accept", who="vera").status == 403
    assert site.post({**form, "form_token": ""}, to="accept").status == 403
    assert site.post(form, to="accept", origin="https://elsewhere.example").status == 403
    assert site.post({**form, "reason": " "}, to="accept").status == 400
    assert site.runs() == []
    answers = [site.post(form, to="accept") for _ in range(2)]
    assert [answer.status for answer in answers] == [303, 303]
    (run,) = site.runs()
    assert run["by"] == "olaf"
    assert run["conf"] == {
        "action": "accept",
        "finding_id": FINDING.finding_id,
        "reason": "it reads the open better",
    }
    words = {"return_value": {"decided": True, "sentence": "finding abc123def456 is accepted"}}
    site.app.call("end_decision", run["run_id"], "success", words)
    page = site.get(answers[0].headers["location"].removeprefix("/prism/")).text
    assert "The finding is accepted" in page
    assert "title" not in re.sub(r"<title>.*?</title>|title=", "", page.lower())


def test_what_was_accepted_stands_beside_the_bars(site: Site) -> None:
    warehouse = PostgresWarehouse(site.url)
    warehouse.findings.accept_finding(FINDING.finding_id, "mei lin", "the exchange <b>says</b> so")
    warehouse.close()
    for path in ("data", f"data?symbol={SYMBOL}&year=2024"):
        page = site.get(path).text
        assert "accepted by mei lin" in page
        assert "the exchange &lt;b&gt;says&lt;/b&gt; so" in page
    assert "accept?finding=" not in site.get("data").text


def test_words_of_the_warehouse_are_text_and_never_markup(site: Site) -> None:
    models, data = site.get("models").text, site.get("data").text
    assert "By hand: &lt;b&gt;first&lt;/b&gt; &amp; only" in models
    assert "high &lt;i&gt;below&lt;/i&gt; low" in data


def test_the_hole_of_the_month_is_counted_and_found(site: Site) -> None:
    (hole,) = re.findall(r'<td class="heat-1">(\d+)</td>', site.get("data").text)
    assert hole == "1"
    year = site.get("data?year=2024").text
    assert year.count('class="box absent"') == 2  # the day itself, and the key above it
    assert "2024-01-09" in year


def test_the_pages_speak_chinese_where_it_is_asked_for(site: Site) -> None:
    assert "行情与交易日历对照" in site.get("data?lang=zh").text
    assert "任免账本" in site.get("models?lang=zh").text
    assert "将会发生什么" in site.get("decide?action=promote&model=inception-bbb&lang=zh").text


def test_the_moment_of_a_run_is_not_in_the_future(site: Site) -> None:
    site.post(site.open_form())
    (run,) = site.runs()
    assert datetime.fromisoformat(run["run_after"]) <= datetime.now(UTC)
