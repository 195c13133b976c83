"""Signals: those built in, those of the house, and what is refused in words."""

from __future__ import annotations

import multiprocessing
from datetime import date
from pathlib import Path

import pytest

from factorprism.core.config import Config, load_config
from factorprism.core.errors import ConfigurationError
from factorprism.core.signals import (
    SIGNALS_FILE,
    add_signal,
    find_signal,
    list_issued_signals,
    load_signals,
    retire_signal,
)


def write(home: Path, text: str) -> Config:
    (home / SIGNALS_FILE).write_text(text, "utf-8")
    return load_config({"FACTORPRISM_HOME": str(home), "FACTORPRISM_UNIVERSE": "hs300"})


def test_every_universe_has_its_signals_built_in(tmp_path: Path) -> None:
    (tmp_path / "universes.toml").write_text('[mine]\ntarget = "000905.SH"\n', "utf-8")
    signals = load_signals(write(tmp_path, ""))
    for universe in ("hs300", "image3", "image4", "us", "mine"):
        signal = signals[f"{universe}-direction-14"]
        assert (signal.universe.name, signal.target, signal.horizon) == (universe, "direction", 14)
        assert signal.lookback == 56


def test_the_default_signal_is_of_the_configured_universe(tmp_path: Path) -> None:
    config = load_config({"FACTORPRISM_HOME": str(tmp_path), "FACTORPRISM_UNIVERSE": "us"})
    assert find_signal(config).name == "us-direction-14"
    assert [signal.name for signal in list_issued_signals(config)] == ["us-direction-14"]
    assert (find_signal(config).symbol, find_signal(config).exchange) == ("^GSPC", "XNYS")


def test_a_universe_that_is_not_defined_is_named_by_every_list(tmp_path: Path) -> None:
    config = load_config({"FACTORPRISM_HOME": str(tmp_path), "FACTORPRISM_UNIVERSE": "hs3000"})
    for ask in (find_signal, list_issued_signals):
        with pytest.raises(ConfigurationError, match="universe 'hs3000' is not defined") as caught:
            ask(config)
        assert "hs300, image3" in caught.value.remedy


def test_the_house_adds_signals_and_each_has_dags_of_its_own(tmp_path: Path) -> None:
    config = write(
        tmp_path,
        '[near]\nuniverse = "image4"\ntarget = "direction"\nhorizon = 5\nlookback = 30\n'
        'model = "lenet5"\nnetworks = ["mlp"]\n',
    )
    default, near = list_issued_signals(config)
    assert default.name == "hs300-direction-14"
    assert (near.universe.name, near.horizon, near.lookback) == ("image4", 5, 30)
    assert (near.model, near.networks) == ("lenet5", ("mlp",))
    assert (near.daily_dag, near.weekly_dag) == ("daily-near", "weekly-near")


def test_what_a_signal_does_not_say_the_settings_do(tmp_path: Path) -> None:
    config = write(tmp_path, '[near]\nuniverse = "us"\ntarget = "direction"\n').with_changes(
        model="mlp", contest_networks="mlp, nin"
    )
    assert find_signal(config, "near").model == "mlp"
    assert find_signal(config).networks == ("mlp", "nin")


def test_a_built_in_signal_can_be_changed_and_retired(tmp_path: Path) -> None:
    text = "[hs300-direction-14]\nretired = 2026-01-05\n\n[us-direction-14]\nlookback = 28\n"
    config = write(tmp_path, text)
    assert find_signal(config).retired == date(2026, 1, 5)
    assert [signal.name for signal in list_issued_signals(config)] == ["us-direction-14"]
    assert find_signal(config, "us-direction-14").lookback == 28


