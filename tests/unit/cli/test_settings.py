"""The list of settings, and what the examination says of a variable that no setting has."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from factorprism.cli.main import app
from factorprism.core.config import Config
from factorprism.health import CheckResult, Level
from factorprism.health.machine import check_settings

UNKNOWN = {"FACTORPRISM_EPOCH": "3"}


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    for name in ("FACTORPRISM_EPOCHS", "FACTORPRISM_SOURCE"):
        monkeypatch.delenv(name, raising=False)
    return CliRunner()


def test_json_holds_every_setting_and_no_secret(ask: CliRunner) -> None:
    given = {"TUSHARE_TOKEN": "word", "FACTORPRISM_EPOCHS": "3", "FACTORPRISM_LANGUAGE": "zh"}
    done = ask.invoke(app, ["config", "--format", "json"], env=given)
    assert done.exit_code == 0
    settings = {row["variable"]: row for row in json.loads(done.stdout)}
    assert len(settings) == len(Config.model_fields)
    assert settings["FACTORPRISM_EPOCHS"]["value"] == "3"
    assert settings["FACTORPRISM_EPOCHS"]["default"] == "30"
    assert settings["TUSHARE_TOKEN"]["value"] == "********"
    assert "word" not in done.stdout


@pytest.mark.parametrize(("width", "meanings"), [("80", False), ("160", True)])
def test_the_table_names_every_variable_whole(ask: CliRunner, width: str, meanings: bool) -> None:
    done = ask.invoke(app, ["config"], env={"COLUMNS": width})
    assert done.exit_code == 0
    for name in ("FACTORPRISM_TUSHARE_CALLS_PER_MINUTE", "FACTORPRISM_CHAMPION_MAX_AGE_SESSIONS"):
        assert f"\n{name} " in done.stdout
    assert ("meaning" in done.stdout) is meanings
    assert all(len(line) <= int(width) for line in done.stdout.splitlines())


def test_an_unknown_variable_is_reported_and_keeps_nothing_from_being_printed(
    ask: CliRunner,
) -> None:
    done = ask.invoke(app, ["config", "--format", "json"], env=UNKNOWN)
    assert done.exit_code == 0
    assert "unknown setting FACTORPRISM_EPOCH. Did you mean FACTORPRISM_EPOCHS?" in done.stderr
    assert json.loads(done.stdout)


def test_a_value_that_is_not_allowed_is_refused_in_two_lines(ask: CliRunner) -> None:
    done = ask.invoke(app, ["config"], env={"FACTORPRISM_EPOCHS": "many"})
    assert (
        str(done.exception) == "FACTORPRISM_EPOCHS is 'many'\nIt must be a positive whole number."
    )


def examine_settings(environ: dict[str, str]) -> list[CheckResult]:
    subject: Any = SimpleNamespace(environ=environ)
    return list(check_settings("settings", subject))


def test_the_examination_names_what_was_meant() -> None:
    (result,) = examine_settings(UNKNOWN)
    assert (result.level, result.sentence) == (Level.FAULT, "unknown setting FACTORPRISM_EPOCH")
    assert result.remedy.startswith("Did you mean FACTORPRISM_EPOCHS?")
    assert [one.level for one in examine_settings({"FACTORPRISM_EPOCHS": "3"})] == [Level.WELL]
