"""A warehouse with forecasts of two targets, a contest, reasons, bars and factors, for readers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _history import SimulatedLine, simulate_line, write_bars, write_line

import factorprism as fp
from factorprism.core.arrays import as_days
from factorprism.core.config import Config
from factorprism.core.ledger import Forecast, ForecastState
from factorprism.core.roles import OWNER, READER
from factorprism.core.signals import find_signal
from factorprism.evaluation.backtest import BacktestRule, Prices, compare_forecasts
from factorprism.pipelines import Run, open_ports
from factorprism.pipelines.contest_backtests import RULES, describe_backtests
from factorprism.warehouse import PostgresWarehouse
from ledger_clock import stop_clock
from ledger_rows import make_outcome, make_withheld

SYMBOL, LAST = "000300.SH", date(2025, 12, 31)
OTHER = "calm"  # no file defines it: the ledger alone knows it
SENTENCE_ALONE = date(2025, 11, 28)  # a contest whose tables were not kept


@dataclass(frozen=True)
class World:
    """A filled warehouse, by the URL of its owner, and the line of forecasts in it."""

    home: Path
    url: str
    line: SimulatedLine


def write_backtests(warehouse: Any, line: SimulatedLine) -> None:
    """Give the contest's report the backtests of its forecasts."""
    out_of_sample = warehouse.contests.load_out_of_sample(line.signal)
    days = next(iter(out_of_sample.values())).sessions
    bars = warehouse.bars.load_bars([SYMBOL], days[0].astype(date), days[-1].astype(date))
    prices = Prices(
        as_days(bars["session"]), bars["open"].to_numpy(), bars["close"].to_numpy("float64")
    )
    columns = {
        name: np.array(
            [
                dict(zip(held.sessions, held.columns["value.p_up"], strict=True)).get(day, np.nan)
                for day in prices.sessions
            ]
        )
        for name, held in out_of_sample.items()
    }
    name, rule = next(iter(RULES.items()))
    results = compare_forecasts(
        prices, columns, BacktestRule(**rule), sessions_per_year=243.0, seed=14
    )
    report = warehouse.contests.load_report(line.signal)
    content = {**report.content, "backtests": describe_backtests({name: results})}
    warehouse.contests.save_report(replace(report, content=content))
    bare = replace(report, as_of=SENTENCE_ALONE, content={})
    warehouse.contests.save_report(bare)


def write_volatility(warehouse: Any, line: SimulatedLine) -> None:
    """Write three forecasts of another target, the first withheld before it was issued."""
    days = line.sessions[-20:-17].astype(date).tolist()
    for place, session in enumerate(days):
        end = line.ends[len(line.ends) - 20 + place].astype(date)
        row = make_withheld(
            session, signal=OTHER, model_id="lenet5-one", target="volatility", horizon_end=end
        )
        if place == 0:
            warehouse.forecasts.append(row)
        warehouse.forecasts.append(issue_volatility(row, 0.04 + place / 1000))
        warehouse.forecasts.save_outcomes([make_outcome(row, 0.01, value=-6.4)])


def issue_volatility(row: Forecast, sigma: float) -> Forecast:
    values = {
        "mean": 2 * np.log(sigma),
        "log_variance": -1.0,
        "sigma": sigma,
        "rolling_60": 0.05,
        "ewma_94": 0.045,
    }
    return replace(
        row,
        state=ForecastState.ISSUED,
        reason="",
        values={SYMBOL: values},
        data_hash="d" * 64,
        factor_hash="f" * 64,
        image_hash="1" * 64,
        due_at=datetime(2025, 12, 1, 11, 30),
    )


@pytest.fixture(scope="session")
def world(
    postgres: Any, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """Nothing is trained: forecasts, contest and reasons are drawn, bars are the sample's."""
    home, url = tmp_path_factory.mktemp("frames"), postgres.new_database(migrated_template)
    stop_clock(url, datetime(2025, 12, 31, 12, 0))
    line = simulate_line("hs300", SYMBOL, LAST, 600, seed=14)
    config = Config(home=home, warehouse_url=url)
    with closing(PostgresWarehouse(url)) as warehouse:
        write_line(warehouse, line)
        with open_ports(config) as ports:
            write_bars(Run(LAST, find_signal(config), config, ports), line)
        write_backtests(warehouse, line)
        write_volatility(warehouse, line)
    yield World(home, url, line)
    postgres.drop_database(url)


@pytest.fixture(scope="session")
def reader_url(postgres: Any, world: World) -> str:
    return str(postgres.as_role(world.url, READER))


@pytest.fixture(scope="session")
def owner_of_world(postgres: Any, world: World) -> str:
    return str(postgres.as_role(world.url, OWNER))


@pytest.fixture
def prism(world: World, reader_url: str) -> Iterator[fp.Connection]:
    """A connection as `prism_reader`."""
    with fp.connect(reader_url, world.home) as connection:
        yield connection
