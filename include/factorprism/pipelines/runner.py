"""Run one step (a DAG's task) or all steps in order (the command line) of a pipeline."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from datetime import date
from types import MappingProxyType, ModuleType
from typing import Any

from factorprism.core.config import load_config
from factorprism.core.errors import FactorPrismError
from factorprism.pipelines import backfill, daily, housekeeping, weekly
from factorprism.pipelines._run import Refs, Run, Step, open_ports

logger = logging.getLogger("factorprism.pipelines")

_MODULES: Mapping[str, ModuleType] = {
    "daily": daily,
    "weekly": weekly,
    "backfill": backfill,
    "housekeeping": housekeeping,
}
PIPELINES: Mapping[str, tuple[Step, ...]] = MappingProxyType(
    {name: module.STEPS for name, module in _MODULES.items()}
)
# The names that a DAG's tasks carry, in order.
STEPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {name: tuple(step.__name__ for step in steps) for name, steps in PIPELINES.items()}
)


def run_step(
    pipeline: str, step: str, session: date, refs: Mapping[str, Any], environ: Mapping[str, str]
) -> Refs:
    """Run one named step and return `refs` with what it adds.

    Configuration and ports come from `environ` and are closed again, so that a task may run in
    any process on any machine. Options of a run (``first``, ``last``, ``symbols``, ``mode``)
    travel in `refs`. The step ``withhold`` of the daily pipeline takes ``reason``.
    """
    body = _find_step(pipeline, step)
    config = load_config(environ)
    with open_ports(config) as ports:
        return {**refs, **body(Run(session, config, ports), refs)}


def run_pipeline(
    pipeline: str,
    run: Run,
    refs: Mapping[str, Any] | None = None,
    on_step: Callable[[str, float], None] = lambda name, seconds: None,
) -> Refs:
    """Run all steps of `pipeline` in order, one process at a time for a universe and session.

    A daily run whose forecast cannot be made writes the withheld row before the error goes on.
    """
    gathered: Refs = dict(refs or {})
    name = f"{pipeline} {run.config.universe_name} {run.session}"
    with run.ports.warehouse.lock(name):
        for step in PIPELINES[pipeline]:
            started = time.perf_counter()
            try:
                gathered |= step(run, gathered)
            except FactorPrismError as error:
                if pipeline == "daily" and "appended" not in gathered:
                    gathered |= daily.withhold(run, {"reason": error.message})
                raise
            on_step(step.__name__, time.perf_counter() - started)
    return gathered


def raise_step_alert(
    environ: Mapping[str, str], pipeline: str, step: str, session: date | None, message: str
) -> None:
    """Raise the alert of a failed or late step; a fault on the way is logged and never raised.

    A pipeline has one alert: while it is open nothing more is sent, and its next run that ends
    well closes it.
    """
    try:
        config = load_config(environ)
        with open_ports(config) as ports:
            run = Run(session or date.today(), config, ports)
            run.raise_alert(run.alert_key(pipeline), f"{pipeline}, step {step}: {message}")
    except FactorPrismError as error:
        logger.error("the failure of %s.%s could not be alerted: %s", pipeline, step, error)


def _find_step(pipeline: str, step: str) -> Step:
    if pipeline == "daily" and step == "withhold":
        return daily.withhold
    for body in PIPELINES.get(pipeline, ()):
        if body.__name__ == step:
            return body
    raise ValueError(f"step: {pipeline}.{step} does not exist; there are {dict(STEPS)}")
