"""What a person reads: title, reason, advice, moments and the link; in two languages, no secret."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest

from factorprism.alerts import Wording, build_wording, compose_message, page_url
from factorprism.alerts.messages import compose_digest
from factorprism.cli.ledger import read_head
from factorprism.core.alerts import Alert, TrackedAlert
from factorprism.core.config import Config, load_config
from factorprism.core.errors import ConfigurationError
from factorprism.core.ledger import Head

SESSION = date(2025, 12, 31)
FAULT = TrackedAlert(
    Alert("daily hs300", "critical", "000300.SH: forecast withheld: close above high", SESSION),
    occurrence=1,
    raised_at=datetime(2025, 12, 31, 10, 35),
)
ENDED = replace(FAULT, resolved_at=datetime(2025, 12, 31, 11, 5), recovery="it is issued again")
UI = "https://airflow.example/prefix/"
PAGE = "https://airflow.example/prefix/plugin/prism-today/prefix/prism/today?session=2025-12-31"


def test_a_fault_is_reported_with_reason_advice_moment_and_link() -> None:
    message = compose_message(FAULT, Wording(ui_url=UI))
    assert message.title == "factorprism 2025-12-31: No forecast for hs300"
    assert message.body == (
        "000300.SH: forecast withheld: close above high\n"
        "Remove the cause and run the session again: the issued row follows the withheld one.\n"
        "\n"
        "Session: 2025-12-31\n"
        "Since: 2025-12-31 10:35 UTC\n"
        f"Page: {PAGE}"
    )
    assert not message.recovered


def test_an_end_is_reported_with_the_fault_that_it_ends() -> None:
    message = compose_message(ENDED, Wording())
    assert message.title == "factorprism 2025-12-31: hs300 has a forecast again"
    assert message.body == (
        "it is issued again\n"
        "It was: 000300.SH: forecast withheld: close above high\n"
        "\n"
        "Session: 2025-12-31\n"
        "Since: 2025-12-31 10:35 UTC\n"
        "Until: 2025-12-31 11:05 UTC"
    )
    assert message.recovered


def test_in_chinese_the_reason_stays_as_the_pipeline_wrote_it() -> None:
    message = compose_message(FAULT, Wording("zh", UI))
    assert message.title == "factorprism 2025-12-31: hs300 没有预测"
    lines = message.body.splitlines()
    assert lines[0] == FAULT.alert.sentence
    assert "重新运行" in lines[1]
    assert lines[3:5] == ["交易日: 2025-12-31", "始于: 2025-12-31 10:35 UTC"]
    assert compose_message(ENDED, Wording("zh")).title.endswith("hs300 已恢复预测")


def test_an_alert_without_session_says_none() -> None:
    entry = replace(FAULT, alert=replace(FAULT.alert, session=None))
    message = compose_message(entry, Wording(ui_url=UI))
    assert message.title == "factorprism: No forecast for hs300"
    assert message.body.endswith(page_url(UI, "today", None))


def test_a_message_holds_no_secret() -> None:
    config = Config(
        home=Path(),
        tushare_token="tok-5e0c",
        source="tushare",
        alerts_url="operators=json://u:word@hook.example/abc",
    )
    said = "tok-5e0c refused at postgresql://prism:pass@db.example/prism by json://u:word@h/"
    said += ", not by json://u:word@hook.example/abc"
    entry = replace(FAULT, alert=replace(FAULT.alert, sentence=said))
    body = compose_message(entry, build_wording(config)).body
    hidden = "*** refused at postgresql://***@db.example/prism by json://***@h/, not by ***\n"
    assert body.startswith(hidden)
    assert "word" not in repr(build_wording(config))


def test_a_digest_lists_what_is_new_what_has_ended_and_what_is_still_open() -> None:
    new = replace(FAULT, alert=Alert("drift hs300", "warning", "3 of 16 factors", SESSION))
    event = replace(ENDED, alert=Alert("promotion hs300 x", "info", "x follows y", SESSION))
    old = Alert("champion hs300", "warning", "260 sessions", SESSION)
    message = compose_digest([new, ENDED, event], [old], "hs300", SESSION, Wording(ui_url=UI))
    assert message.title == "factorprism 2025-12-31: digest of hs300"
    assert message.body == (
        "New:\n"
        "- The factors of hs300 have drifted: 3 of 16 factors\n"
        "- A model became champion: hs300 x: x follows y\n"
        "\n"
        "Ended:\n"
        "- hs300 has a forecast again: it is issued again\n"
        "\n"
        "Still open:\n"
        "- The champion of hs300 is old: 260 sessions\n"
        "\n"
        f"Page: {PAGE}"
    )


@pytest.mark.parametrize(
    ("language", "title"),
    [("en", "Last row of each ledger, to be kept:"), ("zh", "各账本的最后一行（请留存）:")],
)
def test_a_digest_carries_the_head_of_each_chain_in_a_line_that_can_be_held_against(
    language: str, title: str
) -> None:
    heads = [Head("hs300-direction-14", 12, "a" * 64), Head("us-direction-14", 3, "b" * 64)]
    wording = Wording(language)
    message = compose_digest([FAULT], [], "hs300", SESSION, wording, heads)
    assert message.body.split("\n\n")[-1].splitlines() == [title, *(f"- {head}" for head in heads)]
    assert [read_head(str(head)) for head in heads] == heads
    assert title not in compose_digest([FAULT], [], "hs300", SESSION, wording).body


def test_the_pages_are_where_the_settings_or_airflow_say() -> None:
    assert page_url("", "today", SESSION) == ""
    assert page_url("http://a:8080", "data", None) == "http://a:8080/plugin/prism-data/prism/data"
    airflow = {"AIRFLOW__API__BASE_URL": "http://airflow:8080"}
    assert load_config(airflow).ui_url == "http://airflow:8080"
    ours = {**airflow, "FACTORPRISM_UI_URL": "https://prism.example"}
    assert load_config(ours).ui_url == "https://prism.example"
    assert load_config({"AIRFLOW__API__BASE_URL": "/"}).ui_url == ""


@pytest.mark.parametrize(("name", "value"), [("LANGUAGE", "de"), ("UI_URL", "javascript:x")])
def test_other_languages_and_addresses_are_refused(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"FACTORPRISM_{name}"):
        load_config({f"FACTORPRISM_{name}": value})
