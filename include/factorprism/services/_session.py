"""The processes of the keeper's own session, and those in it that have lost their parent."""

from __future__ import annotations

import contextlib
import os

import psutil


def session_members() -> list[psutil.Process]:
    """Return the other processes of this session."""
    session, found = os.getsid(0), []
    for process in psutil.process_iter():
        with contextlib.suppress(OSError, psutil.Error):
            if process.pid != os.getpid() and os.getsid(process.pid) == session:
                found.append(process)
    return found


def end_orphans() -> None:
    """End what a dead component has left in this session, such as tasks without a scheduler.

    The scheduler that follows starts them anew; two at once would be one too many.
    """
    found = session_members()
    # Looked at later than the session, so that no child can be taken for an orphan.
    family = set(psutil.Process().children(recursive=True))
    for process in found:
        with contextlib.suppress(psutil.Error):
            if process not in family:
                process.kill()
