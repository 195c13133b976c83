"""A warehouse with two channels, a model's row and its reasons, as an evening leaves them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from _history import draw_explanation

from factorprism.core.arrays import hash_array
from factorprism.core.calendar import calendar_of
from factorprism.core.config import Config
from factorprism.core.ledger import Forecast, ForecastLine
from factorprism.core.models import ModelRecord, TrainingSummary
from factorprism.core.signals import find_signal
from factorprism.factors import Normaliser
from factorprism.forecasts import ImageWindow, encode_window
from factorprism.market.bars import Pull, PullState, hash_bars, make_bars
from factorprism.market.findings import QualityResult
from factorprism.pipelines import Ports, Run, load_recent_images, load_window_bars
from factorprism.pipelines.factors import compute_factors
from factorprism.warehouse import PostgresWarehouse
from ledger_rows import make_issued, make_promotion, make_record

SYMBOLS = ("000300.SH", "000905.SH")
FIRST, LAST = date(2019, 1, 2), date(2020, 12, 31)
SESSION = date(2020, 12, 30)
MODEL = "inception-000000000001"
PARENT = "inception-000000000000"
UNIVERSE = "pair"
SIGNAL = f"{UNIVERSE}-direction-14"
ReadPage = Callable[..., tuple[int, str]]


def walk(symbol: str, first: date, last: date, seed: int) -> pd.DataFrame:
    """Return bars of a random walk; the same for one seed."""
    days = calendar_of(symbol).sessions(first, last)
    random = np.random.default_rng(seed)
    close = 4000.0 * np.exp(np.cumsum(random.normal(0.0, 0.01, len(days))))
    opened = close * np.exp(random.normal(0.0, 0.004, len(days)))
    return make_bars(
        pd.DataFrame(
            {
                "symbol": symbol,
                "session": days.astype("datetime64[us]"),
                "open": opened,
                "high": np.maximum(opened, close) * 1.004,
                "low": np.minimum(opened, close) * 0.996,
                "close": close,
                "volume_shares": random.uniform(1e9, 2e9, len(days)),
            }
        )
    )


@dataclass(frozen=True)
class World:
    """One copy of the filled warehouse, open."""

    config: Config
    warehouse: PostgresWarehouse

    @property
    def ports(self) -> Ports:
        return Ports(self.config, self.warehouse)

    def run(self, session: date = SESSION) -> Run:
        return Run(session, find_signal(self.config), self.config, self.ports)

    @property
    def line(self) -> ForecastLine:
        (line,) = [
            line for line in self.warehouse.forecasts.list_lines() if line.universe == UNIVERSE
        ]
        return line

    def window(self, session: date = SESSION) -> ImageWindow:
        run = self.run(session)
        return encode_window(load_recent_images(run, run.signal.lookback), session)

    def merge(self, bars: pd.DataFrame, *, compute: bool = True) -> int:
        """Take `bars` of one symbol in as an evening does; return the pull's id."""
        warehouse = self.warehouse
        symbol = str(bars["symbol"].iloc[0])
        days = bars["session"].dt.date
        pull = Pull("sample", symbol, days.min(), days.max(), bars, datetime(2021, 1, 4, 11, 0))
        pull_id = warehouse.pulls.save_pull(pull)
        warehouse.bars.merge_bars(bars, pull_id)
        warehouse.pulls.mark_pull(pull_id, PullState.ACCEPTED)
        if compute:
            compute_factors(self.run(), {"symbols": [symbol]})
        return pull_id

    def revise_close(self, symbol: str, session: date, factor: float = 1.01) -> int:
        """Change one close as a later pull would; return the pull's id."""
        bars = self.warehouse.bars.load_bars([symbol], session, session)
        bars["close"] *= factor
        bars["high"] = np.maximum(bars["high"], bars["close"])
        return self.merge(bars)


def build_row(world: World, session: date, normaliser: Normaliser) -> Forecast:
    """Return the issued row of `session` with the hashes that the evening's run would write."""
    window = world.window(session)
    bars = load_window_bars(world.run(session), window)
    return make_issued(
        session,
        signal=SIGNAL,
        model_id=MODEL,
        universe=UNIVERSE,
        values={SYMBOLS[0]: {"p_up": 0.53, "p_up_raw": 0.61, "base_rate": 0.52}},
        data_hash=hash_bars(bars),
        factor_hash=window.factor_hash,
        image_hash=hash_array(normaliser.transform(window.values), window.factor_hash),
    )


