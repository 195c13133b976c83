"""A universe is checked when it is defined: its name, its symbols, and the file it stands in."""

from __future__ import annotations

from pathlib import Path

import pytest

from factorprism.core.errors import ConfigurationError
from factorprism.core.universe import UNIVERSES_FILE, Universe, exchanges_of, load_universes


@pytest.mark.parametrize("name", ["hs300", "HS300", "image-4", "a_b", "0", "x" * 40])
def test_a_plain_name_is_taken(name: str) -> None:
    assert Universe(name, "000300.SH").name == name


@pytest.mark.parametrize(
    "name",
    ["", "沪深", "a b", "../x", "a/b", "-a", "_a", "a.b", "x" * 41, "a\n", "a'b", "%s"],
)
def test_a_name_that_cannot_stand_in_a_path_or_an_address_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be used") as caught:
        Universe(name, "000300.SH")
    assert "a-z" in caught.value.remedy


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[a]\noverlays = []\n", "the target of 'a' is None"),
        ("[a]\ntarget = 3\n", "the target of 'a' is 3"),
        (
            '[a]\ntarget = "000300.SH"\noverlays = "000905.SH"\n',
            "the overlays of 'a' are '000905.SH'",
        ),
        ('[a]\ntarget = "000300.SH"\noverlays = [1]\n', "no list of symbols"),
        (
            '[a]\ntarget = "000300.SH"\noverlay = []\n',
            "'a' has 'overlay', allowed are target, overlays, exchange; did you mean 'overlays'?",
        ),
        ('[a]\nTarget = "000300.SH"\n', "'a' has 'Target', allowed are"),
        ('[a]\ntarget = "AAPL"\nexchang = "XNYS"\n', "did you mean 'exchange'?"),
        ('[a]\ntarget = "000300.SH"\nzzz = 1\n', "allowed are target, overlays, exchange"),
        ('[a]\ntarget = "AAPL"\nexchange = 5\n', "the exchange of 'a' is 5"),
        ('[a]\ntarget = "AAPL"\nexchange = "MARS"\n', "no trading calendar for exchange 'MARS'"),
        ('[a]\ntarget = "000300.SH"\nexchange = "24/7"\n', "'24/7' trades around the clock"),
        ('[a]\ntarget = "AAPL"\n', "symbol 'AAPL' belongs to no known exchange"),
        ('[a]\ntarget = "^FOO"\n', "symbol '^FOO' belongs to no known exchange"),
        (
            '[a]\ntarget = "AAPL"\noverlays = ["AAPL.US"]\nexchange = "XNYS"\n',
            "names a symbol twice",
        ),
        ('a = "000300.SH"\n', "'a' is '000300.SH' and no table"),
        ("[a", "is not a list of universes"),
        ('["A B"]\ntarget = "000300.SH"\n', "universe 'A B' has a name"),
        ('[a]\ntarget = "000300"\n', "no known exchange"),
    ],
)
def test_a_file_that_defines_none_is_refused_in_words(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / UNIVERSES_FILE).write_text(text, "utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_universes(tmp_path)
    assert said in caught.value.message
    assert caught.value.remedy


def test_a_file_that_is_no_utf_8_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / UNIVERSES_FILE).write_bytes("[沪深]".encode("gbk"))
    with pytest.raises(ConfigurationError, match=UNIVERSES_FILE):
        load_universes(tmp_path)


BUILT_IN = {
    "hs300": ("000300.SH",),
    "image3": ("000300.SH", "000905.SH", "399006.SZ"),
    "image4": ("000300.SH", "000905.SH", "399006.SZ", "000001.SH"),
    "us": ("^GSPC", "^IXIC"),
}


def test_the_built_in_universes_are_what_they_were(tmp_path: Path) -> None:
    universes = load_universes(tmp_path)
    assert {name: one.channels for name, one in universes.items()} == BUILT_IN
    assert exchanges_of(universes.values()) == ["XNYS", "XSHG"]


@pytest.mark.parametrize(
    ("text", "channels", "exchange"),
    [
        (
            'target = "AAPL"\noverlays = ["BRK.B", "^GSPC"]\nexchange = "NASDAQ"',
            ("AAPL.US", "BRK.B.US", "^GSPC"),
            "XNYS",
        ),
        (
            'target = "0700"\noverlays = ["^HSI", "000300.SH"]\nexchange = "XHKG"',
            ("0700.HK", "^HSI", "000300.SH"),
            "XHKG",
        ),
        ('target = "^HSI"', ("^HSI",), "XHKG"),
        ('target = "^FOO"\nexchange = "XLON"', ("^FOO.XLON",), "XLON"),
        ('target = "430047.BJ"\noverlays = ["930050.CSI"]', ("430047.BJ", "930050.CSI"), "XSHG"),
        ('target = "2222.XSAU"', ("2222.XSAU",), "XSAU"),
    ],
)
def test_a_universe_trades_on_any_exchange(
    tmp_path: Path, text: str, channels: tuple[str, ...], exchange: str
) -> None:
    (tmp_path / UNIVERSES_FILE).write_text(f"[own]\n{text}\n", "utf-8")
    universe = load_universes(tmp_path)["own"]
    assert universe.channels == channels
    assert universe.exchange == exchange


def test_a_person_may_leave_out_the_exchange_of_a_channel() -> None:
    universe = Universe("own", "AAPL.US", ("^GSPC", "0700.HK"))
    assert universe.symbol_of("AAPL") == "AAPL.US"
    assert universe.symbol_of("0700") == "0700.HK"
    assert universe.symbol_of("^GSPC") == "^GSPC"
    assert universe.symbol_of("00005.HK") == "0005.HK"
    assert universe.symbol_of("MSFT") == "MSFT"
    assert universe.symbol_of("MSFT.XNAS") == "MSFT.US"
