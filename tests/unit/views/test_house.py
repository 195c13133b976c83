"""What is dear is computed once for a version of the warehouse."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from factorprism.core.config import Config
from factorprism.views import House


class NoDays:
    """Holds no day of any exchange."""

    def load_days(self, exchange: str) -> dict[date, bool]:
        return {}

    def load_traded(self, exchange: str) -> list[date]:
        return []


class ChangingWarehouse:
    """Says which version it has."""

    version = "1"
    calendar = NoDays()

    def read_version(self) -> str:
        return self.version


def test_a_value_is_made_once_for_each_version_and_key(tmp_path: Path) -> None:
    house, warehouse = House(Config(home=tmp_path)), ChangingWarehouse()
    house.__dict__["warehouse"] = warehouse
    made: list[str] = []

    def make(text: str) -> str:
        made.append(text)
        return text

    assert [house.recall("a", lambda: make("first")) for _ in range(3)] == ["first"] * 3
    assert house.recall("b", lambda: make("other")) == "other"
    warehouse.version = "2"
    assert house.recall("a", lambda: make("second")) == "first"  # the version is a second old
    house.forget_version()
    assert house.recall("a", lambda: make("second")) == "second"
    assert made == ["first", "other", "second"]


def test_what_fails_is_not_kept(tmp_path: Path) -> None:
    house = House(Config(home=tmp_path))
    house.__dict__["warehouse"] = ChangingWarehouse()

    def fail() -> str:
        raise LookupError

    with pytest.raises(LookupError):
        house.recall("a", fail)
    assert house.recall("a", lambda: "now") == "now"


def test_a_file_of_signals_or_universes_that_is_written_is_another_version(tmp_path: Path) -> None:
    house = House(Config(home=tmp_path))
    house.__dict__["warehouse"] = ChangingWarehouse()
    seen = {house.read_version()}
    for name in ("signals.toml", "universes.toml"):
        (tmp_path / name).write_text("")
        house.forget_version()
        seen.add(house.read_version())
    assert len(seen) == 3
