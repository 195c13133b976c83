"""Keeps calls to a vendor under its quota and asks again where that can help."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import tenacity
from pyrate_limiter import Duration, InMemoryBucket, Rate, RateItem

from factorprism.core.errors import AccessDenied, SourceError, Throttled
from factorprism.sources._answers import RequestRefused

logger = logging.getLogger("factorprism.sources")
Answer = TypeVar("Answer")

ATTEMPTS = 6
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
# A quota is a window of one minute that may have begun long ago, so the first wait is short.
FIRST_THROTTLED_PAUSE_SECONDS = 15.0
# The vendor's hour or day is not waited out inside a task; the caller comes back later.
PATIENCE_SECONDS = 300.0


@dataclass(frozen=True)
class Clock:
    """Seconds that only move forward, and a way to let them pass."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class Pace:
    """At most `calls_per_minute` calls in any 60 seconds, each tried up to `ATTEMPTS` times.

    Holds within one process; across processes the vendor's own throttling answer is waited out.
    Every attempt counts against the quota.
    """

    def __init__(self, calls_per_minute: int, clock: Clock | None = None) -> None:
        self._clock = clock or Clock()
        # The bucket without the library's limiter: that one starts a thread of its own.
        self._bucket = InMemoryBucket([Rate(calls_per_minute, Duration.MINUTE)])

    def call(self, what: str, ask: Callable[[], Answer]) -> Answer:
        """Return ``ask()``; a passing `SourceError` is waited out, `what` names it in the log."""

        def attempt() -> Answer:
            self._take_turn()
            return ask()

        def tell(state: tenacity.RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            pause = state.next_action.sleep if state.next_action else 0.0
            reason = error.message if isinstance(error, SourceError) else ""
            logger.warning(
                "%s: %s; asking again in %.0f s (%d of %d)",
                what,
                reason,
                pause,
                state.attempt_number + 1,
                ATTEMPTS,
            )

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_can_pass),
            wait=_pause_after,
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            sleep=self._clock.sleep,
            before_sleep=tell,
            reraise=True,
        )
        return retrying(attempt)

    def _take_turn(self) -> None:
        while True:
            moment = int(self._clock.monotonic() * 1000)
            self._bucket.leak(moment)
            turn = RateItem("call", moment)
            if self._bucket.put(turn):
                return
            wait_ms = self._bucket.waiting(turn)
            assert isinstance(wait_ms, int)
            self._clock.sleep((max(wait_ms, 0) + 1) / 1000)


def _can_pass(error: BaseException) -> bool:
    if isinstance(error, Throttled):
        return error.retry_after <= PATIENCE_SECONDS
    return isinstance(error, SourceError) and not isinstance(error, (AccessDenied, RequestRefused))


def _pause_after(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    doubled = 2.0 ** (state.attempt_number - 1)
    if isinstance(error, Throttled):
        return min(error.retry_after, FIRST_THROTTLED_PAUSE_SECONDS * doubled)
    return min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * doubled)
