"""Alerts for what only Airflow sees: a task that failed for good, a run past its deadline."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import date, datetime
from types import SimpleNamespace
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

from session_runs import session_of, task_environ

logger = logging.getLogger(__name__)


def sentence_of(error: BaseException | str | None) -> str:
    """Return what may be shown of `error`: its own words only where they are the package's.

    Another library's message may hold an address with a password.
    """
    from factorprism.core.errors import FactorPrismError

    if isinstance(error, FactorPrismError | AirflowFailException):
        return str(error)
    if isinstance(error, BaseException):
        return f"{type(error).__name__}; the task's log has the details"
    return "was stopped from outside; the task's log has the details"


def alert_on_failure(context: Mapping[str, Any]) -> None:
    """Raise an alert for the failed task of `context`; a fault here never hides the task's own."""
    task = context["task"]
    message = sentence_of(context.get("exception"))
    _raise_alert(context, task.pipeline, task.task_id, message)


def alert_on_deadline(context: Mapping[str, Any], pipeline: str, step: str, message: str) -> None:
    """Raise the alert of a run that has not ended in time; `context` is plain JSON here."""
    run = SimpleNamespace(**context["dag_run"])
    for name in ("logical_date", "run_after", "data_interval_end"):
        value = getattr(run, name)
        setattr(run, name, datetime.fromisoformat(value) if value else None)
    # The parameters that a person typed are in the run's conf.
    facts = {"dag_run": run, "params": run.conf or {}}
    _raise_alert(facts, pipeline, step, message)


def _raise_alert(context: Mapping[str, Any], pipeline: str, step: str, message: str) -> None:
    try:
        from factorprism.pipelines import raise_step_alert

        environ = task_environ()
        raise_step_alert(environ, pipeline, step, _session_or_none(context, environ), message)
    except Exception:
        logger.exception("the alert of %s.%s could not be raised", pipeline, step)


def _session_or_none(context: Mapping[str, Any], environ: Mapping[str, str]) -> date | None:
    from factorprism.core.errors import FactorPrismError

    try:
        return session_of(context, environ)
    except FactorPrismError:
        return None
