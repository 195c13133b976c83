"""Airflow's REST interface on the loopback address, as far as the command line needs it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from factorprism.core.errors import ServiceError
from factorprism.services._patience import ANSWER_SECONDS

# Needs no login, and says of each component whether it is healthy.
HEALTH_PAGE = "/api/v2/monitor/health"
AGAIN_SECONDS = 1.0
PATIENCE_SECONDS = 900.0  # a keeper has everything back within one minute, on a busy machine ten


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
        import httpx  # a fifth of a second, so not before the first call

        try:
            answer = httpx.request(
                method,
                self.address + path,
                json=body,
                headers={"Authorization": f"Bearer {self.token}"} if self.token else None,
                timeout=ANSWER_SECONDS,
                trust_env=False,  # a proxy of the environment must not see calls to this machine
                verify=False,  # plain HTTP: to read certificates takes 20 ms of each call
            )
            if answer.is_success:
                loaded: dict[str, Any] = answer.json() if answer.content else {}
                return loaded
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as exc:
            raise ApiError(
                f"Airflow does not answer at {self.address}: {exc}",
                remedy="Start it with: factorprism services start",
            ) from exc
        said = f"Airflow answered {answer.status_code} to {method} {path}: {answer.text[:300]}"
        raise ApiError(said, status=answer.status_code)


def dag_path(dag_id: str, run_id: str = "", part: str = "") -> str:
    """Return the path of a DAG, of one of its runs, or of a part of that run."""
    path = f"/api/v2/dags/{quote(dag_id, safe='')}"
    if run_id:
        path += f"/dagRuns/{quote(run_id, safe='')}"
    return f"{path}/{part}" if part else path