def build_record(model_id: str, parent_id: str, factors: tuple[str, ...]) -> ModelRecord:
    return make_record(
        model_id,
        signal=SIGNAL,
        universe=UNIVERSE,
        channels=SYMBOLS,
        factors=factors,
        trained_from=date(2019, 6, 3),
        trained_through=date(2020, 11, 30),
        mode="fine_tune" if parent_id else "retrain",
        parent_id=parent_id,
    )


def fill(world: World) -> None:
    """Take in two years of bars, two models, two rows and the reasons of the last."""
    warehouse = world.warehouse
    warehouse.migrate()
    for seed, symbol in enumerate(SYMBOLS):
        world.merge(walk(symbol, FIRST, LAST, seed))
    normaliser = Normaliser.fit(load_recent_images(world.run(), 300).cube)
    factors = world.window().factors
    warehouse.models.save_model(build_record(PARENT, "", factors))
    warehouse.models.save_model(build_record(MODEL, PARENT, factors))
    epochs = ({"epoch": 1.0, "loss": 0.7},)
    warehouse.models.save_training(TrainingSummary(MODEL, epochs, normaliser.to_dict()))
    promotion = make_promotion(MODEL, signal=SIGNAL, as_of=date(2020, 11, 30), previous_id=PARENT)
    warehouse.models.append_promotion(promotion)
    for session in (date(2020, 12, 1), SESSION):
        row = build_row(world, session, normaliser)
        warehouse.forecasts.append(row)
    warehouse.explanations.save_explanation(draw_explanation(row, world.window()))


@pytest.fixture(scope="session")
def filled(postgres: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Config]:
    """The filled world, to be copied, not used."""
    home = tmp_path_factory.mktemp("image_pages")
    overlays = ", ".join(f'"{symbol}"' for symbol in SYMBOLS[1:])
    (home / "universes.toml").write_text(
        f'[{UNIVERSE}]\ntarget = "{SYMBOLS[0]}"\noverlays = [{overlays}]\n'
    )
    url = postgres.new_database()
    config = Config(home=home, warehouse_url=url, universe_name=UNIVERSE)
    with closing(PostgresWarehouse(url)) as warehouse:
        fill(World(config, warehouse))
    yield config
    postgres.drop_database(url)


@contextmanager
def copy_world(postgres: Any, filled: Config) -> Iterator[World]:
    url = postgres.new_database(filled.warehouse_url.rsplit("/", 1)[1])
    with closing(PostgresWarehouse(url)) as warehouse:
        yield World(filled.with_changes(warehouse_url=url), warehouse)
    postgres.drop_database(url)


@pytest.fixture
def world(postgres: Any, filled: Config) -> Iterator[World]:
    """A copy of the filled world that the test may change."""
    with copy_world(postgres, filled) as copy:
        yield copy


@pytest.fixture(scope="session")
def held(postgres: Any, filled: Config) -> Iterator[World]:
    """A copy of the filled world for all tests that only read."""
    with copy_world(postgres, filled) as copy:
        yield copy


@pytest.fixture
def read_page(app: Any) -> ReadPage:
    """Ask for an address of the pages of a world; gives the status and the text."""

    def read(world: World, address: str, language: str = "en") -> tuple[int, str]:
        config = world.config
        app.show(config.warehouse_url, config.home, UNIVERSE=UNIVERSE)
        answer = app.get(f"/prism{address}", accept="text/html", accept_language=language)
        return answer.status, answer.text

    return read


@pytest.fixture
def make_fault() -> Callable[[date], QualityResult]:
    """Give a function that makes the verdict on a bar of a session whose close is not positive."""

    def make(session: date) -> QualityResult:
        return QualityResult(
            suite="bars",
            expectation="price_positive",
            symbol="000905.SH",
            column="close",
            severity="critical",
            success=False,
            first=session,
            last=session,
            sentence="1 close is not positive",
        )

    return make
