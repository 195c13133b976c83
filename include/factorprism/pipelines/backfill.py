"""A backfill: a range of sessions, by parameter, from the source into bars and factors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from factorprism.core.calendar import calendar_of
from factorprism.factors import CATALOGUE
from factorprism.pipelines._run import Run, StepContext
from factorprism.pipelines.daily import render_gates


def report(run: Run, context: Mapping[str, Any]) -> StepContext:
    """Say for each symbol which sessions are held now, and render the data docs."""
    page = render_gates(run, context.get("gate_run_keys", []))
    held = {}
    for symbol in context.get("symbols") or run.universe.channels:
        extent = run.ports.warehouse.bars.load_extent(symbol)
        if extent is None:
            continue
        n_sessions = len(calendar_of(symbol).sessions(*extent))
        held[symbol] = [extent[0].isoformat(), extent[1].isoformat()]
        run.tell(f"{symbol}: {n_sessions} sessions from {extent[0]} to {extent[1]}")
    run.resolve_alert(run.alert_key("backfill"), "the backfill has ended well again")
    return {"held": held, "data_docs": str(page), "n_factors": len(CATALOGUE)}
