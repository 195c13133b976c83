"""Airflow's REST interface on the loopback address, as far as the command line needs it."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from factorprism.core.errors import ServiceError

ANSWER_SECONDS = 30
AGAIN_SECONDS = 1.0
PATIENCE_SECONDS = 900.0  # a keeper has everything back within one minute, on a busy machine ten
# A proxy of the environment must not see calls to this machine.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ApiError(ServiceError):
    """An answer other than success; ``status`` is the HTTP status, 0 for no answer at all."""

    def __init__(self, message: str, *, status: int = 0, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.status = status


@dataclass(frozen=True)
class AirflowApi:
    """Calls as one user; ``token`` may be empty for the paths that need none.

    A call that gets no answer, or one of a server in trouble, is asked again while ``is_kept``
    says that somebody keeps the server up: it is busy, or will be back. Every call that this
    package makes may be repeated.
    """

    address: str
    token: str = field(default="", repr=False)
    is_kept: Callable[[], bool] = field(default=lambda: False, repr=False)

    def log_in(self, user: str, password: str) -> AirflowApi:
        """Return the same interface with a token of `user`."""
        answer = self.call("POST", "/auth/token", {"username": user, "password": password})
        return replace(self, token=answer["access_token"])

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the JSON answer, an empty one where the answer has no body.

        Raises `ApiError` for an answer other than success and where nobody answers.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return self._ask(method, path, body)
            except ApiError as error:
                passes = error.status == 0 or error.status >= 500
                if not passes or time.monotonic() > deadline or not self.is_kept():
                    raise
            time.sleep(AGAIN_SECONDS)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.address + path, data=data, headers=headers, method=method
        )
        try:
            with _OPENER.open(request, timeout=ANSWER_SECONDS) as answer:
                text = answer.read()
            loaded: dict[str, Any] = json.loads(text) if text else {}
            return loaded
        except urllib.error.HTTPError as exc:
            with exc:
                said = exc.read().decode("utf-8", "replace")[:300]
            raise ApiError(
                f"Airflow answered {exc.code} to {method} {path}: {said}", status=exc.code
            ) from exc
        except (OSError, ValueError) as exc:
            raise ApiError(
                f"Airflow does not answer at {self.address}: {exc}",
                remedy="Start it with: factorprism services start",
            ) from exc


def dag_path(dag_id: str, run_id: str = "", part: str = "") -> str:
    """Return the path of a DAG, of one of its runs, or of a part of that run."""
    path = f"/api/v2/dags/{quote(dag_id, safe='')}"
    if run_id:
        path += f"/dagRuns/{quote(run_id, safe='')}"
    return f"{path}/{part}" if part else path
