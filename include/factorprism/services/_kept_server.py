"""The PostgreSQL that a keeper keeps up for its components."""

from __future__ import annotations

import psutil

from factorprism.core.errors import FactorPrismError, ServiceError
from factorprism.services._logs import bound_log, say
from factorprism.services._processes import lives
from factorprism.services._wait import Wait
from factorprism.services.postgres import EmbeddedPostgres


class Server:
    """The PostgreSQL of a home, started again as soon as its process is gone."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self._server = server
        self._process: psutil.Process | None = None
        self._wait = Wait()
        self.url = self._server.url("postgres")

    def look(self) -> str:
        """Return how the server has ended since the last look; empty when it lives or is known."""
        bound_log(self._server.log)
        if self._process is None or lives(self._process):
            return ""
        self._process = None
        return "has ended"

    def is_up(self) -> bool:
        """Tell whether it takes connections, after a start where that was due.

        Its address may be another afterwards.
        """
        if self._process is None and self._wait.is_over():
            self._start()
        return self._process is not None

    def _start(self) -> None:
        try:
            self._require_data()
            self._server.start()
            pid = self._server.pid()
            if pid is None:
                raise ServiceError("it has ended at once")
            self._process = psutil.Process(pid)
            self.url = self._server.url("postgres")
            self._wait = Wait()
        except (FactorPrismError, psutil.Error, OSError) as error:
            say(f"PostgreSQL cannot be started: {error}")
            self._wait.begin(0.0)

    def _require_data(self) -> None:
        """Raise where the home was removed: a keeper brings back what was, never a new cluster."""
        if not (self._server.exists() and self._server.data_folder.exists()):
            raise ServiceError(f"the data folder of {self._server.home} is gone")
