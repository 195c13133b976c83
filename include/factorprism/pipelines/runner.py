"""Run one step (a DAG's task) or all steps in order (the command line) of a pipeline."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from importlib import import_module
from types import MappingProxyType
from typing import Any

from factorprism.alerts import catalogue, classify_fault
from factorprism.core import plan
from factorprism.core.config import load_config
from factorprism.core.errors import FactorPrismError, SourceError
from factorprism.core.severity import CRITICAL, WARNING
from factorprism.core.signals import find_signal
from factorprism.pipelines import daily
from factorprism.pipelines._run import Run, Step, StepContext, open_ports
from factorprism.pipelines.waiting import check_for_bars, describe_wait
from factorprism.pipelines.watch import watch
from factorprism.telemetry import bound

logger = logging.getLogger("factorprism.pipelines")


def load_step(step: plan.Step) -> Step:
    """Return the body of `step`."""
    body: Step = getattr(import_module(f"factorprism.pipelines.{step.module}"), step.name)
    return body


PIPELINES: Mapping[str, tuple[Step, ...]] = MappingProxyType(
    {name: tuple(map(load_step, steps)) for name, steps in plan.PLAN.items()}
)


def run_step(
    pipeline: str,
    step: str,
    session: date,
    context: Mapping[str, Any],
    environ: Mapping[str, str],
    signal: str = "",
) -> StepContext:
    """Run one named step of `signal` (empty: the default one); return `context` with its results.

    Configuration and ports come from `environ` and are closed again, so that a task may run in
    any process on any machine. Options of a run (``first``, ``last``, ``symbols``, ``mode``)
    travel in `context`. The steps ``withhold``, which takes ``reason`` and ``fault``, and ``watch``
    of the daily pipeline stand beside its order.
    """
    body = load_step(plan.find_step(pipeline, step))
    config = load_config(environ)
    with open_ports(config) as ports:
        run = Run(session, find_signal(config, signal), config, ports)
        with _watched(run, pipeline, step):
            return {**context, **body(run, context)}


def run_pipeline(
    pipeline: str,
    run: Run,
    context: Mapping[str, Any] | None = None,
    on_step: Callable[[str, float], None] = lambda name, seconds: None,
) -> StepContext:
    """Run all steps of `pipeline` in order, one process at a time for a signal and session.

    A daily run whose forecast cannot be made writes the withheld row before the error goes on.
    """
    name = f"{pipeline} {run.signal.name} {run.session}"
    with run.ports.warehouse.lock(name):
        if pipeline != "daily":
            return _run_steps(pipeline, run, dict(context or {}), on_step)
        try:
            return _run_steps(pipeline, run, dict(context or {}), on_step)
        finally:
            watch(run, {})


def _run_steps(
    pipeline: str, run: Run, gathered: StepContext, on_step: Callable[[str, float], None]
) -> StepContext:
    for step in PIPELINES[pipeline]:
        started = time.perf_counter()
        try:
            with _watched(run, pipeline, step.__name__):
                gathered |= step(run, gathered)
        except FactorPrismError as error:
            if pipeline == "daily" and "appended" not in gathered:
                cause = {"reason": error.message, "fault": classify_fault(error).word}
                gathered |= daily.withhold(run, cause)
            raise
        on_step(step.__name__, time.perf_counter() - started)
    return gathered


def raise_step_alert(
    environ: Mapping[str, str],
    pipeline: str,
    step: str,
    session: date | None,
    message: str,
    fault: str = "",
    signal: str = "",
) -> None:
    """Raise the alert of a failed step; a fault on the way is logged and never raised.

    Before a daily run has published, its failure is reported under the kind of its `fault`, the
    word of `classify_fault`, as `withhold` does. Any other pipeline has one alert: while it is open
    nothing more is sent, and its next run that ends well closes it.
    """
    with _alerting(environ, pipeline, step, session, signal) as run:
        if _precedes_ledger(pipeline, step):
            daily.raise_evening(run, fault, f"{pipeline}, step {step}: {message}")
        elif pipeline != "daily" or not _is_reason_reported(run):
            run.raise_alert(run.alert_key(pipeline), f"{pipeline}, step {step}: {message}")


def raise_deadline_alert(
    environ: Mapping[str, str],
    pipeline: str,
    step: str,
    session: date | None,
    message: str,
    signal: str = "",
) -> None:
    """Raise the alert of a run that is late, unless the reason for it is reported already.

    Where the run waits for bars, it says which and until when instead of `message`.
    """
    with _alerting(environ, pipeline, step, session, signal) as run:
        if not _is_reason_reported(run):
            key = run.key_of(catalogue.DEADLINE)
            waits = _words_of_wait(run)
            # A run that waits within its patience is late, and nothing is amiss with it.
            severity = WARNING if waits else CRITICAL
            run.raise_alert(key, waits or f"{pipeline}, step {step}: {message}", severity)


def _words_of_wait(run: Run) -> str:
    """Say what the run still waits for; empty where all bars are there or patience has ended."""
    waited = describe_wait(run)
    try:
        if waited:
            check_for_bars(run)
    except SourceError as error:
        return f"the forecast of {run.session} is late: {error.message}; {waited}"
    return ""


def _is_reason_reported(run: Run) -> bool:
    """Tell whether an alert is open that says why there is no forecast."""
    open_keys = {alert.key for alert in run.ports.warehouse.alerts.list_open_alerts()}
    return bool(open_keys & {run.key_of(kind) for kind in catalogue.EVENING})


@contextmanager
def _alerting(
    environ: Mapping[str, str], pipeline: str, step: str, session: date | None, signal: str
) -> Iterator[Run]:
    """Give the run that an alert is raised in; whatever goes wrong with it is only logged."""
    try:
        config = load_config(environ)
        with open_ports(config) as ports:
            yield Run(session or date.today(), find_signal(config, signal), config, ports)
    except FactorPrismError as error:
        logger.error("the failure of %s.%s could not be alerted: %s", pipeline, step, error)


@contextmanager
def _watched(run: Run, pipeline: str, step: str) -> Iterator[None]:
    """Let the log's lines say what runs, and measure how long it takes."""
    started, outcome = time.perf_counter(), "done"
    facts = {"session": run.session, "signal": run.signal.name}
    with bound(pipeline=pipeline, step=step, **facts):
        try:
            yield
        except Exception as error:
            outcome = type(error).__name__
            raise
        finally:
            seconds = time.perf_counter() - started
            labels = {"pipeline": pipeline, "step": step, "outcome": outcome}
            run.ports.meter.record("prism.step.duration", seconds, **labels)


def _precedes_ledger(pipeline: str, step: str) -> bool:
    """Tell whether without `step` there is no row of the evening yet."""
    return pipeline == "daily" and step in (*plan.list_before("daily", "publish"), "publish")
