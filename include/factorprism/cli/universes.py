"""The bodies of ``factorprism universes``: which symbols can be forecast, and a new universe."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from factorprism.cli.tables import write_json
from factorprism.core.config import load_config
from factorprism.core.universe import (
    Universe,
    add_universe,
    load_builtin_universes,
    load_universes,
)


def print_universes(*, as_json: bool) -> None:
    """Print all universes, the built-in ones first; reads no warehouse."""
    universes = load_universes(load_config(os.environ).home)
    builtin = load_builtin_universes()
    rows = [_values(one, builtin.get(one.name) == one) for one in universes.values()]
    if as_json:
        write_json(rows)
    else:
        _print_table(rows)


def add_own(name: str, target: str, overlays: Sequence[str], exchange: str) -> None:
    """Write a universe into the home's file, and say what it is and how it is used."""
    config = load_config(os.environ)
    universe = add_universe(config.home, name, target, overlays, exchange)
    print(f"{universe.name}: {', '.join(universe.channels)} on the days of {universe.exchange}")
    name = universe.name
    print(f"Forecast it: factorprism signals add {name}-direction-14 --universe {name}")
    print(f"Make it the default: FACTORPRISM_UNIVERSE={name}")


def _values(universe: Universe, is_builtin: bool) -> dict[str, Any]:
    return {
        "name": universe.name,
        "target": universe.target,
        "overlays": list(universe.overlays),
        "exchange": universe.exchange,
        "origin": "built-in" if is_builtin else "own",
    }


def _print_table(rows: Sequence[dict[str, Any]]) -> None:
    table = Table(title=None, show_edge=False, pad_edge=False)
    for name in rows[0]:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(
            *(", ".join(value) if isinstance(value, list) else value for value in row.values())
        )
    width = None if sys.stdout.isatty() else 160
    Console(width=width, highlight=False, markup=False).print(table)
