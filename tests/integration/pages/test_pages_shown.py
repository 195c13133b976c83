"""What the pages show, in which language, and for how long the same page is sent again."""

from __future__ import annotations

import re
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from default_signal import DAILY
from factorprism.core.alerts import Alert
from factorprism.warehouse import PostgresWarehouse
from sql import connect
from waiting import eventually

HEAVY = {"tensorflow", "keras", "mlflow", "great_expectations", "matplotlib", "tushare"}


def test_the_days_page_says_forecast_interval_and_skill(pages: Any, ledger_template: Any) -> None:
    line = ledger_template[1]
    text = pages.get("/prism/today").text
    assert f"{line.values['p_up'][-1]:.1%}" in text
    assert f"{line.values['base_rate'][-1]:.1%}" in text
    assert "95% Wilson interval" in text
    assert "No skill shown: over 1,000 held-out sessions" in text
    assert "have drifted" in text


def test_another_target_is_shown_in_its_own_words(pages: Any, ledger_url: str) -> None:
    signal = "hs300-volatility-14"
    opened = PostgresWarehouse(ledger_url)
    row = opened.forecasts.load_forecasts(signal)[-1]
    opened.close()
    sigma, rolling = (row.value(name) for name in ("sigma", "rolling_60"))
    today = pages.get("/prism/today").text
    assert f"{sigma:.1%}" in today
    assert f"{rolling:.1%}" in today
    assert "is how far 000300.SH is expected to move" in today
    assert "QLIKE skill" in today
    record = pages.get(f"/prism/record?signal={signal}").text
    for words in ("QLIKE", "rolling 60-session volatility", "mean of what came"):
        assert words in record
    for words in ("Brier", "base rate", "share of rises", "always up", "probability of a rise"):
        assert words not in record
    for page in ("models", "image", "lineage", "data"):
        found = pages.get(f"/prism/{page}?signal={signal}&session={row.session}")
        assert found.status == 200, (page, found.text)
        for words in ("Brier", "base rate", "probability", "logit", "a rise", "QLIKE, in QLIKE"):
            assert words not in found.text, (page, words)
    assert "波动" in pages.get(f"/prism/record?signal={signal}&lang=zh").text


@pytest.mark.parametrize("signal", ["hs300-direction-14", "hs300-volatility-14"])
@pytest.mark.parametrize("page", ["today", "image", "record", "data", "models", "lineage"])
def test_every_page_is_there_in_chinese(pages: Any, page: str, signal: str) -> None:
    answer = pages.get(f"/prism/{page}?signal={signal}&lang=zh")
    assert answer.status == 200, answer.text
    assert '<html lang="zh">' in answer.text


def test_signals_of_one_symbol_can_be_distinguished(pages: Any, ledger_template: Any) -> None:
    direction, volatility = "hs300-direction-14", "hs300-volatility-14"
    day = ledger_template[1].sessions[96].astype(date)  # withheld: neither shows a figure
    for name in (direction, volatility):
        heading = f"signal {name}: universe hs300, 14 sessions ahead"
        assert heading in pages.get(f"/prism/today?session={day}").text
        assert heading in pages.get(f"/prism/record?signal={name}").text
        for page in ("record", "image", "data", "models", "lineage"):
            assert f"000300.SH · {name}</a>" in pages.get(f"/prism/{page}").text, page
    assert f"信号 {volatility}：指数组 hs300" in pages.get("/prism/today?lang=zh").text


def test_a_signal_that_is_not_issued_any_more_names_no_dag(
    pages: Any, ledger_url: str, tmp_path: Path
) -> None:
    signal = "hs300-volatility-14"
    text = pages.get("/prism/today").text
    assert f"{signal} is not issued any more; its newest forecast is of Dec 31, 2025." in text
    assert f"daily-{signal}" not in text
    (tmp_path / "signals.toml").write_text(f"[{signal}]\n")
    pages.show(ledger_url, tmp_path)
    text = pages.get("/prism/today").text
    assert "not issued any more" not in text
    assert f"The newest forecast of {signal} is of Dec 31, 2025" in text


def test_a_withheld_day_says_why(pages: Any, ledger_template: Any) -> None:
    day = ledger_template[1].sessions[96].astype(date)
    text = pages.get(f"/prism/today?session={day}").text
    assert "No forecast" in text
    assert "stale data: the last bar of 000300.SH" in text
    assert f"factorprism daily --signal hs300-direction-14 --session {day}" in text


