"""The checks after each evening: what no step notices by failing, and what is still pending.

Runs whatever became of the run, fails none, and loads no network.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from factorprism.alerts import kind_of
from factorprism.core.errors import FactorPrismError
from factorprism.core.sessions import utc_now
from factorprism.core.severity import INFO, WARNING
from factorprism.health import WATCH, Level, Question, list_checks, list_questions
from factorprism.pipelines._run import Run, StepContext
from factorprism.pipelines.checking import subject_of
from factorprism.pipelines.gauges import measure_gauges

logger = logging.getLogger("factorprism.pipelines")

MEASURED = {Level.WELL: 0.0, Level.NOTE: 1.0, Level.FAULT: 2.0}


def watch(run: Run, context: Mapping[str, Any]) -> StepContext:
    """Ask the checks, raise and close their alerts, measure the gauges, send what is pending.

    No check is asked for a session before the ledger's newest: it says nothing of today.
    """
    newest: list[bool] = []
    _guard("the ledger", lambda: newest.append(_is_newest(run)))
    if newest == [True]:
        for question in list_questions(
            list_checks(WATCH), subject_of(run, utc_now()), [run.signal]
        ):
            _guard(question.name, partial(_tell_results, run, question))
        _guard("the metrics", partial(measure_gauges, run))
    _guard("the messages", lambda: _tell(run))
    return {}


def _guard(what: str, work: Callable[[], object]) -> None:
    """Do `work`; a fault of it is only logged, since the other checks must not wait for it."""
    try:
        work()
    except FactorPrismError as error:
        logger.warning("watch, %s: %s", what, error.message)
    except Exception:
        logger.exception("watch, %s: failed", what)


def _is_newest(run: Run) -> bool:
    later = run.session + timedelta(days=1)
    return not run.ports.warehouse.forecasts.load_forecasts(run.signal.name, first=later)


def _tell_results(run: Run, question: Question) -> None:
    """Keep the alert of each result open for as long as the check does not find it well."""
    for result in question.ask():
        if not kind_of(result.key).lasts:
            run.record_event(result.key, result.sentence)
            continue
        run.ports.meter.record("prism.check", MEASURED[result.level], check=result.name)
        if result.level is Level.WELL:
            run.resolve_alert(result.key, result.sentence)
        else:
            severity = WARNING if result.level is Level.FAULT else INFO
            run.raise_alert(result.key, result.sentence, severity)


def _tell(run: Run) -> None:
    run.ports.delivery.tell()
    heads = run.ports.warehouse.forecasts.list_heads()
    run.ports.delivery.tell_digest(run.signal.name, run.session, heads)
