"""Calls to a vendor: never more in a minute than allowed, and passing errors are waited out."""

from __future__ import annotations

import logging

import pytest

from factorprism.core.errors import AccessDenied, MalformedResponse, SourceError, Throttled
from factorprism.sources._answers import RequestRefused
from factorprism.sources._pace import ATTEMPTS, Clock, Pace
from still_clock import StillClock


class Vendor:
    """Raises `errors` one by one, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.n_calls = 0

    def ask(self) -> str:
        self.n_calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


@pytest.fixture
def clock() -> StillClock:
    return StillClock(1000.0)


def pace_of(clock: StillClock, calls_per_minute: int = 100) -> Pace:
    return Pace(calls_per_minute, Clock(clock.monotonic, clock.sleep))


@pytest.mark.parametrize("calls_per_minute", [1, 7, 200])
def test_no_minute_holds_more_calls_than_allowed(clock: StillClock, calls_per_minute: int) -> None:
    pace = pace_of(clock, calls_per_minute)
    moments: list[float] = []
    for _ in range(3 * calls_per_minute + 1):
        pace.call("x", lambda: moments.append(clock.seconds))
        clock.seconds += 0.01
    for moment in moments:
        assert sum(moment <= other < moment + 60 for other in moments) <= calls_per_minute
    assert moments[-1] - moments[0] < 182


def test_a_passing_error_is_waited_out_ever_longer(clock: StillClock) -> None:
    vendor = Vendor(*[SourceError("later") for _ in range(ATTEMPTS - 1)])
    assert pace_of(clock).call("x", vendor.ask) == "answer"
    assert clock.pauses == [1.0, 2.0, 4.0, 8.0, 16.0]


def test_throttling_is_waited_out_beyond_a_minute(clock: StillClock) -> None:
    vendor = Vendor(*[Throttled("full") for _ in range(ATTEMPTS - 1)])
    assert pace_of(clock).call("x", vendor.ask) == "answer"
    assert clock.pauses == [15.0, 30.0, 60.0, 60.0, 60.0]


def test_the_last_error_is_raised_when_attempts_are_used_up(clock: StillClock) -> None:
    vendor = Vendor(*[MalformedResponse(f"bad {n}") for n in range(20)])
    with pytest.raises(MalformedResponse, match="bad 5"):
        pace_of(clock).call("x", vendor.ask)
    assert vendor.n_calls == ATTEMPTS


@pytest.mark.parametrize(
    "error",
    [
        AccessDenied("wrong token"),
        RequestRefused("no such page"),
        Throttled("come back tomorrow", retry_after=86400),
        ValueError("a fault of ours"),
    ],
)
def test_what_cannot_pass_is_raised_at_once(clock: StillClock, error: Exception) -> None:
    vendor = Vendor(error)
    with pytest.raises(type(error)):
        pace_of(clock).call("x", vendor.ask)
    assert (vendor.n_calls, clock.pauses) == (1, [])


def test_each_wait_is_reported(clock: StillClock, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "factorprism.sources"):
        pace_of(clock).call("tushare daily", Vendor(SourceError("HTTP 502")).ask)
    assert caplog.messages == ["tushare daily: HTTP 502; asking again in 1 s (2 of 6)"]


def test_attempts_count_against_the_quota(clock: StillClock) -> None:
    pace = pace_of(clock, calls_per_minute=2)
    pace.call("x", Vendor(SourceError("once")).ask)
    pace.call("x", Vendor().ask)
    assert clock.seconds - 1000.0 >= 60
