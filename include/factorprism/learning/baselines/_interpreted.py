"""Imports that numba does not compile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interpreted() -> Iterator[None]:
    """Let numba leave alone what is imported here for the first time."""
    from numba import config

    held, config.DISABLE_JIT = config.DISABLE_JIT, True
    try:
        yield
    finally:
        config.DISABLE_JIT = held
