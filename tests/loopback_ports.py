"""Another program on a loopback port."""

from __future__ import annotations

import socket


def takes(other: socket.socket, port: int) -> bool:
    """Bind `other` to `port`; tell whether it was free."""
    try:
        other.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True
