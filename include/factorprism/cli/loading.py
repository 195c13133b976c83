"""What a command loads first on a warehouse that holds nothing yet: the history of each channel."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from factorprism.cli.embedded import say
from factorprism.pipelines import Run, run_pipeline
from factorprism.pipelines.factors import compute_factors


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print one line with the time that the body has taken, once it has ended well."""
    started = time.perf_counter()
    yield
    say(f"{time.perf_counter() - started:6.1f} s  {what}")


def load_history(run: Run) -> bool:
    """Load the history of each channel that was never loaded; tell whether there was one.

    From `history_start` to the run's session; a load that was cut off goes on where it was.
    """
    pulls, source = run.ports.warehouse.pulls, run.ports.source.name
    absent = [name for name in run.universe.channels if not pulls.last_pulled(source, name)]
    if not absent:
        return False
    with timed("history: loaded, checked, factors computed"):
        span = {"first": run.config.history_start.isoformat(), "last": run.session.isoformat()}
        run_pipeline("backfill", run, {**span, "symbols": absent})
        compute_factors(run, {})
    return True
