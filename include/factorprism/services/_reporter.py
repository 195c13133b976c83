"""Notifies an operator, by the catalogue of alerts, that a service has ended by itself.

The keeper's side is a small queue; the delivery is a process of its own (this module, run), since
it imports the warehouse and may wait for a mail server.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from factorprism.core.severity import WARNING

QUIET_SECONDS = 600.0  # all have run for so long: it is over
GATHER_SECONDS = 4.0  # what comes of an end, such as a port taken meanwhile, belongs to its alert
RETRY_SECONDS = 30.0
REPORTED_MAX = 20  # sentences in one alert; one argument of a command holds 128 KiB


@dataclass(frozen=True)
class Sentences:
    """The newest sentences, and how many older ones are left out."""

    newest: tuple[str, ...] = ()
    left_out: int = 0

    def then(self, later: Sentences) -> Sentences:
        """Return these and the `later` ones, within the limit."""
        all_of_them = self.newest + later.newest
        cut = max(0, len(all_of_them) - REPORTED_MAX)
        return Sentences(all_of_them[cut:], self.left_out + later.left_out + cut)

    def __bool__(self) -> bool:
        return bool(self.newest)

    def __str__(self) -> str:
        before = (f"{self.left_out} more before, see keeper.log",) if self.left_out else ()
        return "; ".join(before + self.newest)


class Reporter:
    """What is to be reported; nothing is reported where `command` is empty."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._pending = Sentences()
        self._telling = Sentences()
        self._is_open = True  # by an earlier keeper perhaps
        self._last = time.monotonic()
        self._due = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    def note(self, sentence: str) -> None:
        """Keep `sentence` until it can be reported."""
        self._last = time.monotonic()
        if not self._pending:
            self._due = max(self._due, self._last + GATHER_SECONDS)
        self._pending = self._pending.then(Sentences((sentence,)))

    def tell(self, environment: Mapping[str, str], *, all_run: bool) -> None:
        """Raise the alert, or close it once all have run for long; never waits and never fails."""
        if not all_run:
            self._last = time.monotonic()
        if not self._command or self._is_busy() or time.monotonic() < self._due:
            return
        if self._pending:
            self._telling, self._pending = self._pending, Sentences()
            self._launch(environment, "raise", str(self._telling))
        elif self._is_open and time.monotonic() - self._last > QUIET_SECONDS:
            self._launch(environment, "resolve")

    def _launch(self, environment: Mapping[str, str], *words: str) -> None:
        try:
            self._process = subprocess.Popen(
                [*self._command, *words], env=environment, stdin=subprocess.DEVNULL
            )
        except OSError:
            self._take_answer(delivered=False)

    def _is_busy(self) -> bool:
        code = self._process.poll() if self._process else 0
        if code is None:
            return True
        if self._process is not None:
            self._process = None
            self._take_answer(delivered=code == 0)
        return False

    def _take_answer(self, *, delivered: bool) -> None:
        if delivered:
            self._is_open = bool(self._telling)
        else:
            self._pending = self._telling.then(self._pending)
            self._due = time.monotonic() + RETRY_SECONDS
        self._telling = Sentences()


def main(words: Sequence[str]) -> None:
    """Raise or close the alert of this machine's services in the configured warehouse."""
    from factorprism.alerts import Delivery, build_sink, build_wording, catalogue
    from factorprism.core.alerts import Alert
    from factorprism.core.config import load_config
    from factorprism.warehouse import PostgresWarehouse

    config = load_config(os.environ)
    key = catalogue.SERVICES.key(host=socket.gethostname())
    warehouse = PostgresWarehouse(config.warehouse_url)
    try:
        if words[0] == "raise":
            sentence = f"{words[1]}; what ends is started again within seconds"
            warehouse.alerts.raise_alert(Alert(key, WARNING, sentence))
        else:
            warehouse.alerts.resolve_alert(key, "all services have run for ten minutes")
        sink, wording = build_sink(config), build_wording(config)
        Delivery(warehouse.alerts, sink, wording, warehouse.lock).tell()
    finally:
        warehouse.close()


if __name__ == "__main__":
    main(sys.argv[1:])
