"""A service's processes: launched together, kept alive, ended together, and nobody else's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from factorprism.services import _group
from factorprism.services._group import ProcessGroup, tail

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(300)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('up', flush=True); time.sleep(300)",
]


@pytest.fixture
def group(tmp_path: Path) -> Iterator[ProcessGroup]:
    group = ProcessGroup(tmp_path / "processes.json", ("GROUP_TEST_HOME", str(tmp_path)))
    yield group
    group.stop(1.0)


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def lives(process: psutil.Process) -> bool:
    # A container's first process may leave the dead unburied for a while.
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def logs_say_up(folder: Path, *names: str) -> Callable[[], bool]:
    return lambda: all("up" in tail(folder / f"{name}.log") for name in names)


def test_components_write_their_own_logs_and_end_together(
    group: ProcessGroup, tmp_path: Path
) -> None:
    group.launch({"one": SLEEPER, "two": SLEEPER}, os.environ, tmp_path)
    eventually(logs_say_up(tmp_path, "one", "two"))
    members = group.members()
    assert os.getpid() not in {process.pid for process in members}
    assert sum(process.cmdline()[:2] == SLEEPER[:2] for process in members) == 2
    group.stop(10.0)
    assert group.members() == []
    assert not any(lives(process) for process in members)


def test_a_component_that_ends_is_started_again(group: ProcessGroup, tmp_path: Path) -> None:
    once = [sys.executable, "-c", f"open({str(tmp_path / 'count')!r}, 'a').write('x')"]
    group.launch({"one": once}, os.environ, tmp_path)
    count = tmp_path / "count"
    eventually(lambda: count.exists() and len(count.read_text()) >= 2)


def test_a_component_that_does_not_listen_is_forced(group: ProcessGroup, tmp_path: Path) -> None:
    group.launch({"one": STUBBORN}, os.environ, tmp_path)
    eventually(logs_say_up(tmp_path, "one"))
    group.stop(0.3)
    assert group.members() == []


def test_a_strangers_session_of_the_same_number_is_left_alone(
    group: ProcessGroup, tmp_path: Path
) -> None:
    with subprocess.Popen(["sleep", "300"], start_new_session=True) as stranger:
        try:
            record = {"session": stranger.pid, "began": time.time() - 3600}
            group.record.write_text(json.dumps(record))
            assert group.members() == []
            group.stop(1.0)
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_a_long_log_is_put_aside(group: ProcessGroup, tmp_path: Path) -> None:
    with (tmp_path / "one.log").open("w") as log:
        log.truncate(_group.LOG_BYTES_MAX + 1)
    group.launch({"one": SLEEPER}, os.environ, tmp_path)
    eventually(logs_say_up(tmp_path, "one"))
    assert (tmp_path / "one.log.1").exists()
    assert (tmp_path / "one.log").stat().st_size < 100
