"""The one list of checks: each once, asked by whom, about what, and what each says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from factorprism.core.alerts import Alert
from factorprism.core.calendar import calendar_for
from factorprism.core.config import Config, load_config
from factorprism.core.errors import ServiceError, SourceError
from factorprism.core.roles import Login
from factorprism.core.signals import find_signal
from factorprism.health import (
    CHECKS,
    DOCTOR,
    HEALTHCHECK,
    WATCH,
    Check,
    CheckResult,
    Level,
    Scope,
    Subject,
    ask,
    ask_at_once,
    list_checks,
    list_questions,
)
from factorprism.health.data import check_bars, check_calendar, check_source
from factorprism.health.machine import check_artefact_disk, check_home_disk
from factorprism.health.records import check_alerts, check_role
from factorprism.sources import FilesSource

ROWS = """date,open,high,low,close,volume,amount
2020-01-02,4000,4010,3990,4005,10000000000,170000000000
"""


def make_subject(config: Config, **ports: Any) -> Subject:
    """A subject whose ports are those given; whatever else is asked for fails."""

    def refuse(*_: object) -> Any:
        raise AssertionError

    return Subject(
        config=config,
        ports=SimpleNamespace(**ports),  # type: ignore[arg-type]
        now=datetime(2025, 12, 31, 12),
        session=date(2025, 12, 31),
        signal=find_signal(config),
        exchange="XSHG",
        load_images=refuse,
        verify_model=refuse,
    )


@pytest.mark.parametrize(("universe", "whole"), [("hs300", True), ("image4", False)])
def test_a_source_that_lacks_an_instrument_of_the_universe_is_not_well(
    tmp_path: Path, universe: str, whole: bool
) -> None:
    (tmp_path / "000300.SH.csv").write_text(ROWS)
    config = load_config({"FACTORPRISM_HOME": str(tmp_path), "FACTORPRISM_UNIVERSE": universe})
    subject = make_subject(config, source=FilesSource(tmp_path))
    if whole:
        (found,) = check_source("source", subject)
        assert found.sentence.endswith("latest session 2020-01-02")
        return
    with pytest.raises(SourceError, match=r"no file of 000905\.SH") as caught:
        list(check_source("source", subject))
    assert "FACTORPRISM_UNIVERSE" in caught.value.remedy


@pytest.mark.parametrize(
    ("login", "level", "said"),
    [
        (Login("prism_writer", False, False), Level.WELL, "runs write as prism_writer"),
        (Login("alone", False, True), Level.NOTE, "as alone, the owner of the schema, to whom"),
        (Login("postgres", True, True), Level.NOTE, "as postgres, a superuser, to whom"),
    ],
)
def test_runs_that_write_as_a_superuser_or_the_owner_are_a_warning(
    login: Login, level: Level, said: str
) -> None:
    warehouse = SimpleNamespace(read_login=lambda: login)
    (found,) = check_role("role", make_subject(load_config({}), warehouse=warehouse))
    assert found.level is level
    assert said in found.sentence
    assert ("docs/deployment.md#roles" in found.remedy) == (level is Level.NOTE)


def answers(*levels: Level) -> Any:
    """A check's question that is answered by results of `levels`, one after another."""

    def answer(name: str, subject: Subject) -> Iterator[CheckResult]:
        for level in levels:
            yield CheckResult(name, "said", level=level)

    return answer


def test_each_check_stands_once_and_is_asked_by_somebody() -> None:
    names = [check.name for check in CHECKS]
    assert len(set(names)) == len(names)
    assert len({check.ask for check in CHECKS}) == len(CHECKS)
    askers = {asker for check in CHECKS for asker in check.asked_by}
    assert askers == {DOCTOR, HEALTHCHECK, WATCH}
    assert all(check.asked_by for check in CHECKS)


def test_the_first_check_of_the_warehouse_asks_whether_it_answers() -> None:
    for asker in (DOCTOR, HEALTHCHECK):
        in_room = [check for check in list_checks(asker) if check.room == "warehouse"]
        assert in_room[0].name == "warehouse"


def test_what_a_watchdog_asks_needs_neither_network_nor_vendor() -> None:
    """It has seconds: no bundle is read, no backend loaded, no source asked."""
    asked = {check.name for check in list_checks(HEALTHCHECK)}
    assert not asked & {"device", "source", "files", "drift"}


def test_a_check_is_asked_once_for_each_thing_in_its_scope() -> None:
    config = load_config({})
    first = find_signal(config)
    signals = [first, replace(first, name="another"), find_signal(config, "us-direction-14")]
    checks = [Check(scope.value, answers(Level.WELL), (DOCTOR,), "room", scope) for scope in Scope]
    questions = list_questions(checks, make_subject(config), signals)
    named = [question.name for question in questions]
    assert named[0] == "deployment"
    assert named.count("universe hs300") == 1
    assert {name for name in named if name.startswith("universe")} == {
        f"universe {signal.universe.name}" for signal in signals
    }
    assert [name for name in named if name.startswith("signal")] == [
        f"signal {signal.name}" for signal in signals
    ]
    exchanges = [question for question in questions if question.check.scope is Scope.EXCHANGE]
    assert [question.subject.exchange for question in exchanges][:1] == ["XSHG"]
    assert len({question.name for question in questions}) == len(questions)


