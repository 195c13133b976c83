"""One command that a keeper keeps running: started when that makes sense, watched, and ended."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from factorprism.services._logs import bound_log, say
from factorprism.services._plan import Kept
from factorprism.services._ports import is_free
from factorprism.services._wait import Wait

REFUSALS_MAX = 1  # what has just ended may hold the port for a moment yet


class Component:
    """One command that is to run all the time, with a log of its own.

    `port` is the one that it listens on, 0 for none: while another program holds it no start is
    tried, since it would end at once.
    """

    def __init__(self, command: Sequence[str], log: Path, port: int = 0) -> None:
        self.kept = Kept()
        self._command = command
        self._log = log
        self._port = port
        self._refusals = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0.0
        self._wait = Wait()

    def look(self) -> str:
        """Return how the process has ended since the last look; empty when it lives or waits."""
        bound_log(self._log)
        code = self._process.poll() if self._process else None
        if code is None:
            return ""
        self._process = None
        self._wait.begin(time.monotonic() - self._began)
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        self.kept = Kept(0, self.kept.ends + 1, how)
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
        self.kept = Kept(self._process.pid, self.kept.ends, self.kept.last)
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
            self.kept = Kept(0, self.kept.ends, self.kept.last)

    def has_ended(self, deadline: float) -> bool:
        """Wait for its end until `deadline` of the monotonic clock; tell whether it has come."""
        if self._process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(max(0.0, deadline - time.monotonic()))
        return self._process is None or self._process.poll() is not None
