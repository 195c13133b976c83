"""Private files and the lock of a home."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from factorprism.core.files import PRIVATE, write_atomic
from factorprism.services._files import read_stripped, remembered
from factorprism.services._patience import waiting_for

HOLD = """
import pathlib, sys, time
from factorprism.services._files import locked
with locked(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_private_file_is_the_owners_alone_even_where_an_open_one_stood(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "secret"
    path.parent.mkdir()
    path.write_text("old")
    path.chmod(0o644)
    write_atomic(path, "new\n", mode=PRIVATE)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_stripped(path) == "new"
    assert list(path.parent.iterdir()) == [path]


def test_what_is_remembered_is_made_once(tmp_path: Path) -> None:
    made = iter(["first", "second"])
    assert remembered(tmp_path / "x", lambda: next(made)) == "first"
    assert remembered(tmp_path / "x", lambda: next(made)) == "first"


def test_the_lock_is_waited_for_as_long_as_its_process_lives(
    tmp_path: Path,
) -> None:
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with subprocess.Popen(
            [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
        ) as second:
            with pytest.raises(subprocess.TimeoutExpired):
                second.wait(1.0)
            os.kill(holder.pid, signal.SIGKILL)
            assert second.stdout is not None
            assert second.stdout.readline() == "held\n"
            second.kill()


def test_who_waits_says_what_for(tmp_path: Path) -> None:
    reported: list[str] = []
    heard = threading.Event()

    def hear(line: str) -> None:
        reported.append(line)
        heard.set()

    with waiting_for(lambda: "the moon", hear, 0.05):
        assert heard.wait(20)
    assert re.match(r"waiting for the moon \(\d+ s", reported[0])
    count = len(reported)
    time.sleep(0.1)
    assert len(reported) == count
