"""A universe is checked when it is defined: its name, its symbols, and the file it stands in."""

from __future__ import annotations

from pathlib import Path

import pytest

from factorprism.core.errors import ConfigurationError
from factorprism.core.universe import UNIVERSES_FILE, Universe, load_universes


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
        ('[a]\ntarget = "000300.SH"\noverlay = []\n', "'a' has 'overlay', allowed are target"),
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
