"""The parent of a service's processes: it starts them, PostgreSQL first, and again what ends.

Run as ``python -m factorprism.services._keeper ROSTER RECORD``; the plan comes by stdin as one
line. It lives in a session of its own and ends by SIGTERM, or when the record does not name it
any more, its components with it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import psutil

from factorprism.core.errors import FactorPrismError, ServiceError
from factorprism.services._plan import Kept, Plan, Roster, recorded_keeper
from factorprism.services._processes import lives
from factorprism.services._reporter import Reporter
from factorprism.services.postgres import EmbeddedPostgres

LOOK_SECONDS = 1.0
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 30.0
STEADY_SECONDS = 60.0  # whoever has lived that long is started again after the first wait
ASKED_SECONDS = (8.0, 8.0, 60.0)
LOG_BYTES_MAX = 20_000_000


class Wait:
    """How long until the next try: longer after each that failed soon."""

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


class Component:
    """One command that is to run all the time, with a log of its own."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self.kept = Kept()
        self._command = command
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0.0
        self._wait = Wait()

    def look(self) -> str:
        """Return how the process has ended since the last look; empty when it lives or waits."""
        code = self._process.poll() if self._process else None
        if code is None:
            return ""
        self._process = None
        self._wait.begin(time.monotonic() - self._began)
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        self.kept = Kept(0, self.kept.ends + 1, how)
        return how

    def start_when_due(self, environment: Mapping[str, str]) -> bool:
        """Start it if it does not run and its wait is over; tell whether it was started."""
        if self._process is not None or not self._wait.is_over():
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

    def _launch(self, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        _rotate(self._log)
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


class Server:
    """The PostgreSQL of a home, started again as soon as its process is gone."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self._server = server
        self._process: psutil.Process | None = None
        self._wait = Wait()
        self.url = self._server.url()

    def look(self) -> str:
        """Return how the server has ended since the last look; empty when it lives or is known."""
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
            self.url = self._server.url()
            self._wait = Wait()
        except (FactorPrismError, psutil.Error, OSError) as error:
            say(f"PostgreSQL cannot be started: {error}")
            self._wait.begin(0.0)

    def _require_data(self) -> None:
        """Raise where the home was removed: a keeper brings back what was, never a new cluster."""
        if not (self._server.exists() and self._server.data_folder.exists()):
            raise ServiceError(f"the data folder of {self._server.home} is gone")


class Keeper:
    """Keeps the processes of `plan` up for as long as `record` names this process.

    `roster` says what has become of them.
    """

    def __init__(self, plan: Plan, roster: Roster, record: Path) -> None:
        self._plan = plan
        self._roster = roster
        self._record = record
        home = plan.server_home
        self._server = Server(EmbeddedPostgres(Path(home))) if home else None
        self._address = self._server.url if self._server else ""
        self._environment = dict(os.environ)
        self._components = {
            name: Component(command, Path(plan.logs) / f"{name}.log")
            for name, command in plan.components.items()
        }
        self._reporter = Reporter(plan.report)
        self._has_orphans = False

    def keep(self) -> None:
        """Look after all of them until SIGTERM, whatever goes wrong in one look."""
        try:
            while self._look_safely():
                time.sleep(LOOK_SECONDS)
        finally:
            self._end()

    def _look_safely(self) -> bool:
        """Look once, tried again where it fails; tell whether there is to be another look."""
        try:
            # A home that was removed may have been made anew, with a keeper of its own.
            if recorded_keeper(self._record) != os.getpid():
                say(f"{self._record} does not name this keeper any more: it ends")
                return False
            self._look_at_all()
        except Exception as error:
            say(f"a look failed and is repeated: {error!r}")
        try:
            self._write_down()
        except OSError as error:
            say(f"{self._roster.path} cannot be written: {error}")
        return True

    def _look_at_all(self) -> None:
        if self._server and (end := self._server.look()):
            self._note(f"PostgreSQL {end}")
            self._end_what_lived_on_the_server()
        for name, component in self._components.items():
            if end := component.look():
                self._has_orphans = True
                self._note(f"{self._plan.title} {name} {end}")
        if self._has_orphans:
            end_orphans()
            self._has_orphans = False
        if self._server is None or self._server.is_up():
            self._follow_the_server()
            for name, component in self._components.items():
                if component.start_when_due(self._environment):
                    say(f"{name} started as process {component.kept.pid}")
            self._reporter.tell(self._environment)

    def _write_down(self) -> None:
        kept = {name: component.kept for name, component in self._components.items()}
        if kept != self._roster.kept:
            roster = Roster(self._roster.path, kept)
            roster.save()
            self._roster = roster

    def _end_what_lived_on_the_server(self) -> None:
        """End all, since a component that has lost its database may linger for hours.

        Airflow's scheduler does, until the task under way has ended that nobody follows any more.
        """
        self._has_orphans = True
        for component in self._components.values():
            component.kill()

    def _follow_the_server(self) -> None:
        """Hand the server's address on where its port was taken meanwhile and it has another."""
        if self._server and self._server.url != self._address:
            old, new = _authority(self._address), _authority(self._server.url)
            self._environment = {
                name: value.replace(old, new) for name, value in self._environment.items()
            }
            self._address = self._server.url

    def _note(self, sentence: str) -> None:
        say(sentence)
        self._reporter.note(f"{sentence} at {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")

    def _end(self) -> None:
        """Ask the whole session at once, and again whoever has not ended after a while.

        A signal that comes at a bad moment is lost on some of Airflow's components.
        """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for patience in ASKED_SECONDS:
            for process in session_members():
                with contextlib.suppress(psutil.Error):
                    process.terminate()
            deadline = time.monotonic() + patience
            if all(component.has_ended(deadline) for component in self._components.values()):
                return
        for process in session_members():
            with contextlib.suppress(psutil.Error):
                process.kill()


def session_members() -> list[psutil.Process]:
    """Return the other processes of this session."""
    session, found = os.getsid(0), []
    for process in psutil.process_iter():
        with contextlib.suppress(OSError, psutil.Error):
            if process.pid != os.getpid() and os.getsid(process.pid) == session:
                found.append(process)
    return found


def end_orphans() -> None:
    """End what a dead component has left in this session, such as tasks without a scheduler.

    The scheduler that follows starts them anew; two at once would be one too many.
    """
    found = session_members()
    # Looked at later than the session, so that no child can be taken for an orphan.
    family = set(psutil.Process().children(recursive=True))
    for process in found:
        with contextlib.suppress(psutil.Error):
            if process not in family:
                process.kill()


def say(line: str) -> None:
    """Write `line` to the keeper's log, where the disk has room for it."""
    with contextlib.suppress(OSError):
        print(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {line}", flush=True)


def _authority(url: str) -> str:
    return url.split("://", 1)[1].split("/", 1)[0]


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
        log.replace(log.with_suffix(".log.1"))


def main() -> None:
    """Detach from the launcher, tell it the process id, and keep what the plan says.

    Nothing is started before the plan has come, so that nothing runs unrecorded when the
    launcher is killed on the way.
    """
    if pid := os.fork():
        print(pid, flush=True)
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    line = sys.stdin.readline()
    os.dup2(nowhere, 0)
    if not line:
        return
    plan = Plan(**json.loads(line))
    log = Path(plan.logs) / "keeper.log"
    _rotate(log)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    roster, record = (Path(word) for word in sys.argv[1:])
    Keeper(plan, Roster(roster), record).keep()


if __name__ == "__main__":
    main()
