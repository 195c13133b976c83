"""Small questions to processes that may be gone at any moment."""

from __future__ import annotations

import psutil


def lives(process: psutil.Process) -> bool:
    """Tell whether `process` is the one it was and has not ended."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
