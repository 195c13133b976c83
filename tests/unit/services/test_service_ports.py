"""Free loopback ports."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from factorprism.services._ports import choose_port, is_free


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_port_that_is_listened_on_is_not_free(taken: int) -> None:
    assert not is_free(taken)


def test_the_preferred_port_is_kept_while_it_is_free(taken: int) -> None:
    free = choose_port()
    assert is_free(free)
    assert choose_port(free) == free
    assert choose_port(taken) != taken
