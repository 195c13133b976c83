"""What a service leaves in its home: secrets, remembered choices, and the lock around a start."""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from factorprism.core.errors import ServiceError

LOCK_WAIT_SECONDS = 300.0


def write_private(path: Path, text: str) -> None:
    """Write `text` so that only the owner can read it, and never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def read_stripped(path: Path) -> str:
    """Return the file's text without surrounding space, empty where there is no file."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""


def remembered(path: Path, make: Callable[[], str]) -> str:
    """Return what `path` holds; the first call fills it from `make`."""
    held = read_stripped(path)
    if held:
        return held
    made = make()
    write_private(path, made + "\n")
    return made


@contextmanager
def locked(path: Path, wait_seconds: float = LOCK_WAIT_SECONDS) -> Iterator[None]:
    """Let one process at a time through; the kernel frees the lock of a killed holder.

    Raises `ServiceError` when another process holds it for longer than `wait_seconds`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + wait_seconds
    with path.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as exc:
                if time.monotonic() > deadline:
                    raise ServiceError(
                        f"another process has been starting or stopping services in {path.parent} "
                        f"for {wait_seconds:.0f} s",
                        remedy="Wait for it to end, or end it, and try again.",
                    ) from exc
                time.sleep(0.05)
        yield
