"""Under which keys the verdicts of a universe's gates are held."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from factorprism.core.config import SOURCES
from factorprism.core.universe import Universe
from factorprism.pipelines import GATES, gate_key


def list_gate_keys(universe: Universe, days: Iterable[date]) -> dict[str, tuple[date, str]]:
    """Return day and gate by key, whichever source the bars of `days` came from."""
    return {
        gate_key(gate, day, source, universe.name): (day, gate)
        for day in days
        for gate in GATES
        for source in SOURCES
    }
