"""Rows of the ledger that several tests write, each a word on the same signal and session."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from factorprism.core.ledger import Forecast, ForecastState, Outcome

SIGNAL, SYMBOL = "image4-direction-14", "000300.SH"
VALUES = {"p_up": 0.1 + 0.2, "p_up_raw": 0.9, "base_rate": 0.53}
ISSUED = Forecast(
    signal=SIGNAL,
    session=date(2020, 12, 31),
    model_id="inception-1",
    state=ForecastState.ISSUED,
    target="direction",
    universe="image4",
    horizon=14,
    horizon_end=date(2021, 1, 21),
    symbol=SYMBOL,
    values={SYMBOL: VALUES},
    data_hash="d" * 64,
    factor_hash="f" * 64,
    image_hash="1" * 64,
)
WITHHELD = replace(
    ISSUED,
    state=ForecastState.WITHHELD,
    reason="stale data",
    values={},
    data_hash="",
    factor_hash="",
    image_hash="",
)
NO_CHAMPION = replace(WITHHELD, reason="no champion")
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
OUTCOME = Outcome(
    signal=SIGNAL,
    session=date(2020, 12, 31),
    model_id="inception-1",
    symbol=SYMBOL,
    value=1.0,
    forward_return=0.05,
    horizon_end=date(2021, 1, 21),
)
GIVEN = {"created_at": None, "word": 0, "position": 0, "previous_hash": "", "row_hash": ""}


def with_value(row, **named):
    """Return `row` with other values of its symbol."""
    return replace(row, values={SYMBOL: {**VALUES, **named}})
