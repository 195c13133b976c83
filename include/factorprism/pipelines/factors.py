"""Factors: compute those that the bars have changed, and prove the panel fit for use."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from factorprism.core.calendar import calendar_of
from factorprism.core.words import count
from factorprism.factors import CATALOGUE, bars_needed_from, catalogue_hash
from factorprism.factors import compute_factors as compute_panel
from factorprism.market.panels import FactorPanel
from factorprism.pipelines._run import Run, StepContext
from factorprism.quality import check_factors, count_missing, require

# The panel that one evening's gate looks at.
GATE_SESSIONS = 250


def compute_factors(run: Run, context: Mapping[str, Any]) -> StepContext:
    """Compute the factors of each symbol from its first changed session on, and keep them."""
    catalogue = catalogue_hash()
    computed = 0
    for symbol in context.get("symbols") or run.universe.channels:
        # Again until nothing is stale: another run may merge bars while this one computes.
        while (changed := run.ports.warehouse.factors.changed_from(symbol, catalogue)) is not None:
            extent = run.ports.warehouse.bars.load_extent(symbol)
            assert extent is not None  # what has changed is held
            needed = bars_needed_from(changed, calendar_of(symbol))
            bars = run.ports.warehouse.bars.load_bars([symbol], needed, extent[1])
            panel = compute_panel(bars, first=changed)
            computed += run.ports.warehouse.factors.save_factors(panel, catalogue)
    run.tell(f"factors: {count(computed, 'session')} x {len(CATALOGUE)} computed")
    return {"catalogue_hash": catalogue, "sessions_computed": computed}


def gate_factors(run: Run, context: Mapping[str, Any]) -> StepContext:
    """Check all panels at once before anything reads them: all of a backfill, else a year."""
    symbols = context.get("symbols") or run.universe.channels
    n_sessions = None if context.get("first") else GATE_SESSIONS
    panels = [load_recent_panel(run, symbol, n_sessions) for symbol in symbols]
    verdicts = check_factors(
        panels,
        {factor.name: (factor.lower, factor.upper) for factor in CATALOGUE},
        run.config.missing_ratio_max,
        [_warmup_left(run, panel) for panel in panels],
    )
    for panel in panels:
        ratio = count_missing(panel).ratio
        run.ports.meter.record("prism.factors.missing", ratio, symbol=panel.symbol)
    run_key = run.gate_key("factors")
    run.ports.warehouse.quality.save_results(verdicts.results, run_key)
    require(verdicts.results)
    run.tell(f"factors: {verdicts.n_asked} expectations hold")
    return {"gate_run_keys": [*context.get("gate_run_keys", []), run_key]}


def load_recent_panel(run: Run, symbol: str, n_sessions: int | None) -> FactorPanel:
    """Return the last `n_sessions` (None: all) of `symbol` through the run's session."""
    calendar = calendar_of(symbol)
    last = calendar.session_on_or_before(run.session)
    days = calendar.sessions(calendar.first, last)[-(n_sessions or 0) :]
    first: date = days[0].astype(date)
    return run.ports.warehouse.factors.load_factors(symbol, catalogue_hash(), first, last)


def _warmup_left(run: Run, panel: FactorPanel) -> dict[str, int]:
    # Cells at the start of the symbol's own history cannot exist; all others must.
    extent = run.ports.warehouse.bars.load_extent(panel.symbol)
    if extent is None or not len(panel.sessions):
        return {}
    calendar = calendar_of(panel.symbol)
    before = calendar.count_since(extent[0], panel.sessions[0].astype(date))
    return {factor.name: max(0, factor.lookback - before) for factor in CATALOGUE}
