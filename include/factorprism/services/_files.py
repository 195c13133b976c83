"""What a service leaves in its home: secrets, remembered choices, and the lock around a start."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from factorprism.services._patience import Tell, tell_nobody, waiting_for


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
def locked(path: Path, tell: Tell = tell_nobody) -> Iterator[None]:
    """Let one process at a time through; the kernel frees the lock of a killed holder.

    The holder is waited for as long as it lives; `tell` hears of it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        where = f"another process that starts or stops services in {path.parent}"
        with waiting_for(lambda: where, tell):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
