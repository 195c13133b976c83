"""Asks the gate of one symbol at a time, which the house asks of all at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import numpy as np
import pandas as pd

from factorprism.core.calendar import TradingCalendar
from factorprism.market.bars import Pull, empty_bars, make_bars
from factorprism.market.findings import QualityResult
from factorprism.market.panels import FactorPanel
from factorprism.quality import check_bars, check_factors
from factorprism.quality._measures import count_sessions_since, measure_bars


def make_pull(bars: pd.DataFrame, symbol: str, first: date, last: date) -> Pull:
    """Return what a source may have answered with `bars`."""
    return Pull("files", symbol, first, last, bars, datetime(2024, 1, 1))


def join_held(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return bar frames of several symbols as what is held, each session of a symbol once."""
    held = [make_bars(frame) for frame in frames if len(frame)]
    if not held:
        return empty_bars()
    return pd.concat(held, ignore_index=True).drop_duplicates(["symbol", "session"])


def check_one(
    bars: pd.DataFrame,
    symbol: str,
    first: date,
    last: date,
    *,
    calendar: TradingCalendar,
    history: pd.DataFrame | None = None,
    others: Sequence[pd.DataFrame] = (),
) -> list[QualityResult]:
    """Return the results on one pull, beside its `history` and the bars of `others`."""
    held = join_held([*([] if history is None else [history]), *others])
    verdicts = check_bars([make_pull(bars, symbol, first, last)], {symbol: calendar}, held)
    return verdicts.results


def check_panel(
    panel: FactorPanel,
    ranges: dict[str, tuple[float, float]],
    missing_ratio_max: float,
    warmup: dict[str, int] | None = None,
) -> list[QualityResult]:
    """Return the results on one panel."""
    return check_factors([panel], ranges, missing_ratio_max, [warmup or {}]).results


def measure_one(
    bars: pd.DataFrame, history: pd.DataFrame, calendar: TradingCalendar, *, is_index: bool
) -> pd.DataFrame:
    """Return the measures of one symbol's bars behind its `history`, without a market."""
    joined = pd.concat([history, bars], ignore_index=True) if len(history) else bars
    rows = joined.drop(columns="symbol").assign(subject=0).reset_index(drop=True)
    subject = rows["subject"].to_numpy()
    gaps = count_sessions_since(subject, rows["session"].to_numpy(), calendar.session_days)
    market, kind = np.full(len(rows), np.nan), np.full(len(rows), is_index)
    measured = measure_bars(rows, gaps, market, kind)
    return measured.iloc[len(history) :].reset_index(drop=True)
