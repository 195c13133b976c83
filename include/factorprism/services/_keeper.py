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
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from factorprism.services._group import list_session
from factorprism.services._kept import Component, Server
from factorprism.services._logs import bound_log, say
from factorprism.services._plan import Plan, Roster, recorded_keeper
from factorprism.services._ports import FREE_THE_PORT, describe_taken
from factorprism.services._reporter import Reporter
from factorprism.services.postgres import EmbeddedPostgres


def session_members() -> list[psutil.Process]:
    """Return the other processes of this session."""
    return [process for process in list_session(os.getsid(0)) if process.pid != os.getpid()]


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


CHECK_SECONDS = 1.0
ASKED_SECONDS = (8.0, 8.0, 60.0)
LOG_NAME = "keeper.log"


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
            name: Component(command, Path(plan.logs) / f"{name}.log", plan.ports.get(name, 0))
            for name, command in plan.components.items()
        }
        self._reporter = Reporter(plan.report)
        self._has_orphans = False

    def keep(self) -> None:
        """Look after all of them until SIGTERM, whatever goes wrong in one check."""
        try:
            while self._check_safely():
                time.sleep(CHECK_SECONDS)
        finally:
            self._end()

    def _check_safely(self) -> bool:
        """Check once, tried again where it fails; tell whether there is to be another check."""
        try:
            # A home that was removed may have been made anew, with a keeper of its own.
            if recorded_keeper(self._record) != os.getpid():
                say(f"{self._record} does not name this keeper any more: it ends")
                return False
            self._check_all()
        except Exception as error:
            say(f"a check failed and is repeated: {error!r}")
        try:
            self._write_down()
        except OSError as error:
            say(f"{self._roster.path} cannot be written: {error}")
        return True

    def _check_all(self) -> None:
        bound_log(Path(self._plan.logs) / LOG_NAME)
        if self._server and (end := self._server.check()):
            self._note(f"PostgreSQL {end}")
            self._end_what_lived_on_the_server()
        for name, component in self._components.items():
            if end := component.check():
                self._has_orphans = True
                self._note(f"{self._plan.title} {name} {end}")
        if self._has_orphans:
            end_orphans()
            self._has_orphans = False
        if self._server is None or self._server.is_up():
            self._follow_the_server()
            for name, component in self._components.items():
                self._start(name, component)
            all_run = all(component.kept.pid for component in self._components.values())
            self._reporter.tell(self._environment, all_run=all_run)

    def _start(self, name: str, component: Component) -> None:
        """Start `component` where that is due, and say once who holds its port."""
        known = component.kept.waits_for
        if component.start_when_due(self._environment):
            say(f"{name} started as process {component.kept.pid}")
        elif (port := component.kept.waits_for) not in (0, known):
            self._note(f"{self._plan.title} {name} waits: {describe_taken(port)}", FREE_THE_PORT)

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
            old, new = urlsplit(self._address), urlsplit(self._server.url)
            # Each login has an address of its own, and all of them have moved.
            before, now = (f"@{url.hostname}:{url.port}/" for url in (old, new))
            self._environment = {
                name: value.replace(before, now) for name, value in self._environment.items()
            }
            self._address = self._server.url
            taken = describe_taken(old.port or 0)
            self._note(f"PostgreSQL has moved to port {new.port}, since {taken}")

    def _note(self, sentence: str, remedy: str = "") -> None:
        """Say it in the log, and keep it for the alert with the time; `remedy` follows."""
        say(f"{sentence}. {remedy}" if remedy else sentence)
        reported = f"{sentence} at {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
        self._reporter.note(f"{reported}. {remedy}" if remedy else reported)

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
    with (Path(plan.logs) / LOG_NAME).open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    roster, record = (Path(word) for word in sys.argv[1:])
    Keeper(plan, Roster(roster), record).keep()


if __name__ == "__main__":
    main()
