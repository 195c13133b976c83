"""Alerts for what only Airflow sees: a task that failed for good, a run past its deadline.

The notifiers hand what they see to the package, which decides whether it is worth a message, and
sends it to the addresses of the connection ``prism_alerts``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import date, datetime
from types import SimpleNamespace
from typing import Any

from airflow.sdk import BaseNotifier
from airflow.sdk.exceptions import AirflowFailException

from session_runs import session_of, signal_of, task_environ

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


def fault_of(error: BaseException | str | None) -> str:
    """Return the word of the kind of fault that `error` is, as the package's catalogue has it."""
    from factorprism.alerts import classify_fault

    if isinstance(error, AirflowFailException):  # says that no retry helps, and not what it was
        error = error.__cause__
    return classify_fault(error).word


class FailureNotifier(BaseNotifier):
    """Raises an alert for the failed task of the context; a fault of its own hides nothing."""

    def notify(self, context: Mapping[str, Any]) -> None:
        task, error = context["task"], context.get("exception")
        _raise_alert(context, task.pipeline, task.task_id, sentence_of(error), error)


class DeadlineNotifier(BaseNotifier):
    """Raises the alert of a run of `pipeline` that has not ended in time; `message` says so."""

    def __init__(
        self, *, pipeline: str, step: str, message: str, signal: str = "", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.pipeline = pipeline
        self.step = step
        self.message = message
        self.signal = signal

    def notify(self, context: Mapping[str, Any]) -> None:
        alert_on_deadline(context, self.pipeline, self.step, self.message, self.signal)


alert_on_failure = FailureNotifier()


def alert_on_deadline(
    context: Mapping[str, Any], pipeline: str, step: str, message: str, signal: str = ""
) -> None:
    """Raise the alert of a run that has not ended in time; `context` is plain JSON here."""
    run = SimpleNamespace(**context["dag_run"])
    for name in ("logical_date", "run_after", "data_interval_end"):
        value = getattr(run, name)
        setattr(run, name, datetime.fromisoformat(value) if value else None)
    # The parameters that a person typed are in the run's conf.
    facts = {"dag_run": run, "params": run.conf or {}, "signal": signal}
    try:
        from factorprism.pipelines import raise_deadline_alert

        environ = task_environ()
        session = _session_or_none(facts, environ)
        raise_deadline_alert(environ, pipeline, step, session, message, signal_of(facts))
    except Exception:
        logger.exception("the alert of %s.%s could not be raised", pipeline, step)


def _raise_alert(
    context: Mapping[str, Any],
    pipeline: str,
    step: str,
    message: str,
    error: BaseException | str | None,
) -> None:
    try:
        from factorprism.pipelines import raise_step_alert

        environ = task_environ()
        session = _session_or_none(context, environ)
        signal = signal_of(context)
        raise_step_alert(environ, pipeline, step, session, message, fault_of(error), signal)
    except Exception:
        logger.exception("the alert of %s.%s could not be raised", pipeline, step)


def _session_or_none(context: Mapping[str, Any], environ: Mapping[str, str]) -> date | None:
    from factorprism.core.errors import FactorPrismError

    try:
        return session_of(context, environ)
    except FactorPrismError:
        return None