def test_an_unknown_signal_is_refused_with_the_nearest_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="'hs300-direktion-14' is not defined") as caught:
        find_signal(write(tmp_path, ""), "hs300-direktion-14")
    assert "hs300-direction-14" in caught.value.remedy
    assert "factorprism signals list" in caught.value.remedy


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[a]\nuniverse = "hs300"\n', "'a' has no target"),
        ('[a]\ntarget = "direction"\n', "'a' has no universe"),
        ('[a]\nuniverse = "hs400"\ntarget = "direction"\n', "is 'hs400', known are hs300"),
        ('[a]\nuniverse = "hs300"\ntarget = "direction"\nhorizon = 0\n', "horizon of signal 'a'"),
        ('[a]\nuniverse = "hs300"\ntarget = "direction"\nhorizon = true\n', "is True"),
        ('[a]\nuniverse = "hs300"\ntarget = "direction"\nhorizon = "5"\n', "is '5'"),
        ('[a]\nuniverse = "hs300"\ntarget = "direction"\nhorizons = 5\n', "'horizon' meant"),
        ('[a]\nuniverse = "hs300"\ntarget = "direction"\nnetworks = [1]\n', "no list of names"),
        ('["a b"]\nuniverse = "hs300"\ntarget = "direction"\n', "cannot be used"),
        ('a = "hs300"\n', "'a' is 'hs300' and no table"),
        ("[a", "it cannot be read"),
    ],
)
def test_a_file_that_defines_none_is_refused_in_words(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_signals(write(tmp_path, text))
    assert said in caught.value.message
    assert caught.value.remedy


def test_a_signal_is_added_behind_what_stands_in_the_file(tmp_path: Path) -> None:
    config = write(tmp_path, '# mine\n[near]\nuniverse = "us"\ntarget = "direction"\n')
    added = add_signal(config, "far", universe="image4", target="direction", horizon=20)
    assert (added.universe.name, added.horizon) == ("image4", 20)
    assert add_signal(config, "us-direction-14").exchange == "XNYS"
    assert (tmp_path / SIGNALS_FILE).read_text("utf-8").startswith("# mine\n[near]\n")
    names = [signal.name for signal in list_issued_signals(config)]
    assert names == ["hs300-direction-14", "near", "far", "us-direction-14"]


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("near", {"universe": "us", "target": "direction"}, "already"),
        ("a b", {"universe": "us", "target": "direction"}, "cannot be used"),
        ("new", {"universe": "mars", "target": "direction"}, "known are"),
        ("new", {"universe": "us"}, "has no target"),
        ("new", {"universe": "us", "target": "direction", "horizon": 0}, "the horizon of"),
    ],
)
def test_a_signal_that_cannot_be_added_leaves_the_file_as_it_was(
    tmp_path: Path, name: str, values: dict[str, object], said: str
) -> None:
    text = '[near]\nuniverse = "us"\ntarget = "direction"\n'
    config = write(tmp_path, text)
    with pytest.raises(ConfigurationError) as caught:
        add_signal(config, name, **values)
    assert said in caught.value.message
    assert (tmp_path / SIGNALS_FILE).read_text("utf-8") == text


@pytest.mark.parametrize("name", ["near", "hs300-direction-14"])
def test_a_signal_is_retired_once(tmp_path: Path, name: str) -> None:
    config = write(tmp_path, '[near]\nuniverse = "us"\ntarget = "direction"\n')
    assert retire_signal(config, name, date(2026, 1, 5)).retired == date(2026, 1, 5)
    assert name not in [signal.name for signal in list_issued_signals(config)]
    assert find_signal(config, "near").universe.name == "us"
    with pytest.raises(ConfigurationError, match="retired since 2026-01-05"):
        retire_signal(config, name, date(2026, 1, 6))


@pytest.mark.parametrize("header", ["[near]", "[ 'near' ]  # ours", '["near"]'])
def test_a_signal_is_retired_however_its_table_begins(tmp_path: Path, header: str) -> None:
    config = write(tmp_path, f'{header}\nuniverse = "us"\ntarget = "direction"\n')
    assert retire_signal(config, "near", date(2026, 1, 5)).retired == date(2026, 1, 5)
    assert find_signal(config, "near").retired == date(2026, 1, 5)


def test_a_table_without_a_line_of_its_own_is_not_retired_in_silence(tmp_path: Path) -> None:
    text = 'near = { universe = "us", target = "direction" }\n'
    config = write(tmp_path, text)
    with pytest.raises(ConfigurationError, match="'near' has no line") as caught:
        retire_signal(config, "near", date(2026, 1, 5))
    assert "retired = 2026-01-05" in caught.value.remedy
    assert (tmp_path / SIGNALS_FILE).read_text("utf-8") == text


def configure(home: Path) -> Config:
    return load_config({"FACTORPRISM_HOME": str(home), "FACTORPRISM_UNIVERSE": "hs300"})


def _add(home: Path, n: int) -> None:
    add_signal(configure(home), f"s{n}", universe="us", target="direction")


def test_of_signals_that_are_added_at_the_same_time_none_is_lost(tmp_path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(8) as pool:
        pool.starmap(_add, [(tmp_path, n) for n in range(32)], chunksize=1)
    assert {f"s{n}" for n in range(32)} <= set(load_signals(configure(tmp_path)))


def test_a_file_of_signals_keeps_its_permissions(tmp_path: Path) -> None:
    config = write(tmp_path, "")
    (tmp_path / SIGNALS_FILE).chmod(0o600)
    add_signal(config, "near", universe="us", target="direction")
    retire_signal(config, "near", date(2026, 1, 5))
    assert (tmp_path / SIGNALS_FILE).stat().st_mode & 0o777 == 0o600
