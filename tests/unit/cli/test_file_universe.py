"""The first run of a folder of files: one symbol is forecast, of several one is asked for."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from factorprism.cli.file_universe import settle_universe
from factorprism.core.config import load_config
from factorprism.core.errors import FactorPrismError
from factorprism.core.signals import find_signal, list_issued_signals
from factorprism.core.universe import UNIVERSES_FILE
from factorprism.sources import build_source

GOOD = "date,open,high,low,close,volume,amount\n2020-01-02,14,16,13,15,100,1500\n"
IMAGE4 = ("000300.SH", "000905.SH", "399006.SZ", "000001.SH")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bars").mkdir()
    return tmp_path / "bars"


@pytest.fixture
def environ(tmp_path: Path, folder: Path) -> dict[str, str]:
    return {"FACTORPRISM_HOME": str(tmp_path / "home"), "FACTORPRISM_FILES": str(folder)}


@pytest.fixture
def universes(tmp_path: Path) -> Path:
    """Where the home keeps its own universes."""
    return tmp_path / "home" / UNIVERSES_FILE


def put(folder: Path, *names: str, text: str = GOOD) -> None:
    for name in names:
        (folder / name).write_text(text, "utf-8")


def refusal(environ: dict[str, str], target: str = "", exchange: str = "") -> str:
    with pytest.raises(FactorPrismError) as caught:
        settle_universe(environ, target, exchange)
    assert not Path(environ["FACTORPRISM_HOME"]).exists()
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "exchange", "symbol"),
    [
        ("000300.SH.csv", "", "000300.SH"),
        ("sh600519.csv", "", "600519.SH"),
        ("^GSPC.csv", "", "^GSPC"),
        ("HK.00700.csv", "", "0700.HK"),
        ("AAPL.US.csv", "NASDAQ", "AAPL.US"),
        ("aapl.csv", "XNYS", "AAPL.US"),
        ("^FOO.csv", "XHKG", "^FOO.XHKG"),
        ("SAP.csv", "FWB", "SAP.XFRA"),
    ],
)
def test_the_only_file_makes_the_universe_and_a_second_run_changes_nothing(
    environ: dict[str, str], folder: Path, universes: Path, name: str, exchange: str, symbol: str
) -> None:
    put(folder, name)
    settle_universe(environ, exchange=exchange)
    config = load_config(environ)
    signal = find_signal(config)
    assert (config.source, config.universe.channels) == ("files", (symbol,))
    assert (signal.name, signal.symbol) == ("files-direction-14", symbol)
    assert list_issued_signals(config)[0] == signal
    assert build_source(config).first_session(symbol) == date(2020, 1, 2)
    held = universes.read_bytes()
    put(folder, "000905.SH.csv")  # what comes later changes nothing either
    settle_universe(environ)
    settle_universe(environ, symbol)
    assert universes.read_bytes() == held


def test_of_several_files_one_is_asked_for_in_one_line(
    environ: dict[str, str], folder: Path
) -> None:
    put(folder, "000905.SH.csv", "AAPL.csv", "notes.csv")
    said = refusal(environ)
    assert said.endswith(
        "has files of 3 symbols: 000905.SH, AAPL, notes; choose one: --target 000905.SH"
    )
    assert "\n" not in said
    assert "--exchange" in refusal(environ, "AAPL")
    assert "no file of MSFT, but of 000905.SH, AAPL, notes" in refusal(environ, "MSFT")
    settle_universe(environ, "AAPL", "XNYS")
    assert load_config(environ).universe.target == "AAPL.US"


def test_of_hundreds_of_files_a_few_are_named(environ: dict[str, str], folder: Path) -> None:
    put(folder, *(f"{number}.SH.csv" for number in range(600000, 600300)))
    said = refusal(environ)
    assert "files of 300 symbols: 600000.SH, " in said
    assert "600007.SH and 292 more; choose one" in said


@pytest.mark.parametrize(
    ("name", "exchange", "said"),
    [
        ("AAPL.csv", "", "AAPL.csv does not say where AAPL trades; say it: --exchange XNYS"),
        ("000300.csv", "XSHG", "000300.csv is no code of an instrument on XSHG"),
        ("my notes.csv", "XNYS", "my notes.csv is no code of an instrument on XNYS"),
        ("AAPL.csv", "MARS", "no trading calendar for exchange 'MARS'"),
        ("AAPL.csv", "24/7", "trades around the clock"),
        ("AAPL.US.csv", "XHKG", "AAPL.US trades on XNYS by its code, not on XHKG"),
    ],
)
def test_a_name_that_does_not_say_the_exchange_asks_for_it(
    environ: dict[str, str], folder: Path, name: str, exchange: str, said: str
) -> None:
    put(folder, name)
    assert said in refusal(environ, exchange=exchange)


def test_a_folder_that_cannot_be_used_is_refused_and_nothing_written(
    environ: dict[str, str], folder: Path
) -> None:
    assert "has no files of bars" in refusal(environ)
    put(folder, "readme.txt")
    assert "has no files of bars" in refusal(environ)
    put(folder, "000300.SH.csv.gz")
    assert "000300.SH.csv.gz is not" in refusal(environ)
    put(folder, "000300.SH.csv", text="date,close\n2020-01-02,1\n")
    assert "000300.SH.csv, line 1" in refusal(environ)
    (folder / "000300.SH.csv").write_bytes(b"\x00\xff" * 99)
    assert "000300.SH.csv" in refusal(environ)
    put(folder, "sh000300.csv")
    assert "000300.SH.csv and sh000300.csv for 000300.SH" in refusal(environ)
    assert "nowhere is not a folder" in refusal(environ | {"FACTORPRISM_FILES": "nowhere"})


def test_two_spellings_of_one_symbol_are_two_files_of_it(
    environ: dict[str, str], folder: Path
) -> None:
    put(folder, "AAPL.csv", "AAPL.US.csv")
    assert "AAPL.US.csv and AAPL.csv for AAPL.US" in refusal(environ)


def test_a_chosen_file_is_read_and_a_broken_one_beside_it_is_not(
    environ: dict[str, str], folder: Path
) -> None:
    put(folder, "000300.SH.csv")
    put(folder, "000905.SH.csv", text="garbage")
    assert "000905.SH.csv" in refusal(environ, "000905.SH")
    settle_universe(environ, "sh000300")
    assert load_config(environ).universe.channels == ("000300.SH",)


def test_who_names_the_source_and_has_all_its_symbols_keeps_its_universe(
    environ: dict[str, str], folder: Path, universes: Path
) -> None:
    put(folder, *(f"{symbol}.csv" for symbol in IMAGE4))
    settle_universe(environ | {"FACTORPRISM_SOURCE": "files"})
    assert not universes.exists()
    assert load_config(environ).universe.channels == IMAGE4
    assert "choose one: --target 000001.SH" in refusal(environ)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"FACTORPRISM_UNIVERSE": "us"}, "FACTORPRISM_UNIVERSE is us"),
        ({"FACTORPRISM_SOURCE": "sample"}, "the source is sample"),
    ],
)
def test_a_choice_where_a_setting_has_chosen_is_refused(
    environ: dict[str, str], folder: Path, settings: dict[str, str], said: str
) -> None:
    put(folder, "000300.SH.csv")
    environ |= settings
    settle_universe(environ)
    assert said in refusal(environ, "000300.SH")
    assert "--exchange chooses" in refusal(environ, exchange="XNYS")


def test_another_target_than_the_first_is_a_universe_of_its_own(
    environ: dict[str, str], folder: Path, universes: Path
) -> None:
    put(folder, "000300.SH.csv", "AAPL.csv")
    settle_universe(environ | {"FACTORPRISM_UNIVERSE": "files"}, "AAPL", "XNYS")
    held = universes.read_bytes()
    settle_universe(environ, "AAPL")
    with pytest.raises(FactorPrismError, match=r"forecasts AAPL\.US, not 000300\.SH") as caught:
        settle_universe(environ, "000300.SH")
    assert "factorprism universes add NAME --target 000300.SH" in caught.value.remedy
    assert universes.read_bytes() == held


def test_a_broken_list_of_universes_is_reported_and_stays(
    environ: dict[str, str], folder: Path, universes: Path
) -> None:
    put(folder, "000300.SH.csv")
    universes.parent.mkdir()
    universes.write_text("[files\n", "utf-8")
    with pytest.raises(FactorPrismError, match="is not a list of universes"):
        settle_universe(environ)
    assert universes.read_text("utf-8") == "[files\n"
