"""Worlds that many tests start from: each is built once, kept on the disk, and copied.

A world is a home and a dump of its warehouse. It is kept under a hash of the code, of the locks and
of what the tests make worlds by, so that no change meets a world of before.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import platform
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from factorprism.core.config import Config
from factorprism.core.roles import OWNER, WRITER
from factorprism.core.signals import find_signal
from factorprism.evaluation import evaluate_candidate
from factorprism.learning import train_candidate
from factorprism.pipelines import Run, open_ports, run_pipeline, weekly
from factorprism.pipelines.champions import champion_at
from factorprism.pipelines.contest import load_out_of_sample_folds
from factorprism.pipelines.history import load_training_set, training_settings
from factorprism.pipelines.promotions import promote_model
from factorprism.warehouse import PostgresWarehouse, back_up, list_backups, restore

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / ".cache" / "worlds"
UNUSED_SECONDS = 2 * 24 * 3600.0
# What a world follows from, beside the version of Python.
SOURCES = ("include/**/*", "dags/*", "requirements*.txt", "tests/*.py", "tests/**/conftest.py")
SOURCES += ("tests/protocol/*.py",)
DRAFT = ".draft"
NOON = datetime(2000, 1, 1, 12)  # names the one dump of a world


def hash_sources(root: Path = ROOT) -> str:
    """Return the hash (hex) of all files that a world follows from."""
    digest = hashlib.sha256(platform.python_version().encode())
    for file in sorted({file for pattern in SOURCES for file in root.glob(pattern)}):
        if file.is_file() and file.suffix != ".pyc":
            digest.update(f"\0{file.relative_to(root)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Shelf:
    """A folder of finished worlds, whatever processes build and read them side by side."""

    folder: Path
    sources: str

    def keep(self, name: str, build: Callable[[Path], None]) -> Path:
        """Return the folder `name`, which `build` fills where it is not there yet.

        One process builds while the others wait. What it leaves half done is never taken.
        """
        finished = self.folder / self.sources / name
        with self._locked(name):
            if not finished.exists():
                draft = finished.with_name(name + DRAFT)
                shutil.rmtree(draft, ignore_errors=True)
                draft.mkdir(parents=True)
                build(draft)
                draft.rename(finished)
            finished.touch()  # it is in use
        return finished

    def clear(self, now: float) -> None:
        """Remove what nobody has used for long, of these sources and of others."""
        for held in self.folder.glob("*/*/"):
            if _is_unused(held, now):
                with self._locked(held.name.removesuffix(DRAFT)):
                    if _is_unused(held, now):  # still
                        shutil.rmtree(held, ignore_errors=True)
        for sources in self.folder.glob("*/"):
            with suppress(OSError):  # it is not empty
                sources.rmdir()

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / f"{name}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # let go with the process, however it ends
            yield


def _is_unused(held: Path, now: float) -> bool:
    return held.exists() and now - held.stat().st_mtime > UNUSED_SECONDS


@dataclass(frozen=True)
class Recipe:
    """How a world is made: `build` fills a home and a warehouse, those of `base` where it has one.

    The warehouse is given by its writer's URL.
    """

    name: str
    build: Callable[[Path, str], None]
    base: Recipe | None = None


@dataclass(frozen=True)
class World:
    """A world to be copied, not used: a home, and a database of the session's server by its name.

    A `copy` of the home leaves out the notes of where bundles were last found.
    """

    home: Path
    database: str

    def copy_home(self, home: Path) -> None:
        shutil.copytree(
            self.home, home, dirs_exist_ok=True, ignore=shutil.ignore_patterns("bundles")
        )


@dataclass
class Builder:
    """Opens worlds on the session's server, and builds what is not on the shelf."""

    postgres: Any
    template: str  # a migrated empty database
    shelf: Shelf
    folder: Path
    _opened: dict[str, World] = field(default_factory=dict)

    def open(self, recipe: Recipe) -> World:
        if recipe.name not in self._opened:
            kept = self.shelf.keep(recipe.name, lambda draft: self._build(recipe, draft))
            self._opened[recipe.name] = self._restore(kept, recipe.name)
        return self._opened[recipe.name]

    def _build(self, recipe: Recipe, draft: Path) -> None:
        base = self.open(recipe.base) if recipe.base else None
        url = self.postgres.new_database(base.database if base else self.template)
        try:
            if base:
                base.copy_home(draft / "home")
            else:
                (draft / "home").mkdir()
            recipe.build(draft / "home", self.postgres.as_role(url, WRITER))
            back_up(url, draft, keep=1, now=NOON)
        finally:
            self.postgres.drop_database(url)

    def _restore(self, kept: Path, name: str) -> World:
        (dump,) = list_backups(kept)
        url = self.postgres.new_database()
        restore(dump, url)
        with closing(PostgresWarehouse(url)) as warehouse:
            warehouse.migrate()  # which hands out the roles' rights
        home = self.folder / name
        shutil.copytree(kept / "home", home)
        return World(home, url.rsplit("/", 1)[1])


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
    """Return the cheapest settings that train; what is tested is the way, not the forecast.

    `changes` are further settings by the names of their fields.
    """
    home.mkdir(parents=True, exist_ok=True)
    config = Config(
        home=home,
        warehouse_url=warehouse_url,
        tracking_url=f"sqlite:///{home / 'mlflow.db'}",
        model="inception_tiny",
        epochs=1,
        threads=1,
        **changes,
    )
    environ = {
        "FACTORPRISM_HOME": str(home),
        "FACTORPRISM_WAREHOUSE_URL": warehouse_url,
        "FACTORPRISM_TRACKING_URL": config.tracking_url,
        "FACTORPRISM_MODEL": config.model,
        "FACTORPRISM_EPOCHS": str(config.epochs),
        "FACTORPRISM_THREADS": str(config.threads),
        "FACTORPRISM_SOURCE": config.source,
        "FACTORPRISM_UNIVERSE": config.universe_name,
        **{f"FACTORPRISM_{name.upper()}": str(value) for name, value in changes.items()},
    }
    return Place(config, environ, owner_url)