def test_the_record_holds_forecasts_against_outcomes(pages: Any) -> None:
    text = pages.get("/prism/record").text
    for words in ("always up", "logistic", "Year by year", "Brier skill over 250 forecasts"):
        assert words in text
    assert "data-chart" in text
    assert pages.get("/prism/record?signal=none").status == 404


def test_the_language_is_asked_for_remembered_or_negotiated(pages: Any) -> None:
    chosen = pages.get("/prism/today?lang=zh")
    assert '<html lang="zh">' in chosen.text
    assert "prism_lang=zh" in chosen.headers["set-cookie"]
    assert "是校准后的概率" in chosen.text
    assert '<html lang="zh">' in pages.get("/prism/record", cookie="prism_lang=zh").text
    accepted = pages.get("/prism/record", accept_language="fr, zh-CN;q=0.8, en;q=0.5")
    assert '<html lang="zh">' in accepted.text
    assert '<html lang="en">' in pages.get("/prism/record", accept_language="fr").text
    assert '<html lang="en">' in pages.get("/prism/record?lang=<b>").text


def test_a_page_is_the_same_until_the_warehouse_changes(pages: Any, ledger_url: str) -> None:
    first = pages.get("/prism/today", accept_encoding="gzip")
    tag = first.headers["etag"]
    assert first.headers["content-encoding"] == "gzip"
    again = pages.get("/prism/today", if_none_match=tag)
    assert (again.status, again.text) == (304, "")
    warehouse = PostgresWarehouse(ledger_url)
    warehouse.alerts.raise_alert(Alert("news", "critical", "A sentence that was not there before."))
    eventually(lambda: pages.get("/prism/today", if_none_match=tag).status != 304)
    answer = pages.get("/prism/today")
    assert "A sentence that was not there before." in answer.text
    warehouse.alerts.resolve_alert("news")
    warehouse.close()


def test_a_fault_is_reported_in_plain_language(pages: Any) -> None:
    answer = pages.get("/prism/today?session=yesterday", accept="text/html")
    assert answer.status == 400
    assert "<h1>session &#39;yesterday&#39; is not a date</h1>" in answer.text
    assert "Write it as YYYY-MM-DD." in answer.text
    answer = pages.get("/prism/today?session=yesterday", accept="application/json")
    assert answer.text.startswith('{"detail":"session')


@pytest.mark.parametrize("page", ["today", "image", "record", "data", "models", "lineage"])
def test_without_a_warehouse_the_page_says_so_and_is_back_with_it(
    pages: Any, page: str, ledger_url: str, tmp_path: Path
) -> None:
    assert pages.get(f"/prism/{page}", accept="text/html").status == 200
    nowhere = "postgresql://prism:a-secret@127.0.0.1:9/prism"
    pages.show(nowhere, tmp_path, WAREHOUSE_READER_URL=nowhere)
    answer = pages.get(f"/prism/{page}", accept="text/html")
    assert answer.status == 503
    assert "<h1>the warehouse at 127.0.0.1:9/prism cannot be reached" in answer.text
    assert "a-secret" not in answer.text
    assert "Traceback" not in answer.text
    pages.show(ledger_url, tmp_path)
    assert pages.get(f"/prism/{page}", accept="text/html").status == 200


def test_a_tab_leads_to_the_session_of_its_run(pages: Any, ledger_template: Any) -> None:
    session = str(ledger_template[1].sessions[-30])
    pages.call("make_run", DAILY, "scheduled__1", session, {})
    answer = pages.get("/prism/dags/daily-hs300-direction-14/runs/scheduled__1")
    leads_to = f"/prism/today?session={session}&signal=hs300-direction-14"
    assert (answer.status, answer.headers["location"]) == (307, leads_to)
    for dag, address in (
        ("daily-hs300-direction-14", "today?signal=hs300-direction-14"),
        ("weekly-hs300-volatility-14", "models?signal=hs300-volatility-14"),
        ("history_backfill", "data"),
        ("housekeeping_weekly", "today"),
    ):
        assert pages.get(f"/prism/dags/{dag}").headers["location"] == f"/prism/{address}"
    conf = {"signal": "hs300-volatility-14", "session": session}
    pages.call("make_run", "model_decision", "page__1", session, conf)
    asked = pages.get("/prism/dags/model_decision/runs/page__1").headers["location"]
    assert asked == f"/prism/models?session={session}&signal=hs300-volatility-14"
    for path in ("daily-hs300-direction-14/runs/none", "another", "<script>"):
        assert pages.get(f"/prism/dags/{path}").status == 404


