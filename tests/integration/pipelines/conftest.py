"""A warehouse with history and a champion, trained once and copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from factorprism.core.config import Config
from factorprism.pipelines import Run, open_ports, run_pipeline

HISTORY_START = "2016-01-04"
TRAINED_AS_OF = date(2024, 6, 28)


@dataclass(frozen=True)
class Place:
    """The settings of one test's own world, as an environment and as a configuration."""

    config: Config
    environ: dict[str, str]

    @property
    def home(self) -> Path:
        return self.config.home


def make_place(home: Path, warehouse_url: str, **changes: Any) -> Place:
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
    return Place(config, environ)


@pytest.fixture(scope="session")
def trained(postgres: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """HS300 from 2016 on and a champion trained as of `TRAINED_AS_OF`; to be copied, not used."""
    url = postgres.new_database()
    place = make_place(tmp_path_factory.mktemp("trained"), url)
    with open_ports(place.config) as ports:
        ports.warehouse.migrate()
        run = Run(TRAINED_AS_OF, place.config, ports)
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
    yield make_place(home, url)
    postgres.drop_database(url)
