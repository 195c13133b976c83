"""What the commands print: forecasts as a table, as JSON and as CSV."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from factorprism.core.publication import punctuality_words
from factorprism.core.schemas import Forecast

COLUMNS = (
    "target",
    "session",
    "horizon",
    "horizon_end",
    "horizon_end_expected",
    "state",
    "reason",
    "p_up",
    "p_up_raw",
    "base_rate",
    "model_id",
    "universe",
    "data_hash",
    "factor_hash",
    "image_hash",
    "created_at",
    "due_at",
    "late_by_seconds",
    "punctuality",
)


def write_json(value: object) -> None:
    """Write `value` as JSON, alone on stdout; dates are ISO, NaN is refused."""
    json.dump(value, sys.stdout, ensure_ascii=False, indent=2, default=str, allow_nan=False)
    sys.stdout.write("\n")


def forecast_values(row: Forecast) -> dict[str, Any]:
    """Return `row` as plain values in the order of `COLUMNS`."""
    values = asdict(row)
    values |= {
        "session": row.session.isoformat(),
        "horizon_end": row.horizon_end.isoformat(),
        "state": row.state.value,
        "created_at": row.created_at.isoformat() if row.created_at else None,
        "due_at": row.due_at.isoformat() if row.due_at else None,
        "late_by_seconds": round(row.late_by.total_seconds()) if row.due_at else None,
        "punctuality": punctuality_words(row.late_by) or ("in time" if row.due_at else ""),
    }
    return {name: values[name] for name in COLUMNS}


def write_csv(rows: Sequence[Forecast]) -> None:
    writer = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(forecast_values(row) for row in rows)


def write_table(rows: Sequence[Forecast]) -> None:
    """Print `rows` for a person: no hashes, and the reason where a forecast was withheld."""
    table = Table(title=None, show_edge=False, pad_edge=False)
    for name in ("target", "session", "horizon end", "state"):
        table.add_column(name, no_wrap=True)
    table.add_column("p_up", justify="right")
    table.add_column("base rate", justify="right")
    table.add_column("model")
    table.add_column("reason")
    for row in rows:
        table.add_row(
            row.target,
            row.session.isoformat(),
            f"{row.horizon_end} ({row.horizon}{', expected' if row.horizon_end_expected else ''})",
            ", ".join(filter(None, (row.state.value, punctuality_words(row.late_by)))),
            _share(row.p_up),
            _share(row.base_rate),
            row.model_id,
            row.reason,
        )
    if not any(row.reason for row in rows):
        table.columns.pop()
    width = None if sys.stdout.isatty() else 160
    Console(width=width, highlight=False).print(table)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
