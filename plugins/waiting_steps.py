"""A step that waits: asked in short tasks, and asleep in between without a worker's slot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from airflow.sdk import Context
from airflow.triggers.base import BaseTrigger, TriggerEvent

from pipeline_steps import StepOperator
from session_runs import session_of, signal_of

LONGEST_SLEEP_SECONDS = 60.0


class SleepTrigger(BaseTrigger):
    """Wakes a task at `moment` (ISO, with a zone); asks nobody and writes no lines meanwhile."""

    def __init__(self, moment: str) -> None:
        super().__init__()
        self.moment = moment

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "waiting_steps.SleepTrigger", {"moment": self.moment}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        moment = datetime.fromisoformat(self.moment)
        # In pieces, because the machine may be suspended or its clock set.
        while (left := (moment - datetime.now(UTC)).total_seconds()) > 0:
            await asyncio.sleep(min(left, LONGEST_SLEEP_SECONDS))
        yield TriggerEvent(self.moment)


class WaitOperator(StepOperator):
    """Runs its step again and again while the source does not give what it must, up to patience.

    Each check is a short task of its own; between two the task is deferred and holds neither a
    worker nor a slot of a pool. A refusal that no waiting changes, as of a wrong token, fails at
    once. When patience has ended, a check in vain is the last one.
    """

    ui_color = "#f5f0dc"

    def do_step(self, context: Context, environ: Mapping[str, str]) -> dict[str, Any]:
        from factorprism.core.errors import AccessDenied, SourceError
        from factorprism.pipelines import find_patience

        session = session_of(context, environ)
        found, pause = find_patience(environ, session, signal_of(context))
        begun, ends = datetime.now(UTC), found.replace(tzinfo=UTC)
        try:
            return super().do_step(context, environ)
        except AccessDenied:
            raise
        except SourceError as error:
            if begun >= ends:
                raise
            self._sleep(error.message, min(datetime.now(UTC) + timedelta(seconds=pause), ends))

    def check_again(self, context: Context, event: Any = None) -> dict[str, Any] | list[Any]:
        """Go on after a sleep."""
        return self.execute(context)

    def is_final(self, error: Exception, environ: Mapping[str, str]) -> bool:
        from factorprism.core.errors import EmptyResponse

        return isinstance(error, EmptyResponse)

    def _sleep(self, reason: str, until: datetime) -> NoReturn:
        self.log.info("%s; checking again at %s UTC", reason, f"{until:%Y-%m-%d %H:%M:%S}")
        self.defer(trigger=SleepTrigger(until.isoformat()), method_name="check_again")
