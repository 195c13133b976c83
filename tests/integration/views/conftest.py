"""A warehouse as the pages meet it: history with holes, refused pulls, revisions, two models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from factorprism.core.calendar import calendar_of
from factorprism.core.models import Evaluation, ModelRecord, TrainingSummary
from factorprism.core.universe import Universe
from factorprism.factors import CATALOGUE, catalogue_hash, compute_factors
from factorprism.market.bars import BAR_VALUES, Pull, PullState, make_bars
from factorprism.market.findings import QualityResult
from factorprism.warehouse import PostgresWarehouse
from ledger_rows import make_issued, make_promotion, make_record, make_withheld

TARGET, OVERLAY = "000300.SH", "000905.SH"
PAIR = Universe("pair", TARGET, (OVERLAY,))
SIGNAL = f"{PAIR.name}-direction-14"
FIRST, LAST = date(2023, 1, 3), date(2024, 3, 29)
HOLE, HALF = date(2023, 5, 10), date(2023, 8, 17)
WITHHELD = date(2024, 4, 1)


@dataclass(frozen=True)
class Story:
    """What the hand-made rows are, to be asked for again."""

    universe: Universe
    revised: date
    before: tuple[date, ...]  # sessions forecast before the revision
    after: date  # a session forecast after it


def make_series(symbol: str, first: date, last: date, seed: int = 3) -> pd.DataFrame:
    days = calendar_of(symbol).sessions(first, last)
    noise = np.random.default_rng(seed)
    close = 4000.0 * np.exp(np.cumsum(noise.normal(0.0, 0.01, len(days))))
    spread = np.abs(noise.normal(0.0, 0.005, len(days))) + 0.001
    columns = {
        "open": close * (1 + spread / 3),
        "high": close * (1 + spread),
        "low": close * (1 - spread),
        "close": close,
        "volume_shares": noise.uniform(1e8, 2e8, len(days)),
    }
    assert set(columns) < set(BAR_VALUES)
    return make_bars(
        pd.DataFrame({"symbol": symbol, "session": days.astype("datetime64[us]"), **columns})
    )


def make_pull(bars: pd.DataFrame, fetched_at: datetime) -> Pull:
    return Pull(
        source="files",
        symbol=str(bars["symbol"].iloc[0]),
        first=bars["session"].min().date(),
        last=bars["session"].max().date(),
        bars=bars,
        fetched_at=fetched_at,
    )


def make_pair_record(model_id: str, **changes: Any) -> ModelRecord:
    """Return the record of a model of the pair."""
    of_pair = {
        "signal": SIGNAL,
        "universe": PAIR.name,
        "channels": PAIR.channels,
        "factors": tuple(factor.name for factor in CATALOGUE),
        "trained_from": date(2023, 3, 1),
        "trained_through": date(2023, 12, 29),
    }
    return make_record(model_id, **{**of_pair, **changes})


def make_verdict(expectation: str, *, success: bool, severity: str = "critical") -> QualityResult:
    return QualityResult(
        suite="bars",
        expectation=expectation,
        symbol=TARGET,
        column="close",
        severity=severity,
        success=success,
        first=LAST,
        last=LAST,
        sentence=f"{expectation} {'holds' if success else 'fails: close above high'}",
    )


@pytest.fixture
def save_model(warehouse: PostgresWarehouse) -> Callable[..., None]:
    """Save a model of the pair."""

    def save(model_id: str, **changes: Any) -> None:
        warehouse.models.save_model(make_pair_record(model_id, **changes))

    return save


@pytest.fixture
def merge(warehouse: PostgresWarehouse) -> Callable[[pd.DataFrame, datetime], int]:
    """Save bars as an accepted pull, merge them, and return the pull's id."""

    def save_and_merge(bars: pd.DataFrame, fetched_at: datetime) -> int:
        pull_id = warehouse.pulls.save_pull(make_pull(bars, fetched_at))
        warehouse.bars.merge_bars(bars, pull_id)
        warehouse.pulls.mark_pull(pull_id, PullState.ACCEPTED)
        return pull_id

    return save_and_merge


