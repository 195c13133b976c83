"""Rows as several tests make them: forecasts, their outcomes, models, decisions on the champion.

Each is of the default signal and well formed; a test changes what it is about.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from default_signal import SIGNAL
from factorprism.core.calendar import calendar_of
from factorprism.core.ledger import Forecast, ForecastState, Outcome
from factorprism.core.models import ModelRecord, Promotion

SYMBOL, SESSION, MODEL = "000300.SH", date(2020, 12, 31), "inception-1"
VALUES = {"p_up": 0.1 + 0.2, "p_up_raw": 0.9, "base_rate": 0.53}
# What the database adds to a row.
GIVEN: dict[str, Any] = {
    "created_at": None,
    "word": 0,
    "position": 0,
    "previous_hash": "",
    "row_hash": "",
}


def make_issued(session: date = SESSION, **changes: Any) -> Forecast:
    """Return an issued forecast, whose horizon ends 14 sessions after `session`."""
    row = Forecast(
        signal=SIGNAL,
        session=session,
        model_id=MODEL,
        state=ForecastState.ISSUED,
        target="direction",
        universe="hs300",
        horizon=14,
        horizon_end=calendar_of(SYMBOL).offset(session, 14),
        symbol=SYMBOL,
        values={SYMBOL: VALUES},
        data_hash="d" * 64,
        factor_hash="f" * 64,
        image_hash="1" * 64,
    )
    return replace(row, **changes)


def make_withheld(session: date = SESSION, **changes: Any) -> Forecast:
    """Return the same row, withheld for stale data."""
    withheld: dict[str, Any] = {"state": ForecastState.WITHHELD, "reason": "stale data"}
    withheld |= {"values": {}, "data_hash": "", "factor_hash": "", "image_hash": ""}
    return make_issued(session, **{**withheld, **changes})


def with_value(row: Forecast, **named: float) -> Forecast:
    """Return `row` with other values of its symbol."""
    return replace(row, values={SYMBOL: {**VALUES, **named}})


def make_outcome(row: Forecast, forward_return: float = 0.05, **changes: Any) -> Outcome:
    """Return what came of `row`, a forecast of a direction."""
    key = (row.signal, row.session, row.model_id, row.symbol)
    outcome = Outcome(*key, float(forward_return > 0), forward_return, row.horizon_end)
    return replace(outcome, **changes)


def make_record(model_id: str = MODEL, **changes: Any) -> ModelRecord:
    """Return the record of a model that was trained on one index from 2010 to 2019."""
    record = ModelRecord(
        model_id=model_id,
        architecture="inception",
        signal=SIGNAL,
        target="direction",
        universe="hs300",
        horizon=14,
        lookback=56,
        channels=(SYMBOL,),
        factors=("roc_12", "rsi_14"),
        trained_from=date(2010, 1, 4),
        trained_through=date(2019, 12, 31),
        n_samples=2000,
        bases={"base_rate": 0.53},
        data_hash="d" * 64,
        artefact_hash="a" * 64,
        mode="retrain",
    )
    return replace(record, **changes)


def make_promotion(model_id: str = MODEL, **changes: Any) -> Promotion:
    """Return the decision that makes `model_id` the first champion."""
    decision = Promotion(
        signal=SIGNAL,
        as_of=date(2020, 1, 3),
        candidate_id=model_id,
        champion_id=model_id,
        previous_id="",
        promoted=True,
        reason="first champion",
    )
    return replace(decision, **changes)


ISSUED, WITHHELD = make_issued(), make_withheld()
NO_CHAMPION = make_withheld(reason="no champion")
VOLATILITY = replace(
    ISSUED,
    target="volatility",
    values={
        SYMBOL: {
            "mean": -6.5,
            "log_variance": 0.1,
            "sigma": 0.04,
            "rolling_60": 0.05,
            "ewma_94": 0.03,
        }
    },
)
OUTCOME = make_outcome(ISSUED)