def test_the_ui_lists_every_page_and_two_tabs(pages: Any) -> None:
    views = pages.call("views")
    assert [view["destination"] for view in views] == [*["nav"] * 7, "dag", "dag_run"]
    assert all(not view["href"].startswith("/") for view in views)


@pytest.mark.parametrize("page", ["today", "image", "record", "data", "models", "lineage"])
def test_drawing_loads_no_library_of_the_workers(pages: Any, page: str) -> None:
    assert pages.get(f"/prism/{page}?lang=en").status == 200
    assert HEAVY.isdisjoint(pages.call("modules"))


def test_freshness_is_said_first(pages: Any, ledger_url: str, tmp_path: Path) -> None:
    text = pages.get("/prism/today").text
    assert "The sample data are a replay and end there" in text
    assert "<code>FACTORPRISM_FILES=path/to/folder make run</code>" in text
    assert "the replay holds no bar of that day" in text
    assert text.index("The sample data are a replay") < text.index("open alert")
    assert "示例数据是回放" in pages.get("/prism/today?lang=zh").text
    pages.show(ledger_url, tmp_path, SOURCE="files", FILES=str(tmp_path), UNIVERSE="hs300")
    text = pages.get("/prism/today?lang=en").text
    assert "sessions ago; bars are final through" in text
    assert "replay" not in text


@pytest.mark.parametrize("page", ["today", "data"])
def test_a_holiday_is_no_session_of_another_day(pages: Any, page: str) -> None:
    answer = pages.get(f"/prism/{page}?session=2024-10-03", accept="text/html")
    assert answer.status == 404
    assert "XSHG does not trade on 2024-10-03" in answer.text
    assert "The session before it is 2024-09-30." in answer.text


def test_a_session_without_a_row_says_which_there_are(pages: Any) -> None:
    answer = pages.get("/prism/today?session=2026-01-05", accept="text/html")
    assert answer.status == 404
    assert "the ledger has no row of 2026-01-05" in answer.text
    assert "the nearest: 2025-12-31" in answer.text


def test_the_contests_forecasts_are_shown_as_not_issued(pages: Any) -> None:
    text = pages.get("/prism/record").text
    title = "Not issued: the contest's walk-forward forecasts"
    assert text.index("Year by year") < text.index(title) < text.index("Walk-forward, year by year")
    assert "并非已发布：竞赛中的滚动前推预测" in pages.get("/prism/record?lang=zh").text


def test_the_record_says_which_forecasts_came_late(
    app: Any, postgres: Any, ledger_template: Any, ledger_url: str, tmp_path: Path
) -> None:
    template, line = ledger_template
    settled = np.flatnonzero(~np.isnan(line.values["p_up"][:-14]))[-2:]
    url = postgres.new_database(template)
    late = "UPDATE prism.forecasts SET due_at = created_at - %s::interval WHERE session = %s"
    with connect(url) as run:
        run("ALTER TABLE prism.forecasts DISABLE TRIGGER USER")
        for row, delay in zip(settled, ("100 minutes", "3 days"), strict=True):
            run(late, delay, line.sessions[row].astype(date))
    with closing(PostgresWarehouse(url)) as warehouse:  # so that no page drawn before is shown
        warehouse.alerts.raise_alert(
            Alert("task weekly hs300-direction-14", "warning", "it is slow")
        )
    app.show(url, tmp_path)
    text, chinese = app.get("/prism/record").text, app.get("/prism/record?lang=zh").text
    app.show(ledger_url, tmp_path)
    postgres.drop_database(url)
    assert "late by 1 h 40 min" in text
    assert "Issued late" in text
    assert re.search(r"1 of \d+.*1 made afterwards", text)
    assert "延迟 1 小时 40 分钟" in chinese
    assert "另有 1 次为事后补做" in chinese
