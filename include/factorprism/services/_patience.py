"""Waiting as long as it takes on a busy machine, and saying what is waited for."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

FIRST_WORD_SECONDS = 10.0
ANSWER_SECONDS = 30  # of a page of such a server, which may have to be made
ENDS_MAX = 3  # what has ended so often while it was waited for will not come up
CONNECT_SECONDS = 60  # to a server on this machine, which answers in milliseconds when it is idle

Tell = Callable[[str], None]


def tell_nobody(_: str) -> None:
    """Take a line that nobody wants to read."""


@contextmanager
def waiting_for(
    what: Callable[[], str], tell: Tell, every_seconds: float = FIRST_WORD_SECONDS
) -> Iterator[None]:
    """Say now and then, while the block waits, what it waits for and how busy the machine is."""
    over = threading.Event()
    started = time.monotonic()

    def say() -> None:
        while not over.wait(every_seconds):
            tell(f"waiting for {what()} ({time.monotonic() - started:.0f} s{_load()})")

    teller = threading.Thread(target=say, daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()


def _load() -> str:
    waiting, processors = os.getloadavg()[0], os.cpu_count() or 1
    return f"; load {waiting:.0f} on {processors} processors" if waiting > 2 * processors else ""
