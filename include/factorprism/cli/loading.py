"""What a command loads first on a warehouse that holds nothing yet: the history of each channel."""

from __future__ import annotations

from factorprism.cli.timings import Timings
from factorprism.pipelines import Run, run_pipeline
from factorprism.pipelines.factors import compute_factors


def load_history(run: Run, timings: Timings) -> bool:
    """Load the history of each channel that was never loaded; tell whether there was one.

    From `history_start` to the run's session; a load that was cut off goes on where it was.
    """
    pulls, source = run.ports.warehouse.pulls, run.ports.source.name
    absent = [name for name in run.universe.channels if not pulls.last_pulled(source, name)]
    if not absent:
        return False
    with timings.whole("history: loaded, checked, factors computed"):
        span = {"first": run.config.history_start.isoformat(), "last": run.session.isoformat()}
        options = {**span, "symbols": absent}
        run_pipeline("backfill", run, options, on_step=timings.steps("backfill"))
        compute_factors(run, {})
    return True