@pytest.fixture
def story(warehouse: PostgresWarehouse, merge: Callable[..., int]) -> Story:
    """The whole story, in the order in which it would have happened."""
    moment = datetime(2024, 3, 29, 11, 0)
    history = {}
    for seed, symbol in enumerate(PAIR.channels):
        bars = make_series(symbol, FIRST, LAST, seed)
        if symbol == TARGET:
            bars = bars[bars["session"] != pd.Timestamp(HOLE)].copy()
            bars.loc[bars["session"] == pd.Timestamp(HALF), "volume_shares"] = np.nan
        history[symbol] = bars
        merge(bars, moment)
        whole = bars.assign(volume_shares=bars["volume_shares"].fillna(1e8))
        warehouse.factors.save_factors(compute_factors(whole), catalogue_hash())
    for model_id in ("one", "two"):
        warehouse.models.save_model(make_pair_record(model_id))
    before = (date(2024, 1, 8), date(2024, 3, 28))
    of_pair = {"signal": SIGNAL, "universe": PAIR.name, "model_id": "one"}
    for session in before:
        warehouse.forecasts.append(make_issued(session, **of_pair))
    changed = history[TARGET].tail(60).copy()
    revised = changed["session"].iloc[10].date()
    changed.loc[changed["session"] == pd.Timestamp(revised), "close"] += 1.25
    merge(changed, moment)
    after = LAST
    warehouse.forecasts.append(make_issued(after, **of_pair))

    refused = make_series(TARGET, WITHHELD, WITHHELD, seed=9)
    pull_id = warehouse.pulls.save_pull(make_pull(refused, datetime(2024, 4, 1, 11, 0)))
    warehouse.pulls.mark_pull(pull_id, PullState.QUARANTINED, "close above high on 2024-04-01")
    verdicts = [
        make_verdict("close within high and low", success=True),
        make_verdict("jumps are rare", success=False, severity="warning"),
        make_verdict("close at most high", success=False),
    ]
    warehouse.quality.save_results(verdicts, f"bars {WITHHELD} files {PAIR.name}")
    warehouse.quality.save_results(verdicts[:1], f"bars {LAST} files {PAIR.name}")
    warehouse.forecasts.append(make_withheld(WITHHELD, reason="close above high", **of_pair))
    return Story(PAIR, revised, before, after)


@pytest.fixture
def promotions(warehouse: PostgresWarehouse) -> None:
    """Two models: one became champion, two replaced it by hand, and that was rolled back."""
    for model_id, trained in (("one", date(2023, 12, 29)), ("two", date(2024, 3, 1))):
        warehouse.models.save_model(make_pair_record(model_id, trained_through=trained))
    curve = tuple({"loss": 0.7 - n / 100, "val_loss": 0.69 + n / 100} for n in range(3))
    warehouse.models.save_training(TrainingSummary("two", curve, {}))
    skill = Evaluation(
        model_id="two",
        kind="walk_forward",
        metric="brier_skill",
        value=0.012,
        lower=-0.03,
        upper=0.05,
        reference=0.0,
        first=date(2023, 6, 1),
        last=date(2024, 2, 1),
        n_sessions=160,
    )
    windows = replace(skill, metric="independent_windows", value=11.0, lower=11.0, upper=11.0)
    loss = replace(skill, metric="log_loss", value=0.69, lower=0.68, upper=0.70, reference=0.692)
    warehouse.models.save_evaluations([skill, windows, loss])
    first = make_promotion("one", signal=SIGNAL, as_of=date(2023, 12, 29))
    second = replace(
        first,
        as_of=date(2024, 3, 1),
        candidate_id="two",
        champion_id="two",
        previous_id="one",
        reason="By hand: it is <bold> & new",
        kind="manual",
    )
    third = replace(
        first,
        as_of=date(2024, 3, 4),
        previous_id="two",
        reason="By hand: back from two to one.",
        kind="rollback",
    )
    for decision in (first, second, third):
        assert warehouse.models.append_promotion(decision)
