"""A service's processes as one session: launched detached, found again, ended together."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from factorprism.core.errors import ServiceError
from factorprism.core.files import PRIVATE, write_atomic
from factorprism.services._files import read_stripped
from factorprism.services._plan import ComponentState, Plan, Roster, recorded_keeper
from factorprism.services._ports import FREE_THE_PORT, describe_taken, is_free


def lives(process: psutil.Process) -> bool:
    """Tell whether `process` is the one it was and has not ended."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def list_session(session: int) -> list[psutil.Process]:
    """Return the living processes of the session of this number."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(OSError, psutil.Error):
            if os.getsid(process.pid) == session and lives(process):
                found.append(process)
    return found


KILL_SECONDS = 60.0  # even a killed process takes its time on a busy machine


@dataclass(frozen=True)
class ProcessGroup:
    """The processes of one service of one home.

    ``record`` remembers the session and when it began; ``marker`` is an environment variable
    with its value that the processes carry. A session's number is not given away while one of
    its processes lives, so one that matches all three proves the whole session ours.
    """

    record: Path
    marker: tuple[str, str]

    def launch(self, plan: Plan, environment: Mapping[str, str]) -> None:
        """Start a keeper, which starts what `plan` names, in a session of its own."""
        logs = Path(plan.logs)
        logs.mkdir(parents=True, exist_ok=True)
        self._roster_file.unlink(missing_ok=True)
        hold, release = os.pipe()
        try:
            files = [self._roster_file.absolute(), self.record.absolute()]
            done = subprocess.run(
                [sys.executable, "-m", "factorprism.services._keeper", *files],
                # A process that sets its own title must not write over the marker.
                env=dict(environment) | dict([self.marker]) | {"SPT_NOENV": "1"},
                cwd=logs,
                stdin=hold,
                capture_output=True,
                start_new_session=True,
                check=True,
                text=True,
            )
            keeper = int(done.stdout)
            held = {"session": os.getsid(keeper), "keeper": keeper, "began": time.time()}
            write_atomic(self.record, json.dumps(held) + "\n", mode=PRIVATE)
            os.write(release, plan.encode().encode() + b"\n")
        except subprocess.CalledProcessError as exc:
            raise ServiceError(f"cannot start {plan.title}: {exc.stderr[-300:].strip()}") from exc
        except (OSError, ValueError) as exc:
            raise ServiceError(f"cannot start {plan.title}: {exc}") from exc
        finally:
            os.close(hold)
            os.close(release)

    def is_kept(self) -> bool:
        """Tell whether the recorded keeper lives and looks after its components."""
        return self._keeper() in {process.pid for process in self.members()}

    def kept(self) -> Mapping[str, ComponentState]:
        """Return what has become of each component since the launch; empty before the first."""
        return Roster.load(self._roster_file).kept

    def blocked(self) -> dict[str, str]:
        """Say of each component that waits for its port who holds that, by its name."""
        ports = {name: kept.waits_for for name, kept in self.kept().items() if kept.waits_for}
        if not ports or not self.is_kept():
            return {}
        return {name: describe_taken(port) for name, port in ports.items() if not is_free(port)}

    def require_ports(self, title: str) -> None:
        """Raise `ServiceError` where a component waits for a port that another program holds."""
        for name, held in self.blocked().items():
            raise ServiceError(f"{title} {name} cannot start: {held}", remedy=f"{FREE_THE_PORT}.")

    @property
    def _roster_file(self) -> Path:
        return self.record.with_name("kept.json")

    def _keeper(self) -> int:
        return recorded_keeper(self.record)

    def members(self) -> list[psutil.Process]:
        """Return the living processes of the recorded session."""
        text = read_stripped(self.record)
        if not text:
            return []
        held = json.loads(text)
        found = list_session(held["session"])
        return found if any(self._is_marked(process, held["began"]) for process in found) else []

    def stop(self, wait_seconds: float) -> None:
        """End all processes: asked at once and together, then forced."""
        members = self.members()
        # A keeper asks its session itself. Asked twice, a component may leave parts of it behind.
        asked = [process for process in members if process.pid == self._keeper()] or members
        for number, patience in ((signal.SIGTERM, wait_seconds), (signal.SIGKILL, KILL_SECONDS)):
            for process in asked:
                with contextlib.suppress(psutil.Error):
                    process.send_signal(number)
            deadline = time.monotonic() + patience
            while members and time.monotonic() < deadline:
                time.sleep(0.1)
                # One that is ending has lost its marker already: follow it to its end.
                ending = [process for process in members if lives(process)]
                members = list({*ending, *self.members()})
            if not members:
                self.record.unlink(missing_ok=True)
                return
            # The keeper first, or it would start again what has just ended.
            asked = sorted(members, key=lambda process: process.pid != self._keeper())
        raise ServiceError(
            f"processes {', '.join(str(process.pid) for process in members)} do not end",
            remedy="End them by hand and try again.",
        )

    def _is_marked(self, process: psutil.Process, began: float) -> bool:
        name, value = self.marker
        with contextlib.suppress(psutil.Error):
            # The clock may step a little between the two readings.
            if process.create_time() >= began - 60:
                return bool(process.environ().get(name) == value)
        return False


def tail(log: Path, lines: int = 3) -> str:
    """Return the last lines of a log that say something, for an error message."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4096))
            said = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return " | ".join([line.strip() for line in said if line.strip()][-lines:])