def lay_out(postgres: Any, world: World) -> Place:
    """Return the settings of the world itself, to be read alone."""
    owner_url = postgres.server.url(world.database, OWNER)
    return make_place(world.home, postgres.as_role(owner_url, WRITER), owner_url)


def copy_world(postgres: Any, world: World, home: Path, **changes: Any) -> Place:
    """Return a copy under `home` that a test may change; its database is the caller's to drop."""
    owner_url = postgres.new_database(world.database)
    world.copy_home(home)
    return make_place(home, postgres.as_role(owner_url, WRITER), owner_url, **changes)


def read_fingerprints(url: str) -> dict[str, str]:
    """Return the fingerprint of each table of the warehouse at `url`."""
    with closing(PostgresWarehouse(url)) as warehouse:
        return warehouse.fingerprints()


@contextmanager
def open_run(place: Place, session: date) -> Iterator[Run]:
    with open_ports(place.config) as ports:
        yield Run(session, find_signal(place.config), place.config, ports)


def train_rival(run: Run, context: dict[str, Any], seed: int, *, folds: bool = True) -> str:
    """Register a candidate of another seed, with `folds` beside what the champion's have shown."""
    training_set, data_hash = load_training_set(run, context)
    folder = run.config.home / "training" / str(seed)
    candidate = train_candidate(
        training_set,
        replace(training_settings(run), seed=seed),
        folder,
        signal=run.signal.name,
        universe=run.universe.name,
        mode="retrain",
        initial=None,
        data_hash=data_hash,
        progress=lambda line: None,
        out_of_sample_folds=load_out_of_sample_folds(run, training_set, context) if folds else None,
    )
    evaluations = evaluate_candidate(candidate, training_set, seed)
    run.ports.registry.log_training(
        candidate.record, candidate.bundle, evaluations, candidate.history
    )
    run.ports.warehouse.models.save_model(candidate.record)
    run.ports.warehouse.models.save_evaluations(evaluations)
    shutil.rmtree(folder)
    return candidate.record.model_id


