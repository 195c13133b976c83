"""What the tests of the warehouse share: frames of bars, and a way to speak SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date, datetime
from threading import Barrier
from typing import Any

import numpy as np
import pandas as pd
import pytest

from factorprism.core.calendar import calendar_of
from factorprism.market.bars import BAR_VALUES, Pull, make_bars
from factorprism.warehouse import PostgresWarehouse
from sql import connect


@pytest.fixture
def build_bars() -> Callable[..., pd.DataFrame]:
    """Make `n` bars of `symbol` from `first` on, random but the same for one `seed`."""

    def build(symbol: str = "000300.SH", first: str = "2020-01-02", n: int = 10, seed: int = 1):
        days = calendar_of(symbol).session_days
        days = days[days >= np.datetime64(first)][:n]
        values = np.random.default_rng(seed).uniform(1000, 5000, (n, len(BAR_VALUES)))
        columns = dict(zip(BAR_VALUES, values.T, strict=True))
        return make_bars(
            pd.DataFrame({"symbol": symbol, "session": days.astype("datetime64[us]"), **columns})
        )

    return build


@pytest.fixture
def build_pull() -> Callable[..., Pull]:
    """Wrap bars as a pull of the source ``sample`` for exactly their sessions."""

    def build(bars: pd.DataFrame, first: date | None = None, last: date | None = None) -> Pull:
        return Pull(
            source="sample",
            symbol=bars["symbol"].iloc[0],
            first=first or bars["session"].min().date(),
            last=last or bars["session"].max().date(),
            bars=bars,
            fetched_at=datetime(2021, 1, 1, 11, 0, 0, 123456),
        )

    return build


@pytest.fixture
def merge(
    warehouse: PostgresWarehouse, build_pull: Callable[..., Pull]
) -> Callable[[pd.DataFrame], Any]:
    """Save `bars` as a pull and merge them, as the pipeline does."""

    def save_and_merge(bars: pd.DataFrame) -> Any:
        return warehouse.bars.merge_bars(bars, warehouse.pulls.save_pull(build_pull(bars)))

    return save_and_merge


@pytest.fixture
def run_as(postgres: Any, migrated_url: str) -> Iterator[Callable[..., list[Any]]]:
    """Run one statement, named after the role, in a transaction of its own."""
    with ExitStack() as opened:

        def run(role: str, statement: str) -> list[Any]:
            url = postgres.as_role(migrated_url, role)
            return opened.enter_context(connect(url))(statement)

        yield run


@pytest.fixture
def run_together() -> Callable[..., list[Any]]:
    """Call every function at once, each in a thread, and return what they gave."""

    def run(*calls: Callable[[], Any]) -> list[Any]:
        barrier = Barrier(len(calls))

        def start(call: Callable[[], Any]) -> Any:
            barrier.wait()
            return call()

        with ThreadPoolExecutor(len(calls)) as pool:
            return [future.result() for future in [pool.submit(start, call) for call in calls]]

    return run


@pytest.fixture
def open_rivals(migrated_url: str) -> Iterator[Callable[[int], list[PostgresWarehouse]]]:
    """Open warehouses on the same database, each with connections of its own."""
    opened: list[PostgresWarehouse] = []

    def build(n: int) -> list[PostgresWarehouse]:
        opened.extend(PostgresWarehouse(migrated_url) for _ in range(n))
        return opened[-n:]

    yield build
    for warehouse in opened:
        warehouse.close()
