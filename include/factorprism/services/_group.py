"""A service's processes as one session: launched detached, found again, ended together."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from factorprism.core.errors import ServiceError
from factorprism.services._files import read_stripped, write_private

LOG_BYTES_MAX = 20_000_000
RESTART_SECONDS = 5

# Each component runs in a loop, because nothing else watches it. The session waits for a word
# before it starts, so that none ever runs unrecorded when the launcher is killed.
_SCRIPT = """
exec 3<&0
keep() {
  log="$1"; shift
  while :; do
    "$@" >>"$log" 2>&1 </dev/null 3<&-
    sleep %d
  done
}
(
  read -r go <&3
  [ "$go" = go ] || exit 0
  exec 3<&-
%s
  wait
) >/dev/null 2>&1 </dev/null &
echo $!
"""


@dataclass(frozen=True)
class ProcessGroup:
    """The processes of one service of one home.

    ``record`` remembers the session and when it began; ``marker`` is an environment variable
    with its value that the processes carry. A session's number is not given away while one of
    its processes lives, so one that matches all three proves the whole session ours.
    """

    record: Path
    marker: tuple[str, str]

    def launch(
        self, components: Mapping[str, Sequence[str]], environment: Mapping[str, str], logs: Path
    ) -> None:
        """Start `components` (log name -> command) in a session of their own."""
        logs.mkdir(parents=True, exist_ok=True)
        lines: list[str] = []
        words: list[str] = []
        for name, command in components.items():
            log = logs / f"{name}.log"
            _rotate(log)
            first = len(words) + 1
            words += [str(log), *command]
            numbers = range(first, len(words) + 1)
            lines.append("  keep " + " ".join(f'"${{{number}}}"' for number in numbers) + " &")
        script = _SCRIPT % (RESTART_SECONDS, "\n".join(lines))
        hold, release = os.pipe()
        try:
            done = subprocess.run(
                ["/bin/sh", "-c", script, "sh", *words],
                # A process that sets its own title must not write over the marker.
                env=dict(environment) | dict([self.marker]) | {"SPT_NOENV": "1"},
                cwd=logs,
                stdin=hold,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                check=True,
                text=True,
            )
            leader = int(done.stdout)
            held = {"session": os.getsid(leader), "began": time.time()}
            write_private(self.record, json.dumps(held) + "\n")
            os.write(release, b"go\n")
        except (OSError, ValueError, subprocess.CalledProcessError) as exc:
            raise ServiceError(f"cannot start {', '.join(components)}: {exc}") from exc
        finally:
            os.close(hold)
            os.close(release)

    def members(self) -> list[psutil.Process]:
        """Return the living processes of the recorded session."""
        text = read_stripped(self.record)
        if not text:
            return []
        held = json.loads(text)
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(OSError, psutil.Error):
                if os.getsid(process.pid) == held["session"] and _lives(process):
                    found.append(process)
        return found if any(self._is_marked(process, held["began"]) for process in found) else []

    def stop(self, wait_seconds: float) -> None:
        """End all processes: asked at once and together, then forced."""
        members = self.members()
        for number, patience in ((signal.SIGTERM, wait_seconds), (signal.SIGKILL, 10.0)):
            # The loops first, or they would start again what has just ended.
            for process in sorted(members, key=_is_component):
                with contextlib.suppress(psutil.Error):
                    process.send_signal(number)
            deadline = time.monotonic() + patience
            while members and time.monotonic() < deadline:
                time.sleep(0.1)
                # One that is ending has lost its marker already: follow it to its end.
                ending = [process for process in members if _lives(process)]
                members = list({*ending, *self.members()})
            if not members:
                self.record.unlink(missing_ok=True)
                return
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


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _is_component(process: psutil.Process) -> bool:
    try:
        return bool(process.name() != "sh")
    except psutil.NoSuchProcess:
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


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
        log.replace(log.with_suffix(".log.1"))
