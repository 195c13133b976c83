"""What the examination says of the source of bars, and of the login that runs write by."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from factorprism.cli import doctor
from factorprism.core.config import load_config
from factorprism.core.errors import SourceError
from factorprism.core.roles import Login
from factorprism.core.signals import find_signal
from factorprism.sources import FilesSource

ROWS = """date,open,high,low,close,volume,amount
2020-01-02,4000,4010,3990,4005,10000000000,170000000000
"""


@pytest.mark.parametrize(("universe", "whole"), [("hs300", True), ("image4", False)])
def test_a_source_that_lacks_an_instrument_of_the_universe_is_not_well(
    tmp_path: Path, universe: str, whole: bool
) -> None:
    (tmp_path / "000300.SH.csv").write_text(ROWS)
    config = load_config({"FACTORPRISM_HOME": str(tmp_path), "FACTORPRISM_UNIVERSE": universe})
    ports: Any = SimpleNamespace(source=FilesSource(tmp_path))
    if whole:
        assert doctor._source(find_signal(config), config, ports).sentence.endswith(
            "latest session 2020-01-02"
        )
        return
    with pytest.raises(SourceError, match=r"no file of 000905\.SH") as caught:
        doctor._source(find_signal(config), config, ports)
    assert "FACTORPRISM_UNIVERSE" in caught.value.remedy


@pytest.mark.parametrize(
    ("login", "word", "said"),
    [
        (Login("prism_writer", False, False), "ok", "runs write as prism_writer"),
        (Login("alone", False, True), "warn", "as alone, the owner of the schema, to whom"),
        (Login("postgres", True, True), "warn", "as postgres, a superuser, to whom"),
    ],
)
def test_runs_that_write_as_a_superuser_or_the_owner_are_a_warning(
    login: Login, word: str, said: str
) -> None:
    ports: Any = SimpleNamespace(warehouse=SimpleNamespace(read_login=lambda: login))
    found = doctor._role(load_config({}), ports)
    assert found.word == word
    assert said in found.sentence
    assert ("docs/deployment.md#roles" in found.remedy) == (word == "warn")
