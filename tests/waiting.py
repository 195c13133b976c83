"""Waits for a condition that another process or thread brings about."""

from __future__ import annotations

import time
from collections.abc import Callable


def eventually(holds: Callable[[], bool], seconds: float = 120.0) -> float:
    """Wait until `holds`, `seconds` at most; return how many it took."""
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() - begun < seconds, f"not in {seconds:.0f} s"
        time.sleep(0.1)  # a question may cost Airflow an answer
    return time.monotonic() - begun
