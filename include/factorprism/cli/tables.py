"""What the commands print: forecasts as a table, as JSON and as CSV."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

from factorprism.core.ledger import Forecast
from factorprism.core.publication import punctuality_words
from factorprism.targets.headline import read_headline
from factorprism.warehouse import list_values

# The columns of a forecast before its target's own values, and after them.
BEFORE = (
    "signal",
    "target",
    "symbol",
    "session",
    "horizon",
    "horizon_end",
    "horizon_end_expected",
    "state",
    "reason",
)
AFTER = (
    "model_id",
    "universe",
    "data_hash",
    "factor_hash",
    "image_hash",
    "created_at",
    "due_at",
    "late_by_seconds",
    "punctuality",
    "word",
    "position",
    "row_hash",
)


def write_json(value: object) -> None:
    """Write `value` as JSON, alone on stdout; dates are ISO, NaN is refused."""
    json.dump(value, sys.stdout, ensure_ascii=False, indent=2, default=str, allow_nan=False)
    sys.stdout.write("\n")


def forecast_lines(row: Forecast) -> list[dict[str, Any]]:
    """Return `row` as plain values, once for each symbol that it has values of."""
    held = asdict(row) | {
        "session": row.session.isoformat(),
        "horizon_end": row.horizon_end.isoformat(),
        "state": row.state.value,
        "created_at": row.created_at.isoformat() if row.created_at else None,
        "due_at": row.due_at.isoformat() if row.due_at else None,
        "late_by_seconds": round(row.late_by.total_seconds()) if row.due_at else None,
        "punctuality": punctuality_words(row.late_by) or ("in time" if row.due_at else ""),
    }
    lines = []
    for symbol in row.values or (row.symbol,):
        held["symbol"] = symbol
        named = dict.fromkeys(list_values(row.target)) | dict(row.values.get(symbol, {}))
        ends = ({name: held[name] for name in names} for names in (BEFORE, AFTER))
        lines.append({**next(ends), **named, **next(ends)})
    return lines


def write_csv(rows: Sequence[Forecast]) -> None:
    names = [
        name for target in sorted({row.target for row in rows}) for name in list_values(target)
    ]
    columns = (*BEFORE, *dict.fromkeys(names), *AFTER)
    writer = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(line for row in rows for line in forecast_lines(row))


def write_table(rows: Sequence[Forecast]) -> None:
    """Print `rows` for a person: no hashes, and the reason where a forecast was withheld."""
    table = Table(title=None, show_edge=False, pad_edge=False)
    for name in ("signal", "session", "horizon end", "state"):
        table.add_column(name, no_wrap=True)
    table.add_column("forecast", justify="right")
    table.add_column("reference", justify="right")
    table.add_column("model")
    table.add_column("reason")
    for row in rows:
        headline = read_headline(row)
        table.add_row(
            row.signal,
            row.session.isoformat(),
            f"{row.horizon_end} ({row.horizon}{', expected' if row.horizon_end_expected else ''})",
            ", ".join(filter(None, (row.state.value, punctuality_words(row.late_by)))),
            *(("-", "-") if headline is None else headline.words),
            row.model_id,
            row.reason,
        )
    if not any(row.reason for row in rows):
        table.columns.pop()
    width = None if sys.stdout.isatty() else 160
    Console(width=width, highlight=False).print(table)


def write_rows(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print plain values under their names; the members of a list stand in one cell."""
    table = Table(title=None, show_edge=False, pad_edge=False)
    for name, value in rows[0].items():
        justify: Literal["left", "right"] = "right" if isinstance(value, int) else "left"
        table.add_column(name, justify=justify, overflow="fold")
    for row in rows:
        table.add_row(
            *(", ".join(cell) if isinstance(cell, list) else str(cell) for cell in row.values())
        )
    width = None if sys.stdout.isatty() else 160
    Console(width=width, highlight=False, markup=False).print(table)
