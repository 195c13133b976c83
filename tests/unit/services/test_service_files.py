"""Private files and the lock of a home."""

from __future__ import annotations

import re
import select
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from factorprism.core.files import PRIVATE, write_atomic
from factorprism.services._files import read_stripped, remembered
from factorprism.services._patience import waiting_for

HOLD = """
import pathlib, sys, time
from factorprism.services._files import locked
print("asks", flush=True)
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


@contextmanager
def asking(lock: Path) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """Run a process that asks for the lock and keeps it; its words come without a buffer."""
    command = [sys.executable, "-c", HOLD, str(lock)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"asks\n"
            yield process, process.stdout
        finally:
            process.kill()


def test_the_lock_is_waited_for_as_long_as_its_process_lives(tmp_path: Path) -> None:
    with asking(tmp_path / "lock") as (holder, words):
        assert words.readline() == b"held\n"
        with asking(tmp_path / "lock") as (_, words):
            assert select.select([words], [], [], 0.5)[0] == []
            holder.kill()
            assert words.readline() == b"held\n"


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
