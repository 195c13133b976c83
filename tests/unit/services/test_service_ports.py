"""Free loopback ports."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import psutil
import pytest

from factorprism.services._ports import choose_port, describe_taken, is_free, keep_port


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


def test_whoever_gets_another_port_learns_who_holds_its_own(taken: int) -> None:
    reported: list[str] = []
    free = choose_port()
    assert keep_port(free, "PostgreSQL", reported.append) == free
    assert keep_port(None, "PostgreSQL", reported.append) > 0
    assert reported == []
    chosen = keep_port(taken, "PostgreSQL", reported.append)
    held = f"port {taken} is held by {psutil.Process().name()} (process {os.getpid()})"
    assert reported == [f"{held}; PostgreSQL takes port {chosen}"]


def test_a_process_that_the_system_does_not_name_is_another_program() -> None:
    free = choose_port()
    assert describe_taken(free) == f"port {free} is held by another program"


def test_where_only_ones_own_processes_may_be_asked_a_process_of_ones_own_is_named(
    taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(kind: str) -> None:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", refuse)
    assert f"(process {os.getpid()})" in describe_taken(taken)
