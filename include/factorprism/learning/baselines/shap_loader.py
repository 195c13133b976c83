"""shap, which takes seconds to import and is asked for when the first explanation is made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def load_shap() -> Any:
    """Return the module `shap`, its loops as plain Python.

    It would compile them anew in each process, 5 s of work for loops over some dozens of numbers.
    """
    with _interpreted():
        import shap

    return shap


@contextmanager
def _interpreted() -> Iterator[None]:
    """Let numba, by which shap compiles, leave alone what is imported here for the first time."""
    from numba import config

    held, config.DISABLE_JIT = config.DISABLE_JIT, True
    try:
        yield
    finally:
        config.DISABLE_JIT = held
