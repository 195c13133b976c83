"""What a keeper keeps up: commands and their PostgreSQL, each started again after a wait."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import psutil

from factorprism.core.errors import FactorPrismError, ServiceError
from factorprism.services._group import lives
from factorprism.services._logs import bound_log, say
from factorprism.services._plan import ComponentState
from factorprism.services._ports import is_free
from factorprism.services.postgres import EmbeddedPostgres

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 30.0
STEADY_SECONDS = 60.0  # whoever has lived that long is started again after the first wait


class Wait:
    """The time until the next try: longer after each that failed soon."""

    def __init__(self) -> None:
        self._length = FIRST_WAIT_SECONDS
        self._due = 0.0

    def is_over(self) -> bool:
        return time.monotonic() >= self._due

    def begin(self, lived_seconds: float) -> None:
        """Wait before the next try, after one that has `lived_seconds`."""
        if lived_seconds >= STEADY_SECONDS:
            self._length = FIRST_WAIT_SECONDS
        self._due = time.monotonic() + self._length
        self._length = min(2 * self._length, LONGEST_WAIT_SECONDS)


REFUSALS_MAX = 1  # what has just ended may hold the port for a moment yet


class Component:
    """One command that is to run all the time, with a log of its own.

    `port` is the one that it listens on, 0 for none: while another program holds it no start is
    tried, since it would end at once.
    """

    def __init__(self, command: Sequence[str], log: Path, port: int = 0) -> None:
        self.kept = ComponentState()
        self._command = command
        self._log = log
        self._port = port
        self._refusals = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0.0
        self._wait = Wait()

    def check(self) -> str:
        """Return how the process has ended since the last check; empty when it lives or waits."""
        bound_log(self._log)
        code = self._process.poll() if self._process else None
        if code is None:
            return ""
        self._process = None
        self._wait.begin(time.monotonic() - self._began)
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        self.kept = ComponentState(0, self.kept.ends + 1, how)
        return how

    def start_when_due(self, environment: Mapping[str, str]) -> bool:
        """Start it if it does not run, its wait is over and its port free; tell whether it was."""
        if self._process is not None or not self._wait.is_over() or not self._has_port():
            return False
        try:
            self._process = self._launch(environment)
        except OSError as error:
            say(f"{self._log.stem} cannot be started: {error}")
            self._wait.begin(0.0)
            return False
        self._began = time.monotonic()
        self.kept = ComponentState(self._process.pid, self.kept.ends, self.kept.last)
        return True

    def _has_port(self) -> bool:
        """Tell whether it can listen; where it cannot for longer, `kept` names the port."""
        if not self._port or is_free(self._port):
            self._refusals = 0
            return True
        self._refusals += 1
        if self._refusals > REFUSALS_MAX:
            self._wait.begin(0.0)
            self.kept = replace(self.kept, waits_for=self._port)
        return False

    def _launch(self, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                self._command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def kill(self) -> None:
        """End it at once, to be started again as soon as that makes sense; no fault of its own."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None
            self.kept = ComponentState(0, self.kept.ends, self.kept.last)

    def has_ended(self, deadline: float) -> bool:
        """Wait for its end until `deadline` of the monotonic clock; tell whether it has come."""
        if self._process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(max(0.0, deadline - time.monotonic()))
        return self._process is None or self._process.poll() is not None


class Server:
    """The PostgreSQL of a home, started again as soon as its process is gone."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self._server = server
        self._process: psutil.Process | None = None
        self._wait = Wait()
        self.url = self._server.url("postgres")

    def check(self) -> str:
        """Return how the server has ended since the last check; empty when it lives or is known."""
        bound_log(self._server.log)
        if self._process is None or lives(self._process):
            return ""
        self._process = None
        return "has ended"

    def is_up(self) -> bool:
        """Tell whether it takes connections, after a start where that was due.

        Its address may be another afterwards.
        """
        if self._process is None and self._wait.is_over():
            self._start()
        return self._process is not None

    def _start(self) -> None:
        try:
            self._require_data()
            self._server.start()
            pid = self._server.pid()
            if pid is None:
                raise ServiceError("it has ended at once")
            self._process = psutil.Process(pid)
            self.url = self._server.url("postgres")
            self._wait = Wait()
        except (FactorPrismError, psutil.Error, OSError) as error:
            say(f"PostgreSQL cannot be started: {error}")
            self._wait.begin(0.0)

    def _require_data(self) -> None:
        """Raise where the home was removed: a keeper brings back what was, never a new cluster."""
        if not (self._server.exists() and self._server.data_folder.exists()):
            raise ServiceError(f"the data folder of {self._server.home} is gone")
