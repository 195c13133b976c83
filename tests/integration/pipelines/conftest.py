"""A warehouse with history and a champion, trained once and copied for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from factorprism.core.config import Config
from factorprism.core.signals import SIGNALS_FILE
from factorprism.core.universe import UNIVERSES_FILE
from house_of_frames import House, draw
from worlds import TRAINED, Place, Recipe, World, copy_world, lay_out

Corrupt = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.fixture(scope="session")
def trained(postgres: Any, open_world: Callable[[Recipe], World]) -> Place:
    """HS300 from 2016 on and a champion; to be copied, not used."""
    return lay_out(postgres, open_world(TRAINED))


@pytest.fixture
def place(postgres: Any, open_world: Callable[[Recipe], World], tmp_path: Path) -> Iterator[Place]:
    """A copy of the trained world that the test may change."""
    copied = copy_world(postgres, open_world(TRAINED), tmp_path / "home")
    yield copied
    postgres.drop_database(copied.owner_url)


@pytest.fixture
def open_house(warehouse: Any, migrated_url: str, tmp_path: Path) -> Callable[..., House]:
    """Build a house of the symbols named, the first one's bars as `corrupt` leaves them."""

    def build(*symbols: str, corrupt: Corrupt = lambda bars: bars, **changes: Any) -> House:
        target, *overlays = symbols
        named = f'[walked]\ntarget = "{target}"\noverlays = {overlays}\n'
        (tmp_path / UNIVERSES_FILE).write_text(named, "utf-8")
        (tmp_path / SIGNALS_FILE).write_text("[walked-direction-14]\nlookback = 5\n", "utf-8")
        config = Config(
            home=tmp_path,
            warehouse_url=migrated_url,
            source="files",
            files=tmp_path,
            universe_name="walked",
            **changes,
        )
        frames = {symbol: draw(symbol, seed) for seed, symbol in enumerate(symbols, 14)}
        frames[target] = corrupt(frames[target])
        house = House(warehouse, config, frames)
        house.days = draw(target, 0)["session"].dt.date.tolist()
        return house

    return build
