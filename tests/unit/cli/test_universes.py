"""``factorprism universes``: what there is, and a new one below what the file holds."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path
from typing import Any

import pytest

from factorprism.cli.universes import add_own, print_universes
from factorprism.core.config import load_config
from factorprism.core.errors import ConfigurationError
from factorprism.core.universe import UNIVERSES_FILE, add_universe, load_universes

HELD = b'# mine\r\n[pair]\r\ntarget = "000905.SH"  # ChiNext is not in it\r\n'


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FACTORPRISM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def listed(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    capsys.readouterr()
    print_universes(as_json=True)
    return {row["name"]: row for row in json.loads(capsys.readouterr().out)}


def test_the_built_in_universes_are_listed_without_a_home(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = listed(capsys)
    assert list(rows) == ["hs300", "image3", "image4", "us"]
    assert rows["us"] == {
        "name": "us",
        "target": "^GSPC",
        "overlays": ["^IXIC"],
        "exchange": "XNYS",
        "origin": "built-in",
    }
    assert not home.exists()


def test_an_added_universe_is_listed_and_can_be_used(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_own("apple", "AAPL", ["^GSPC", "BRK.B", "0700.HK"], "NASDAQ")
    assert "FACTORPRISM_UNIVERSE=apple" in capsys.readouterr().out
    row = listed(capsys)["apple"]
    assert (row["target"], row["exchange"], row["origin"]) == ("AAPL.US", "XNYS", "own")
    config = load_config({"FACTORPRISM_HOME": str(home), "FACTORPRISM_UNIVERSE": "apple"})
    assert config.universe.channels == ("AAPL.US", "^GSPC", "BRK.B.US", "0700.HK")
    print_universes(as_json=False)
    assert "AAPL.US" in capsys.readouterr().out


@pytest.mark.parametrize("held", [b"", HELD, HELD.rstrip(b"\r\n"), b"# only a comment"])
def test_what_stands_in_the_file_stays_to_the_byte(home: Path, held: bytes) -> None:
    home.mkdir()
    path = home / UNIVERSES_FILE
    path.write_bytes(held)
    add_own("one", "0700.HK", [], "")
    add_own("two", "7203", ["^N225"], "XTKS")
    assert path.read_bytes().startswith(held)
    own = set(load_universes(home)) - {"hs300", "image3", "image4", "us"}
    assert own == {"one", "two"} | ({"pair"} if b"pair" in held else set())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("hs300", "000300.SH", [], ""), "'hs300' is there already, built in"),
        (("pair", "000300.SH", [], ""), "'pair' is there already, in .*universes.toml"),
        (("a b", "000300.SH", [], ""), "cannot be used"),
        (("new", "AAPL", [], ""), "symbol 'AAPL' belongs to no known exchange"),
        (("new", "^FOO", [], ""), "symbol '\\^FOO' belongs to no known exchange"),
        (("new", "000300.SH", ["AAPL"], ""), "symbol 'AAPL' belongs to no known exchange"),
        (("new", "AAPL", [], "MARS"), "no trading calendar for exchange 'MARS'"),
        (("new", "000300.SH", [], "24/7"), "trades around the clock"),
        (("new", "AAPL", ["AAPL.US"], "XNYS"), "names a symbol twice"),
        (("new", 'x"\n[y]', [], "XNYS"), "cannot be used"),
    ],
)
def test_what_cannot_be_added_is_refused_and_nothing_written(
    home: Path, arguments: tuple[str, str, list[str], str], said: str
) -> None:
    home.mkdir()
    (home / UNIVERSES_FILE).write_bytes(HELD)
    with pytest.raises(ConfigurationError, match=said) as caught:
        add_own(*arguments)
    assert len(str(caught.value).splitlines()) == 2
    assert (home / UNIVERSES_FILE).read_bytes() == HELD


def test_a_file_that_cannot_be_read_is_not_added_to(home: Path) -> None:
    home.mkdir()
    (home / UNIVERSES_FILE).write_text("[pair\n", "utf-8")
    with pytest.raises(ConfigurationError, match="is not a list of universes"):
        add_own("new", "000300.SH", [], "")
    assert (home / UNIVERSES_FILE).read_text("utf-8") == "[pair\n"


def _add(home: Path, n: int) -> bool:
    try:
        add_universe(home, f"u{n // 8}", "0700.HK", ["^HSI"])
    except ConfigurationError as error:
        assert "is there already" in error.message  # noqa: PT017
        return False
    return True


def test_of_those_who_add_one_name_at_the_same_time_one_succeeds(tmp_path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(8) as pool:
        added = pool.starmap(_add, [(tmp_path, n) for n in range(64)], chunksize=1)
    assert sum(added) == 8
    assert {f"u{n}" for n in range(8)} <= set(load_universes(tmp_path))
