"""The configuration: defaults, refusals, and a token that never shows."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import date, datetime
from pathlib import Path

import pytest

from factorprism.core import calendar
from factorprism.core.config import (
    Config,
    describe_settings,
    drop_unknown,
    load_config,
    name_unknown,
)
from factorprism.core.errors import ConfigurationError
from factorprism.core.setting import allowed
from factorprism.sources import build_source


def test_without_settings_the_sample_source_and_its_universe_are_taken() -> None:
    config = load_config({})
    assert (config.source, config.universe_name) == ("sample", "hs300")
    assert config.universe.channels == ("000300.SH",)
    assert config.home.is_absolute()


def test_a_token_makes_tushare_the_source_and_four_channels_the_universe() -> None:
    config = load_config({"TUSHARE_TOKEN": "secret-token"})
    assert config.source == "tushare"
    assert config.universe.channels == ("000300.SH", "000905.SH", "399006.SZ", "000001.SH")


def test_a_folder_of_files_makes_them_the_source_unless_another_is_named(tmp_path: Path) -> None:
    environ = {"FACTORPRISM_HOME": str(tmp_path), "FACTORPRISM_FILES": "bars"}
    assert load_config(environ).source == "files"
    assert load_config(environ | {"TUSHARE_TOKEN": "secret-token"}).source == "files"
    assert load_config(environ | {"FACTORPRISM_SOURCE": "sample"}).source == "sample"
    assert load_config(environ).universe_name == "image4"


def test_the_universe_that_the_first_run_has_made_is_the_one_of_files_alone(tmp_path: Path) -> None:
    (tmp_path / "universes.toml").write_text('[files]\ntarget = "0700.HK"\n', "utf-8")
    environ = {"FACTORPRISM_HOME": str(tmp_path), "FACTORPRISM_FILES": "bars"}
    assert load_config(environ).universe.target == "0700.HK"
    assert load_config(environ | {"FACTORPRISM_SOURCE": "sample"}).universe_name == "hs300"
    assert load_config(environ | {"FACTORPRISM_UNIVERSE": "us"}).universe_name == "us"


def test_the_token_is_in_no_representation() -> None:
    assert "secret-token" not in repr(load_config({"TUSHARE_TOKEN": "secret-token"}))


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"FACTORPRISM_SOURCE": "yahoo"}, "FACTORPRISM_SOURCE"),
        ({"FACTORPRISM_SOURCE": "files"}, "folder"),
        ({"FACTORPRISM_SOURCE": "tushare"}, "token"),
        ({"FACTORPRISM_HORIZON": "two"}, "FACTORPRISM_HORIZON"),
        ({"FACTORPRISM_HORIZON": "0"}, "FACTORPRISM_HORIZON"),
        ({"FACTORPRISM_MISSING_RATIO_MAX": "7"}, "FACTORPRISM_MISSING_RATIO_MAX"),
        ({"FACTORPRISM_HORIZONS": "14"}, "FACTORPRISM_HORIZONS"),
        ({"FACTORPRISM_PUBLISHED_AT_XSHG": "7 pm"}, "PUBLISHED_AT_XSHG"),
        ({"FACTORPRISM_PUBLISHED_AT_XSHG": "14:30"}, "PUBLISHED_AT_XSHG"),
        ({"FACTORPRISM_PUBLISHED_AT_XNYS": "18:00+99"}, "PUBLISHED_AT_XNYS"),
        ({"FACTORPRISM_PUBLISHED_AT_XHKG": "15:30"}, "PUBLISHED_AT_XHKG"),
        ({"FACTORPRISM_PUBLISHED_AT_XTAE": "18:00"}, "PUBLISHED_AT_XTAE"),
        ({"FACTORPRISM_PUBLISHED_AT_NYSE": "18:00"}, "PUBLISHED_AT_NYSE"),
        ({"FACTORPRISM_PATIENCE_UNTIL": "24:00"}, "PATIENCE_UNTIL"),
        ({"FACTORPRISM_ASK_AGAIN_SECONDS": "0"}, "ASK_AGAIN_SECONDS"),
        ({"FACTORPRISM_PROMOTION_APPROVAL": "perhaps"}, "FACTORPRISM_PROMOTION_APPROVAL"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(environ: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named) as caught:
        load_config(environ)
    assert caught.value.remedy
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(("text", "asked"), [("true", True), ("False", False), ("", False)])
def test_a_person_is_asked_only_where_it_is_said(text: str, asked: bool) -> None:
    assert load_config({"FACTORPRISM_PROMOTION_APPROVAL": text}).promotion_approval is asked


def test_bars_are_final_at_the_hour_that_is_set() -> None:
    session = date(2025, 12, 31)
    usual = load_config({}).calendar_of("000300.SH")
    late = load_config({"FACTORPRISM_PUBLISHED_AT_XSHG": "09:30+1"}).calendar_of("000300.SH")
    assert usual.published_at(session) == datetime(2025, 12, 31, 11, 15)
    assert late.published_at(session) == datetime(2026, 1, 1, 1, 30)
    assert late.last_published(datetime(2026, 1, 1, 1, 29)) == date(2025, 12, 30)
    assert late.last_published(datetime(2026, 1, 1, 1, 30)) == session


def test_an_hour_of_one_exchange_leaves_those_of_others() -> None:
    config = load_config({"FACTORPRISM_PUBLISHED_AT_XHKG": "20:00"})
    session = date(2025, 12, 30)
    assert config.calendar_of("0700.HK").published_at(session) == datetime(2025, 12, 30, 12)
    assert config.calendar_of("^HSI").published_at(session) == datetime(2025, 12, 30, 12)
    assert config.calendar_of("7203.T").published_at(session) == datetime(2025, 12, 30, 8, 30)
    assert config.calendar_of("^GSPC").published_at(session) == datetime(2025, 12, 30, 23)


def test_the_hour_that_is_set_makes_no_years_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    config = load_config({"FACTORPRISM_PUBLISHED_AT_XSHG": "09:30+1"})
    session = date(2025, 12, 31)
    first = config.calendar_of("000300.SH").published_at(session)
    monkeypatch.delattr(calendar, "expected_sessions")
    monkeypatch.delattr(calendar, "_regular_closes")
    assert config.calendar_of("000300.SH").published_at(session) == first


def test_a_source_gives_nothing_before_the_hour_that_is_set() -> None:
    config = load_config({"FACTORPRISM_PUBLISHED_AT_XSHG": "21:00"})
    for clock, last in (((12, 59), date(2025, 12, 30)), ((13, 0), date(2025, 12, 31))):
        source = build_source(config, now=lambda clock=clock: datetime(2025, 12, 31, *clock))
        (pull,) = source.fetch_bars(["000300.SH"], date(2025, 12, 1), date(2025, 12, 31))
        assert pull.last == last


def test_an_own_universe_is_read_from_the_home(tmp_path: Path) -> None:
    (tmp_path / "universes.toml").write_text('[pair]\ntarget = "000905.SH"\n')
    config = load_config({"FACTORPRISM_HOME": str(tmp_path), "FACTORPRISM_UNIVERSE": "pair"})
    assert config.universe.channels == ("000905.SH",)


def test_an_unknown_universe_names_those_that_exist(tmp_path: Path) -> None:
    config = load_config({"FACTORPRISM_HOME": str(tmp_path), "FACTORPRISM_UNIVERSE": "mars"})
    with pytest.raises(ConfigurationError, match="mars") as caught:
        _ = config.universe
    assert "image4" in caught.value.remedy


@pytest.mark.parametrize(
    "text", ["[pair", "[pair]\n", "pair = 1\n", '[pair]\ntarget = "X.SH"\noverlays = ["X.SH"]\n']
)
def test_a_broken_universes_file_is_refused_with_its_form(tmp_path: Path, text: str) -> None:
    (tmp_path / "universes.toml").write_text(text)
    config = load_config({"FACTORPRISM_HOME": str(tmp_path)})
    with pytest.raises(ConfigurationError):
        _ = config.universe


def test_every_path_is_absolute_and_read_alike_in_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {
        "FACTORPRISM_HOME": "home",
        "FACTORPRISM_FILES": "../files",
        "FACTORPRISM_BACKUPS": "./kept",
        "FACTORPRISM_ARTEFACTS": "models of mine",
        "FACTORPRISM_SOURCE": "files",
    }
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    config = load_config(given)
    handed_on = config.paths()
    monkeypatch.chdir("/")
    again = load_config(given | handed_on)
    assert again == config
    assert again.files == tmp_path / "files"
    assert again.artefacts_url == (tmp_path / "here" / "models of mine").as_uri()
    # Whoever adds a setting that is a path hands it on, too.
    held = {name for name in Config.model_fields if isinstance(getattr(config, name), Path)}
    assert set(handed_on) == {f"FACTORPRISM_{name.upper()}" for name in held | {"artefacts"}}


@pytest.mark.parametrize("url", ["s3://bucket/models", "file:///srv/models", "memory://x"])
def test_an_artefact_store_that_is_a_url_stays_as_it_is(url: str) -> None:
    config = load_config({"FACTORPRISM_ARTEFACTS": url})
    assert config.artefacts_url == url
    assert load_config(config.paths()).artefacts_url == url


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("EPOCHS", "two", "a positive whole number"),
        ("ENSEMBLE_MEMBERS", "-1", "a whole number from 0"),
        ("NOVELTY_QUANTILE", "1", "between 0 and 1"),
        ("MISSING_RATIO_MAX", "nan", "a ratio from 0 to 1"),
        ("CONTEST_HOURS", "0", "a positive number of hours"),
        ("PROMOTION_MARGIN", "inf", "a number"),
        ("PROMOTION_APPROVAL", "perhaps", "true or false"),
        ("HISTORY_START", "1577836800", "a date as 2005-01-04"),
        ("SOURCE", "yahoo", "one of sample, files, tushare"),
        ("LOG_FORMAT", "xml", "one of text, json"),
        ("UI_URL", "ftp://pages", "an http or https address"),
    ],
)
def test_a_refusal_says_what_came_and_what_is_allowed(name: str, text: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_config({f"FACTORPRISM_{name}": text})
    assert caught.value.message == f"FACTORPRISM_{name} is {text!r}"
    assert caught.value.remedy == f"It must be {words}."
    assert caught.value.__cause__ is None


def test_every_setting_says_what_it_may_be_and_what_it_means() -> None:
    for name, field in Config.model_fields.items():
        assert field.description, name
        assert allowed(field) != "a text" or field.annotation is str, name


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("FACTORPRISM_THREAD", "FACTORPRISM_THREADS"),
        ("FACTORPRISM_EPOCH", "FACTORPRISM_EPOCHS"),
        ("FACTORPRISM_TUSHARE_TOKEN", "TUSHARE_TOKEN"),
        ("FACTORPRISM_ZZZ", ""),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(given: str, meant: str) -> None:
    environ = {given: "1", "FACTORPRISM_SEED": "3"}
    with pytest.raises(ConfigurationError, match=f"unknown setting {given}") as caught:
        load_config(environ)
    assert caught.value.remedy.startswith(f"Did you mean {meant}?" if meant else "All are listed")
    assert list(name_unknown(environ)) == [given]
    assert load_config(drop_unknown(environ)).seed == 3


def test_nothing_of_the_processs_own_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACTORPRISM_SEED", "77")
    monkeypatch.setenv("SEED", "78")
    assert load_config({}).seed == Config(home=Path("/")).seed == 14


def test_a_change_is_checked_and_an_unknown_one_refused() -> None:
    config = load_config({})
    assert config.with_changes(epochs=5).epochs == 5
    assert config.epochs == 30
    with pytest.raises(ConfigurationError, match="FACTORPRISM_EPOCHS is '0'"):
        config.with_changes(epochs=0)
    with pytest.raises(ConfigurationError, match="unknown setting 'epoch'"):
        config.with_changes(epoch=5)


@pytest.mark.parametrize("name", ["horizon", "lookback"])
def test_a_setting_that_belongs_to_a_signal_now_is_refused_with_its_new_path(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"FACTORPRISM_{name.upper()}") as caught:
        load_config({f"FACTORPRISM_{name.upper()}": "5"})
    assert f"{name} = " in caught.value.remedy
    assert "signals.toml" in caught.value.remedy


def test_every_setting_is_described_with_value_default_and_variable() -> None:
    environ = {
        "TUSHARE_TOKEN": "secret-token",
        "FACTORPRISM_WAREHOUSE_URL": "postgresql://prism:secret-word@localhost/prism",
        "FACTORPRISM_EPOCHS": "3",
        "FACTORPRISM_EPOCH": "4",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://collector/secret-path",
    }
    settings = {setting.variable: setting for setting in describe_settings(environ)}
    assert len(settings) == len(Config.model_fields)
    assert len({setting.group for setting in settings.values()}) == 8
    epochs = settings["FACTORPRISM_EPOCHS"]
    assert (epochs.value, epochs.default, epochs.is_set) == ("3", "30", True)
    # The default of one follows from another.
    universe = settings["FACTORPRISM_UNIVERSE"]
    assert (universe.value, universe.default, universe.is_set) == ("image4", "image4", False)
    for name in ("TUSHARE_TOKEN", "FACTORPRISM_WAREHOUSE_URL", "OTEL_EXPORTER_OTLP_ENDPOINT"):
        assert (settings[name].value, settings[name].is_set) == ("********", True)
        assert settings[name].default == ""
    assert "secret" not in str(settings).replace("secrets", "")


def test_every_setting_stands_in_the_docs() -> None:
    page = (Path(__file__).parents[3] / "docs" / "operations.md").read_text("utf-8")
    names = re.findall(r"`(\w+)`", page)
    for setting in describe_settings({}):
        short = setting.variable.removeprefix("FACTORPRISM")
        assert setting.variable in names or short in names, setting.variable


def test_what_is_not_set_is_not_handed_on() -> None:
    assert set(load_config({}).paths()) == {"FACTORPRISM_HOME"}


def test_reading_the_settings_stays_light() -> None:
    """Whoever parses DAG files often reads them, too."""
    heavy = ("pandas", "exchange_calendars", "sqlalchemy", "keras", "httpx")
    program = (
        "import sys; from factorprism.core.config import load_config; load_config({}); "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout == "[]\n"
