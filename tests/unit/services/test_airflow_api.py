"""Calls to an Airflow that is busy, in trouble or gone, against a server on loopback."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from factorprism.services import _airflow_api
from factorprism.services._airflow_api import AirflowApi, ApiError


class Server(ThreadingHTTPServer):
    """Answers by `moods`, one a call: a status, or "slow" for none in time; then always 200."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.moods: list[int | str] = []
        self.asked = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked += 1
        mood = self.server.moods.pop(0) if self.server.moods else 200
        if mood == "slow":
            time.sleep(1.0)
            return
        body = b'{"state": "running"}'
        self.send_response(int(mood))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(_airflow_api, "AGAIN_SECONDS", 0.05)
    server = Server()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_airflow_api, "ANSWER_SECONDS", 0.3)


def test_a_call_over_loopback_reads_no_certificates(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("certificates were read")

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", refuse)
    assert AirflowApi(server.address).call("GET", "/x") == {"state": "running"}


@pytest.mark.usefixtures("_in_a_hurry")
def test_a_call_without_an_answer_in_time_is_asked_again(server: Server) -> None:
    server.moods = ["slow", 500, 503, "slow"]
    api = AirflowApi(server.address, is_kept=lambda: True)
    assert api.call("GET", "/x") == {"state": "running"}
    assert server.moods == []
    assert server.asked >= 5  # a good answer may come too late on a busy machine


@pytest.mark.usefixtures("_in_a_hurry")
def test_a_server_that_nobody_keeps_is_asked_once(server: Server) -> None:
    server.moods = ["slow"]
    with pytest.raises(ApiError, match="does not answer"):
        AirflowApi(server.address).call("GET", "/x")
    assert server.asked == 1


@pytest.mark.parametrize("status", [401, 404, 409])
def test_a_refusal_is_not_asked_again(server: Server, status: int) -> None:
    server.moods = [status]
    with pytest.raises(ApiError) as caught:
        AirflowApi(server.address, is_kept=lambda: True).call("GET", "/x")
    assert caught.value.status == status
    assert server.asked == 1


def test_it_ends_when_the_keeper_has_ended(server: Server) -> None:
    server.moods = [500] * 100
    kept = iter([True, True])
    with pytest.raises(ApiError) as caught:
        AirflowApi(server.address, is_kept=lambda: next(kept, False)).call("GET", "/x")
    assert (caught.value.status, server.asked) == (500, 3)
