"""What a keeper reports, and how it tells whether a server lives."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from factorprism.services import EmbeddedPostgres, _kept, _reporter
from factorprism.services._kept import STEADY_SECONDS, Server, Wait
from factorprism.services._reporter import REPORTED_MAX, Reporter
from still_clock import StillClock
from waiting import eventually


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_reporter, "GATHER_SECONDS", 0.0)


def tell_all(reporter: Reporter, *, all_run: bool = True) -> None:
    """Tell what there is, and wait until the last report has ended."""
    reporter.tell(os.environ, all_run=all_run)
    eventually(lambda: not reporter._is_busy())


def test_more_ends_than_one_command_can_hold_are_reported_by_the_newest(tmp_path: Path) -> None:
    reported = tmp_path / "reported"
    command = [sys.executable, "-c", f"import sys; open({str(reported)!r}, 'a').write(sys.argv[2])"]
    reporter = Reporter(command)
    for number in range(3000):
        reporter.note(f"Airflow's scheduler ended with 1, for the {number}th time")
    tell_all(reporter)
    assert reported.read_text().endswith("for the 2999th time")
    assert reported.read_text().startswith(f"{3000 - REPORTED_MAX} more before, see keeper.log; ")


def test_what_could_not_be_reported_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_reporter, "RETRY_SECONDS", 0.0)
    program, reported = tmp_path / "report", tmp_path / "reported"
    reporter = Reporter([str(program)])
    reporter.note("one has ended")
    tell_all(reporter)  # there is no such program yet
    program.write_text(f'#!/bin/sh\nprintf %s "$2" > {reported}\n')
    program.chmod(0o700)
    reporter.note("two has ended")
    tell_all(reporter)
    assert reported.read_text() == "one has ended; two has ended"


def test_what_comes_of_an_end_is_reported_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_reporter, "GATHER_SECONDS", 0.2)
    reported = tmp_path / "reported"
    command = [sys.executable, "-c", f"import sys; open({str(reported)!r}, 'a').write(sys.argv[2])"]
    reporter = Reporter(command)
    reporter.note("one has ended")
    tell_all(reporter)
    reporter.note("its port is held")
    assert not reported.exists()
    time.sleep(0.25)
    tell_all(reporter)
    assert reported.read_text() == "one has ended; its port is held"


def test_the_alert_is_not_closed_while_one_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_reporter, "QUIET_SECONDS", 0.05)
    reported = tmp_path / "reported"
    command = [sys.executable, "-c", f"import sys; open({str(reported)!r}, 'a').write(sys.argv[1])"]
    reporter = Reporter(command)
    time.sleep(0.1)
    tell_all(reporter, all_run=False)
    assert not reported.exists()
    time.sleep(0.1)
    tell_all(reporter)
    assert reported.read_text() == "resolve"


def test_what_ends_at_once_is_tried_less_and_less_often_until_it_lives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, wait = StillClock(), Wait()
    monkeypatch.setattr(_kept, "time", clock)

    def length(lived_seconds: float) -> float:
        wait.begin(lived_seconds)
        begun = clock.seconds
        while not wait.is_over():
            clock.sleep(0.5)
        return clock.seconds - begun

    assert [length(0.1) for _ in range(7)] == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert [length(STEADY_SECONDS), length(0.1)] == [1.0, 2.0]


@dataclass(frozen=True)
class EndsAtOnce(EmbeddedPostgres):
    """A server that comes up and is gone before anybody can look at it."""

    @property
    def data_folder(self) -> Path:
        return self.home

    def exists(self) -> bool:
        return True

    def start(self, tell: Callable[[str], None] = print) -> None:
        pass

    def pid(self) -> int | None:
        return None

    def url(self, database: str = "prism") -> str:
        return f"postgresql://prism:secret@127.0.0.1:1/{database}"


def test_a_server_that_ended_at_once_is_not_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not Server(EndsAtOnce(tmp_path)).is_up()
    assert "PostgreSQL cannot be started: it has ended at once" in capsys.readouterr().out


def test_a_server_whose_data_are_gone_is_not_made_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "postgres"
    folder.mkdir()
    (folder / "port").write_text("1\n")
    (folder / "password").write_text("secret\n")
    server = Server(EmbeddedPostgres(tmp_path))
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    assert not server.is_up()
    assert "PostgreSQL cannot be started: the data folder of " in capsys.readouterr().out
    assert not folder.exists()