def crown(run: Run) -> None:
    """Train a model and give it the title, without a contest."""
    context = weekly.build_dataset(run, {})
    model = train_rival(run, context, run.config.seed, folds=False)
    promote_model(run, model, "nobody else is there")


HISTORY_START, TRAINED_AS_OF = "2016-01-04", date(2024, 6, 28)


def _train(home: Path, url: str) -> None:
    with open_run(make_place(home, url), TRAINED_AS_OF) as run:
        run_pipeline("backfill", run, {"first": HISTORY_START, "last": TRAINED_AS_OF.isoformat()})
        run_pipeline("weekly", run, {"mode": "retrain"})


def _train_rivals(home: Path, url: str) -> None:
    with open_run(make_place(home, url), TRAINED_AS_OF) as run:
        context = weekly.build_dataset(run, {})
        rivals = [train_rival(run, context, seed) for seed in (15, 16)]
    (home / "rivals.json").write_text(json.dumps(rivals))


def read_rivals(home: Path) -> tuple[str, str]:
    """Return the two models of `RIVALS` that nobody has evaluated yet."""
    first, second = json.loads((home / "rivals.json").read_text())
    return first, second


# HS300 from 2016 on, with a quick contest and its champion as of `TRAINED_AS_OF`.
TRAINED = Recipe("trained", _train)
# The same, and two models of other seeds that nobody has evaluated yet.
RIVALS = Recipe("rivals", _train_rivals, TRAINED)

EVENINGS = (date(2024, 6, 28), date(2024, 7, 1), date(2024, 7, 2))


def _live_some_evenings(home: Path, url: str) -> None:
    place = make_place(home, url)
    with open_run(place, TRAINED_AS_OF) as run:
        champion, rival = champion_at(run, TRAINED_AS_OF), read_rivals(home)[0]
        context = {**weekly.build_dataset(run, {}), "candidate_id": rival}
        context |= weekly.compare_candidate(run, context)
        weekly.promote(run, {**context, "promoted": False})
        assert champion_at(run, TRAINED_AS_OF) == champion
        for session in EVENINGS:
            run_pipeline("daily", replace(run, session=session))


# A champion, the challenger that it was evaluated against, and the forecasts of `EVENINGS`.
LIVED = Recipe("lived", _live_some_evenings, RIVALS)

# Small enough to be trained again beside it: four years, one fold, no ensemble.
SMALL = {"ensemble_members": 0, "contest_folds": 1}
SMALL_START, SMALL_AS_OF, SMALL_EVENING = "2016-01-04", date(2019, 12, 31), date(2020, 1, 2)


def _load_four_years(home: Path, url: str) -> None:
    with open_run(make_place(home, url, **SMALL), SMALL_AS_OF) as run:
        run_pipeline("backfill", run, {"first": SMALL_START, "last": SMALL_AS_OF.isoformat()})


def _live_a_week(home: Path, url: str) -> None:
    with open_run(make_place(home, url, **SMALL), SMALL_AS_OF) as run:
        run_pipeline("weekly", run, {"contest": "quick"})
        run_pipeline("daily", replace(run, session=SMALL_EVENING))


FOUR_YEARS = Recipe("four-years", _load_four_years)
# What one machine makes of `FOUR_YEARS` in a week and the evening after it.
ALONE = Recipe("alone", _live_a_week, FOUR_YEARS)


def shelf() -> Shelf:
    """Return the shelf of this checkout, cleared of what is of no use any more."""
    held = Shelf(KEPT, hash_sources()[:16])
    held.clear(time.time())
    return held
