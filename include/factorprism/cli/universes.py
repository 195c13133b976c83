"""The bodies of ``factorprism universes``: which symbols can be forecast, and a new universe."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from factorprism.cli.tables import write_json, write_rows
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
        write_rows(rows)


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
