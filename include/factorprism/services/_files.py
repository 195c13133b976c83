"""What a service leaves in its home: secrets, remembered choices, and the lock around a start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from factorprism.core.files import PRIVATE, hold_lock, write_atomic
from factorprism.services._patience import Tell, tell_nobody, waiting_for


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
    write_atomic(path, made + "\n", mode=PRIVATE)
    return made


@contextmanager
def locked(path: Path, tell: Tell = tell_nobody) -> Iterator[None]:
    """Let one process at a time through, as `hold_lock` does.

    The process that holds it is waited for as long as it lives; `tell` hears of it.
    """
    where = f"another process that starts or stops services in {path.parent}"
    with ExitStack() as lock:
        with waiting_for(lambda: where, tell):
            lock.enter_context(hold_lock(path))
        yield