def test_where_the_first_of_a_room_is_at_fault_the_others_are_not_asked() -> None:
    def room_of(*first: Level) -> list[Check]:
        return [
            Check("first", answers(*first), (DOCTOR,), "a"),
            Check("second", answers(Level.WELL), (DOCTOR,), "a"),
            Check("apart", answers(Level.WELL), (DOCTOR,), "b"),
        ]

    subject = make_subject(load_config({}))
    for first, asked in (
        ((Level.NOTE,), ["first", "second", "apart"]),
        ((Level.WELL, Level.FAULT), ["first", "first", "apart"]),
    ):
        questions = list_questions(room_of(*first), subject, [])
        assert [result.name for result in ask(questions)] == asked
        assert [result.name for result in ask_at_once(questions)] == asked


def test_a_check_that_breaks_is_a_fault_with_a_remedy_and_the_next_is_asked() -> None:
    def refuse(name: str, subject: Subject) -> Iterator[CheckResult]:
        yield CheckResult(name, "said")
        raise ServiceError("it is down", remedy="Start it.")

    def break_down(name: str, subject: Subject) -> Iterator[CheckResult]:
        raise KeyError("lost")

    checks = [
        Check("gate", answers(Level.WELL), (DOCTOR,), "a"),
        Check("refuses", refuse, (DOCTOR,), "a"),
        Check("breaks", break_down, (DOCTOR,), "a"),
        Check("last", answers(Level.WELL), (DOCTOR,), "a"),
    ]
    found = list(ask(list_questions(checks, make_subject(load_config({})), [])))
    assert [result.name for result in found] == ["gate", "refuses", "refuses", "breaks", "last"]
    assert (found[2].sentence, found[2].remedy) == ("it is down", "Start it.")
    assert found[3].sentence == "KeyError: 'lost'"
    assert [result.well for result in found] == [True, True, False, False, True]


@pytest.mark.parametrize(
    ("severities", "level", "sentence"),
    [
        ([], Level.WELL, "none is critical, 0 open"),
        (["info"], Level.WELL, "none is critical, 1 open"),
        (["info", "warning"], Level.NOTE, "none is critical, 2 open"),
        (["warning", "critical"], Level.FAULT, "1 critical of 2 open, the first: critical is open"),
    ],
)
def test_an_open_alert_matters_to_everybody_as_much_as_it_was_raised(
    severities: list[str], level: Level, sentence: str
) -> None:
    alerts = [Alert(f"key {word}", word, f"{word} is open.\nFix it.") for word in severities]
    store = SimpleNamespace(list_open_alerts=lambda: alerts)
    subject = make_subject(load_config({}), warehouse=SimpleNamespace(alerts=store))
    (found,) = check_alerts("alerts", subject)
    assert (found.level, found.sentence) == (level, sentence)
    assert bool(found.remedy) == (level is not Level.WELL)


def test_the_page_on_alerts_lists_every_check_with_its_askers(repository_root: Path) -> None:
    page = (repository_root / "docs" / "alerts.md").read_text("utf-8")
    section = page.split("## Checks", 1)[1].split("\n## ", 1)[0]
    listed = re.findall(r"^\| `([a-z ]+)` \| .* \| ([a-z, ]+) \|$", section, re.MULTILINE)
    assert listed == [(check.name, ", ".join(check.asked_by)) for check in CHECKS]


def test_the_remedy_of_absent_bars_loads_those_of_the_signal_asked_about() -> None:
    config = load_config({"FACTORPRISM_UNIVERSE": "hs300"})
    bars = SimpleNamespace(load_extent=lambda symbol: None)
    subject = make_subject(config, warehouse=SimpleNamespace(bars=bars))
    subject = replace(subject, signal=find_signal(config, "us-volatility-14"))
    (found,) = check_bars("bars us", subject)
    assert found.sentence == "none of ^GSPC, ^IXIC"
    assert found.remedy == "Load them: factorprism backfill --signal us-volatility-14."


def test_the_calendar_is_noted_below_thirty_sessions_and_later_ends_are_expected() -> None:
    calendar = calendar_for("XSHG")
    for ahead, level in ((30, Level.WELL), (29, Level.NOTE)):
        session = calendar.offset(calendar.last, -ahead)
        subject = replace(make_subject(load_config({})), session=session)
        (found,) = check_calendar("calendar XSHG", subject)
        assert (found.level, found.key) == (level, "horizon XSHG")
        assert f"{ahead} sessions ahead" in found.sentence
        assert ("ends of horizons are expected" in found.sentence) == (level is Level.NOTE)


@pytest.mark.parametrize(("free", "level"), [(2_000_000_000, Level.WELL), (1, Level.FAULT)])
def test_a_disk_without_room_is_a_fault_of_the_folder_that_is_or_will_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, level: Level
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=free))
    config = load_config({"FACTORPRISM_HOME": str(tmp_path / "home")})
    subject = make_subject(config)
    (home,) = check_home_disk("disk home", subject)
    (artefacts,) = check_artefact_disk("disk artefacts", subject)
    assert (home.level, artefacts.level) == (level, level)
    assert home.sentence.endswith(f"free under {tmp_path / 'home'}")
    assert home.key.endswith(" home")
    assert artefacts.key.endswith(" artefacts")
    assert not (tmp_path / "home").exists()
    elsewhere = make_subject(config.with_changes(artefacts="s3://prism/artefacts"))
    assert list(check_artefact_disk("disk artefacts", elsewhere)) == []
