"""The views: what people read by SQL instead of joining tables; the steps create them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Table

from factorprism.warehouse.db.base import CATALOGUE, PRICE, SYMBOL, value_names
from factorprism.warehouse.forecasts import (
    WORD_KEY,
    direction_forecasts,
    forecasts,
    outcomes,
    volatility_forecasts,
)


@dataclass(frozen=True)
class View:
    """A view with what it and each of its columns mean."""

    name: str
    comment: str
    columns: Mapping[str, str]


def _meanings(table: Table, *names: str) -> dict[str, str]:
    return {name: str(table.c[name].comment) for name in names}


_WORD = ("universe", "horizon", "state", "reason", "created_at", "late_by")
_CLOSES = {
    "close": f"Close of the session, {PRICE}; null: not held.",
    "horizon_end": "Session whose close decides; the one that did where it is settled.",
    "horizon_end_close": f"Close of horizon_end, {PRICE}; null: not held.",
}
_NOT_YET = " Null: not settled."
_RETURN = {
    "forward_return": f"{outcomes.c.forward_return.comment}{_NOT_YET}",
    "settled_at": f"{outcomes.c.settled_at.comment}{_NOT_YET}",
}


def _record(values: Table, target: str, outcome: dict[str, str]) -> View:
    """Return the view of every word of `target` beside its closes and what came of it."""
    return View(
        f"{target}_record",
        f"Every word of the {target} signals beside the closes and what came of it.",
        _meanings(forecasts, *WORD_KEY)
        | {"symbol": SYMBOL}
        | _meanings(forecasts, *_WORD)
        | {
            name: f"{text} Null: withheld."
            for name, text in _meanings(values, *value_names(values)).items()
        }
        | _CLOSES
        | outcome
        | _RETURN,
    )


VIEWS = (
    View(
        "factor_values",
        "The factors by name, one row for each value.",
        {
            "symbol": SYMBOL,
            "session": "Session whose close is the last value read.",
            "catalogue_hash": CATALOGUE,
            "factor": "Name of the factor.",
            "value": "Value in the unit of the catalogue; NaN: missing.",
        },
    ),
    View(
        "direction_ledger",
        "The ledger of the direction signals in the columns that it had before there were others.",
        {"target": SYMBOL}
        | _meanings(forecasts, "session", "horizon", "model_id", "state", "horizon_end", "reason")
        | _meanings(direction_forecasts, "p_up", "p_up_raw", "base_rate")
        | _meanings(forecasts, "universe", "data_hash", "factor_hash", "image_hash", "created_at")
        | _meanings(forecasts, "word", "horizon_end_expected", "due_at", "late_by"),
    ),
    _record(
        direction_forecasts,
        "direction",
        {"went_up": f"Whether close[horizon_end] > close[session].{_NOT_YET}"},
    ),
    _record(
        volatility_forecasts,
        "volatility",
        {"outcome": f"Log of the sum of squared log returns to horizon_end.{_NOT_YET}"},
    ),
)
