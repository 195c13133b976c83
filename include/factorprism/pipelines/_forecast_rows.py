"""A forecast's row on its way from step to step: plain JSON, until `publish` appends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from factorprism.core.ledger import Forecast, ForecastState

DATABASE_GIVES = ("created_at", "word", "position", "previous_hash", "row_hash")


def to_json(row: Forecast) -> dict[str, Any]:
    """Return `row` as one step hands it to the next, without what the database gives."""
    values = asdict(row)
    for name in DATABASE_GIVES:
        del values[name]
    return values | {
        "session": row.session.isoformat(),
        "horizon_end": row.horizon_end.isoformat(),
        "state": row.state.value,
        "due_at": row.due_at.isoformat() if row.due_at else None,
    }


def from_json(values: Mapping[str, Any]) -> Forecast:
    """Return the row that `to_json` wrote."""
    return Forecast(
        **{
            **values,
            "session": date.fromisoformat(values["session"]),
            "horizon_end": date.fromisoformat(values["horizon_end"]),
            "state": ForecastState(values["state"]),
            "due_at": datetime.fromisoformat(values["due_at"]) if values["due_at"] else None,
        }
    )
