"""Files that several processes share: written whole or not at all, and locked."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

# For files that their owner alone may read.
PRIVATE = 0o600


def write_atomic(path: Path, content: bytes | str, *, mode: int = 0o666) -> None:
    """Write `content` (text as UTF-8) to `path`, creating its folder where there is none.

    Whoever reads `path` meanwhile meets the old content or the new one.

    A new file's permissions are `mode` less the process's umask. Raises ``OSError``; then `path`
    is as it was and nothing is left beside it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        move_into_place(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def move_into_place(draft: Path, path: Path) -> None:
    """Give the finished file `draft` the name `path`, on the same disk, over a file there.

    The content reaches the disk before the name does, so that a power cut leaves one or the other.
    """
    _sync(draft)
    draft.replace(path)
    _sync(path.parent)


def move_folder_into_place(draft: Path, path: Path) -> None:
    """Give the finished folder `draft` the name `path`, as `move_into_place` does.

    Raises ``OSError`` where `path` is a folder that holds anything.
    """
    for inside in draft.rglob("*"):
        if not inside.is_symlink():
            _sync(inside)
    move_into_place(draft, path)


@contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Let one process of this machine at a time into the block; the next one waits.

    The kernel frees the lock of a holder that was killed. The file at `path` is created with its
    folder, holds nothing and stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def hold_for_writing(path: Path) -> AbstractContextManager[None]:
    """Let one process at a time read, change and write the file at `path`, as `hold_lock` does."""
    return hold_lock(path.with_name(f".{path.name}.lock"))


def mode_of(path: Path) -> int:
    """Return the permissions of the file at `path`, or those of a new one where there is none."""
    return path.stat().st_mode & 0o777 if path.exists() else 0o666


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
