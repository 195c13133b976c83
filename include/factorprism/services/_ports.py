"""Loopback ports for the services: free when chosen, then remembered; and who holds a taken one."""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import Iterator
from typing import Any

import psutil

from factorprism.services._patience import Tell, tell_nobody

LOOPBACK = "127.0.0.1"
# Below the range from which the kernel takes ports for outgoing connections, which would
# otherwise occupy a remembered port now and then.
_RANGE = range(20_000, 32_000)
FREE_THE_PORT = (
    "End that program, and it comes up by itself within half a minute; or take another port: "
    "factorprism services stop, then start"
)


def is_free(port: int) -> bool:
    """Tell whether a server could listen on `port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def choose_port(preferred: int | None = None) -> int:
    """Return `preferred` if it is free, else a free port drawn at random."""
    if preferred is not None and is_free(preferred):
        return preferred
    candidates = random.sample(_RANGE, 200)
    for port in candidates:
        if is_free(port):
            return port
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def keep_port(held: int | None, whose: str, tell: Tell = tell_nobody) -> int:
    """Return the remembered port `held` of `whose` if it is free, else another, and `tell` why."""
    chosen = choose_port(held)
    if held is not None and chosen != held:
        tell(f"{describe_taken(held)}; {whose} takes port {chosen}")
    return chosen


def describe_taken(port: int) -> str:
    """Say that `port` is taken and by whom, as far as the system tells another user."""
    holder = "another program"
    with contextlib.suppress(psutil.Error, OSError, StopIteration):
        process = psutil.Process(next(_holders(port)))
        holder = f"{process.name()} (process {process.pid})"
    return f"port {port} is held by {holder}"


def _holders(port: int) -> Iterator[int]:
    try:
        found = [(one.pid, one.laddr) for one in psutil.net_connections("tcp")]
    except psutil.AccessDenied:  # macOS tells a user of its own processes only
        found = list(_addresses_of_processes())
    return (pid for pid, address in found if pid and address and address.port == port)


def _addresses_of_processes() -> Iterator[tuple[int, Any]]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            yield from ((process.pid, one.laddr) for one in process.net_connections("tcp"))
