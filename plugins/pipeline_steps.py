"""One task, one step of a use case: what every task of every DAG here has in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseOperator, Context, ExceptionRetryPolicy, RetryAction, RetryRule, XComArg
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from session_runs import session_of, signal_of, task_environ
from task_alerts import alert_on_failure, fault_of, sentence_of

ERRORS = "factorprism.core.errors"
REASON, FAULT = "reason", "fault"

# Named by path, because a DAG file must not import the package. The first rule that fits decides.
RETRY_POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception=[
                f"{ERRORS}.AccessDenied",
                f"{ERRORS}.ConfigurationError",
                f"{ERRORS}.QualityError",
                f"{ERRORS}.LookAheadError",
                f"{ERRORS}.PromotionError",
                f"{ERRORS}.ArtefactError",
                "builtins.ValueError",
                "builtins.TypeError",
                "builtins.LookupError",
                "builtins.AttributeError",
                "builtins.ImportError",
                "builtins.AssertionError",
            ],
            action=RetryAction.FAIL,
            reason="another try would end the same way",
        ),
        RetryRule(
            exception=[f"{ERRORS}.Throttled", f"{ERRORS}.EmptyResponse"],
            action=RetryAction.RETRY,
            retry_delay=timedelta(minutes=5),
            reason="the vendor needs time",
        ),
        # Networks and servers come back: the task's own exponential delays apply.
        RetryRule(
            exception=[
                f"{ERRORS}.SourceError",
                f"{ERRORS}.WarehouseError",
                f"{ERRORS}.ServiceError",
                "builtins.OSError",
            ],
            action=RetryAction.RETRY,
            reason="the other side may come back",
        ),
    ],
)

DEFAULT_ARGS: Mapping[str, Any] = {
    "owner": "factorprism",
    "retries": 4,
    "retry_delay": timedelta(minutes=1),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=15),
    "retry_policy": RETRY_POLICY,
    "execution_timeout": timedelta(minutes=15),  # of a task that is no step of the plan
    "on_failure_callback": alert_on_failure,
}


def arguments_of(pipeline: str, step: str, signal: str = "") -> dict[str, Any]:
    """Return what the plan says of the task of `step`: its name, pool, queue and time limit.

    Raises ``ValueError`` for a step that the plan has not.
    """
    from factorprism.core.plan import find_step  # light: a DAG file asks when it is parsed

    planned = find_step(pipeline, step)
    where = {"pool": planned.pool, "queue": planned.queue}
    return {
        "task_id": step,
        "pipeline": pipeline,
        "signal": signal,
        "execution_timeout": planned.limit,
        **{name: value for name, value in where.items() if value},
    }


def list_before(pipeline: str, step: str) -> list[str]:
    """Return the names of the steps of `pipeline` before `step`, in order."""
    from factorprism.core import plan

    return plan.list_before(pipeline, step)


def chain_steps(
    pipeline: str,
    *,
    signal: str = "",
    operators: Mapping[str, type[StepOperator]] | None = None,
    more: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, StepOperator]:
    """Return the tasks of all steps of `pipeline` by name, each given what the one before gave.

    `operators` name those that are no plain `StepOperator`, `more` holds further arguments.
    """
    from factorprism.core.plan import PLAN

    tasks: dict[str, StepOperator] = {}
    step_context: XComArg | None = None
    for step in PLAN[pipeline]:
        operator = (operators or {}).get(step.name, StepOperator)
        added = (more or {}).get(step.name, {})
        task = operator(
            step_context=step_context, **arguments_of(pipeline, step.name, signal), **added
        )
        tasks[step.name], step_context = task, task.output
    return tasks


class StepOperator(BaseOperator):
    """Runs the step of `pipeline` that the task is named after.

    `step_context` holds what the task before hands on: names, ids, hashes and paths. The first task
    of a DAG begins it with the run's parameters named in `options`. The return value is small JSON:
    the whole context, or of it the list `hands_on` that another task is mapped over, each given one
    as its `fold`. The step is one of `signal`, or where that is empty of the signal that the run's
    parameter names.
    """

    template_fields: Sequence[str] = ("step_context", "fold")
    ui_color = "#e6eef8"

    def __init__(
        self,
        *,
        pipeline: str,
        step_context: XComArg | Mapping[str, Any] | None = None,
        options: Sequence[str] = (),
        hands_on: str = "",
        signal: str = "",
        fold: XComArg | Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pipeline = pipeline
        self.step_context = step_context
        self.options = tuple(options)
        self.hands_on = hands_on
        self.signal = signal
        self.fold = fold

    def execute(self, context: Context) -> dict[str, Any] | list[Any]:
        from factorprism.core.errors import EndOfData

        environ = task_environ()
        try:
            done = self.do_step(context, environ)
            return done[self.hands_on] if self.hands_on else done
        except EndOfData as error:
            # Nothing is amiss, and nobody is to be woken: there is no such session.
            raise AirflowSkipException(str(error)) from error
        except Exception as error:
            words = sentence_of(error)
            self.log.error("%s", words)  # the plain language, above Airflow's traceback
            # The sentence without its remedy, as the command line writes it to the ledger.
            context["ti"].xcom_push(key=REASON, value=words.splitlines()[0])
            context["ti"].xcom_push(key=FAULT, value=fault_of(error))
            if self.is_final(error, environ):
                raise AirflowFailException(words) from error
            raise

    def do_step(self, context: Context, environ: Mapping[str, str]) -> dict[str, Any]:
        """Run the step and return the whole context."""
        from factorprism.pipelines import run_step

        signal = signal_of(context)
        session = session_of(context, environ)
        step_context = self.collect_context(context)
        return run_step(self.pipeline, self.task_id, session, step_context, environ, signal)

    def is_final(self, error: Exception, environ: Mapping[str, str]) -> bool:
        """Tell whether no retry can help, because the data come with the package."""
        from factorprism.core.config import load_config
        from factorprism.core.errors import EmptyResponse

        return isinstance(error, EmptyResponse) and load_config(environ).source == "sample"

    def collect_context(self, context: Context) -> dict[str, Any]:
        """Return the context that the step is given."""
        params = context["params"]
        chosen = {name: params[name] for name in self.options if params.get(name) is not None}
        one = {"fold": dict(self.fold)} if self.fold else {}
        return {**chosen, **(self.step_context or {}), **one}


class WithholdOperator(StepOperator):
    """Writes down why there is no forecast, once one of the steps before has failed for good."""

    ui_color = "#f8e6e6"

    def __init__(self, *, steps: Sequence[StepOperator], **kwargs: Any) -> None:
        super().__init__(trigger_rule="one_failed", **kwargs)
        self.step_ids = tuple(step.task_id for step in steps)
        self.set_upstream(list(steps))

    def collect_context(self, context: Context) -> dict[str, Any]:
        step_context: dict[str, Any] = {}
        for step_id in self.step_ids:
            added = context["ti"].xcom_pull(task_ids=step_id)
            if added is None:
                return {**step_context, **self._cause_at(step_id, context)}
            step_context |= added
        raise AirflowFailException("No step has failed: there is nothing to withhold.")

    def _cause_at(self, step_id: str, context: Context) -> dict[str, str]:
        """Return why there is no forecast, and the kind of fault, as the failed step said it."""
        reason, fault = (
            context["ti"].xcom_pull(task_ids=step_id, key=key) for key in (REASON, FAULT)
        )
        return {REASON: reason or f"{step_id} {sentence_of(None)}", FAULT: fault or ""}


class WatchOperator(StepOperator):
    """The step ``watch``: a teardown, so that it runs whatever became of the tasks before.

    It is no part of the run's state: a red run stays red, and a green one green.
    """

    ui_color = "#e8f3e8"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.as_teardown(on_failure_fail_dagrun=False)
