"""The logs beside a service: one line into the keeper's own, and none of them without a bound."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

LOG_BYTES_MAX = 20_000_000


def say(line: str) -> None:
    """Write `line` to the keeper's log, where the disk has room for it."""
    with contextlib.suppress(OSError):
        print(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {line}", flush=True)


def bound_log(log: Path) -> None:
    """Put the content of a log aside that has grown too long, while others write to it.

    It is copied and cut, since whoever holds it open would follow a file that is renamed. Writers
    must append, so that they go on at the new end; a line of the moment between may be lost.
    """
    with contextlib.suppress(OSError):
        if log.is_file() and log.stat().st_size > LOG_BYTES_MAX:
            _cut(log)


def _cut(log: Path) -> None:
    with log.open("rb+") as file:
        # The server's log has two keepers: who comes second must not keep what is empty by then.
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(file.fileno()).st_size > LOG_BYTES_MAX:
            shutil.copyfile(log, log.with_suffix(".log.1"))
            file.truncate(0)
