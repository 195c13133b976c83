"""A house that is fed from frames at hand, which a test may change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from factorprism.core.calendar import calendar_for
from factorprism.core.config import Config
from factorprism.core.signals import find_signal
from factorprism.market.bars import Pull, make_bars
from factorprism.market.findings import Finding
from factorprism.pipelines import Run, open_ports
from factorprism.pipelines._windows import load_recent_images
from factorprism.pipelines.accepting import accept_finding
from factorprism.pipelines.bars import gate_bars, merge_bars, pull_bars
from factorprism.pipelines.history import align_history, join_closes
from factorprism.sources._tables import TableSource

INDEX, OTHER, FUND = "000300.SH", "000905.SH", "510300.SH"
N_ROWS, N_EVENINGS = 600, 3
HELD = N_ROWS - N_EVENINGS  # rows that the backfill asks for; an evening adds one


class Frames(TableSource):
    """A source of frames at hand, which a test may change."""

    name = "files"

    def __init__(self, frames: dict[str, pd.DataFrame]) -> None:
        super().__init__()
        self.frames = frames
        self.asked: list[tuple[date, date]] = []

    def fetch_bars(self, symbols: Any, first: date, last: date) -> Iterator[Pull]:
        self.asked.append((first, last))
        return super().fetch_bars(symbols, first, last)

    def _load(self, symbol: str) -> pd.DataFrame:
        return self.frames[symbol]


def draw(symbol: str, seed: int) -> pd.DataFrame:
    """Return plausible bars of `symbol` with every optional column."""
    random = np.random.default_rng(seed)
    sessions = calendar_for("XSHG").sessions(date(2015, 1, 1), date(2020, 12, 31))[-N_ROWS:]
    level = 4.0 if symbol == FUND else 3500.0
    close = (level * np.exp(np.cumsum(random.normal(0.0, 0.011, N_ROWS)))).round(3)
    before = np.concatenate([[np.nan], close[:-1]])
    opened = np.where(np.isnan(before), close, before).round(3)
    spread = np.abs(random.normal(0.004, 0.001, (2, N_ROWS)))
    volume = 1.2e10 * np.exp(random.normal(0.0, 0.2, N_ROWS))
    rows = {
        "symbol": symbol,
        "session": sessions,
        "open": opened,
        "high": (np.maximum(opened, close) * (1.0 + spread[0])).round(3),
        "low": (np.minimum(opened, close) * (1.0 - spread[1])).round(3),
        "close": close,
        "volume_shares": volume,
        "amount_cny": volume * close / (1.0 if symbol == FUND else 300.0),
    }
    return link(make_bars(pd.DataFrame(rows)))


def link(bars: pd.DataFrame) -> pd.DataFrame:
    """Return `bars` with the previous close and the change that their closes give."""
    before = bars["close"].shift()
    change = (100.0 * (bars["close"] / before - 1.0)).round(4)
    return bars.assign(pre_close=before, pct_chg=change)


class House:
    """A warehouse and the source that fills it."""

    def __init__(self, warehouse: Any, config: Config, frames: dict[str, pd.DataFrame]) -> None:
        self.warehouse, self.config, self.source = warehouse, config, Frames(frames)
        self.days = frames[config.universe.target]["session"].dt.date.tolist()
        self.reported: list[str] = []

    def ask(self, last: date, *steps: Any, **context: Any) -> Any:
        with open_ports(self.config) as ports:
            ports.source = self.source
            run = Run(last, find_signal(self.config), self.config, ports, self.reported.append)
            for step in (pull_bars, gate_bars, merge_bars, *steps):
                context |= step(run, context)
            return self.read(run) if steps else None

    def read(self, run: Run) -> tuple[int, int, int]:
        """Return the samples with a label, the sessions of the images, and their absent cells."""
        samples = join_closes(run, align_history(run))[0].samples
        images = load_recent_images(run, run.signal.lookback)
        return (
            len(samples),
            len(images.sessions),
            int(np.isnan(images.cube[-run.signal.lookback :]).sum()),
        )

    def backfill(self) -> None:
        self.ask(self.days[HELD - 1], first=self.days[0].isoformat())

    def evening(self, number: int, *steps: Any) -> Any:
        return self.ask(self.days[HELD - 1 + number], *steps)

    def open_findings(self) -> list[Finding]:
        found: list[Finding] = self.warehouse.findings.list_findings(
            self.config.universe.channels, 100
        )
        return found

    def accept_all(self) -> None:
        for finding in self.open_findings():
            accept_finding(self.warehouse.findings, finding.finding_id, "mei", "it is real")

    def set_aside(self) -> list[date]:
        held = self.warehouse.findings.list_set_aside(self.config.universe.channels)
        return sorted(row.session for row in held)

    def held(self, symbol: str) -> pd.DataFrame:
        bars: pd.DataFrame = self.warehouse.bars.load_bars([symbol], self.days[0], self.days[-1])
        return bars
