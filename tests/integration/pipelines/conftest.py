"""A warehouse with history and a champion, trained once and copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from factorprism.core.config import Config
from factorprism.core.roles import WRITER
from factorprism.core.signals import SIGNALS_FILE, find_signal
from factorprism.core.universe import UNIVERSES_FILE
from factorprism.pipelines import Run, open_ports, run_pipeline
from factorprism.warehouse import PostgresWarehouse
from frames import House, draw

HISTORY_START = "2016-01-04"
TRAINED_AS_OF = date(2024, 6, 28)
Corrupt = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class Place:
    """The settings of one test's own world, as an environment and as a configuration."""

    config: Config
    environ: dict[str, str]
    owner_url: str = ""

    @property
    def home(self) -> Path:
        return self.config.home


def make_place(home: Path, warehouse_url: str, owner_url: str = "", **changes: Any) -> Place:
    home.mkdir(parents=True, exist_ok=True)
    config = Config(
        home=home,
        warehouse_url=warehouse_url,
        tracking_url=f"sqlite:///{home / 'mlflow.db'}",
        model="inception_tiny",
        epochs=1,
        **changes,
    )
    environ = {
        "FACTORPRISM_HOME": str(home),
        "FACTORPRISM_WAREHOUSE_URL": warehouse_url,
        "FACTORPRISM_TRACKING_URL": config.tracking_url,
        "FACTORPRISM_MODEL": config.model,
        "FACTORPRISM_EPOCHS": str(config.epochs),
        "FACTORPRISM_SOURCE": config.source,
        "FACTORPRISM_UNIVERSE": config.universe_name,
    }
    return Place(config, environ, owner_url)


@pytest.fixture(scope="session")
def trained(postgres: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """HS300 from 2016 on and a champion trained as of `TRAINED_AS_OF`; to be copied, not used."""
    url = postgres.new_database()
    with closing(PostgresWarehouse(url)) as warehouse:
        warehouse.migrate()
    place = make_place(tmp_path_factory.mktemp("trained"), postgres.as_role(url, WRITER))
    with open_ports(place.config) as ports:
        run = Run(TRAINED_AS_OF, find_signal(place.config), place.config, ports)
        run_pipeline("backfill", run, {"first": HISTORY_START, "last": TRAINED_AS_OF.isoformat()})
        run_pipeline("weekly", run, {"mode": "retrain"})
    yield place
    postgres.drop_database(url)


@pytest.fixture
def place(postgres: Any, trained: Place, tmp_path: Path) -> Iterator[Place]:
    """A copy of the trained world that the test may change."""
    url = postgres.new_database(template=trained.config.warehouse_url.rsplit("/", 1)[1])
    home = tmp_path / "home"
    # Without the notes of where bundles were last found: the copy is to read its own.
    shutil.copytree(trained.home, home, ignore=shutil.ignore_patterns("bundles"))
    yield make_place(home, postgres.as_role(url, WRITER), url)
    postgres.drop_database(url)


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
