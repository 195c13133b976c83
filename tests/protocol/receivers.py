"""A webhook and a mail server on loopback that keep what they are sent, or are made to refuse."""

from __future__ import annotations

import json
import socket
import threading
import time
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller


@dataclass(frozen=True)
class Received:
    """One message as it came in; `type` is Apprise's, empty where the way does not carry it."""

    title: str
    body: str
    type: str = ""


class Webhook(ThreadingHTTPServer):
    """Keeps what is posted to it; while `status` is not 200, it keeps and takes nothing."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.messages: list[Received] = []
        self.requests = 0
        self.status = 200
        self.seconds = 0.0  # it takes to answer
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def url(self) -> str:
        return f"json://user:hidden-word@127.0.0.1:{self.server_port}/hook"

    @property
    def titles(self) -> list[str]:
        return [message.title for message in self.messages]

    def __enter__(self) -> Webhook:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests += 1
        if self.server.status == 200:
            received = Received(body["title"], body["message"], body["type"])
            self.server.messages.append(received)
        time.sleep(self.server.seconds)
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""


@dataclass
class Mailbox:
    """A mail server that keeps what it is sent; while `refuses`, it takes nothing."""

    messages: list[Received] = field(default_factory=list)
    refuses: bool = False

    def __post_init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self._server = Controller(self, hostname="127.0.0.1", port=self._port)

    @property
    def url(self) -> str:
        return f"mailto://127.0.0.1:{self._port}?from=prism@example.org&to=ops@example.org"

    @property
    def titles(self) -> list[str]:
        return [message.title for message in self.messages]

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802
        if self.refuses:
            return "451 not now"
        mail = message_from_bytes(envelope.content, policy=default)
        part = mail.get_body(("plain", "html"))
        self.messages.append(Received(mail["Subject"], part.get_content() if part else ""))
        return "250 OK"

    def __enter__(self) -> Mailbox:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()
