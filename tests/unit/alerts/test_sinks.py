"""Alerts reach a real webhook receiver on loopback, and a dead one costs no run."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from factorprism.alerts import AppriseSink, LogSink, build_sink
from factorprism.core.config import load_config
from factorprism.core.errors import ConfigurationError
from factorprism.core.schemas import Alert

ALERT = Alert("daily hs300", "critical", "000300.SH: forecast withheld", date(2025, 12, 31))


class Receiver(HTTPServer):
    """Keeps the JSON bodies that are posted to it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.server_port}/hook"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.server.bodies.append(json.loads(self.rfile.read(length)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_an_alert_and_its_recovery_arrive(receiver: Receiver) -> None:
    sink = AppriseSink(receiver.url)
    sink.send(ALERT)
    sink.send(ALERT, recovered=True)
    first, second = receiver.bodies
    assert first["title"] == "factorprism 2025-12-31: critical"
    assert "forecast withheld" in first["message"]
    assert (first["type"], second["type"]) == ("warning", "success")


def test_a_dead_receiver_is_logged_and_costs_nothing(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, logger="factorprism.alerts"):
        AppriseSink("json://127.0.0.1:1/hook").send(ALERT)
    assert "could not be delivered" in caplog.text


def test_an_address_that_apprise_does_not_know_is_refused_without_showing_it() -> None:
    with pytest.raises(ConfigurationError) as caught:
        AppriseSink("carrier-pigeon://secret").send(ALERT)
    assert "secret" not in str(caught.value)


def test_without_an_address_the_log_alone_is_written() -> None:
    assert isinstance(build_sink(load_config({})), LogSink)
