"""MLflow's own pages over the registry's database, started only when asked for."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from factorprism.core.config import PREFIX
from factorprism.core.errors import ServiceError
from factorprism.core.files import PRIVATE, write_atomic
from factorprism.services._files import locked, read_stripped
from factorprism.services._group import ProcessGroup, tail
from factorprism.services._patience import ANSWER_SECONDS, ENDS_MAX, Tell, tell_nobody, waiting_for
from factorprism.services._plan import ComponentState, Plan
from factorprism.services._ports import LOOPBACK, keep_port
from factorprism.services.postgres import EmbeddedPostgres

STOP_SECONDS = 10


@dataclass(frozen=True)
class MlflowUi:
    """The pages of the runs and models in `database_url` (a libpq URL), on a loopback port.

    Whoever can reach the port can read and change them: MLflow asks for no password.
    """

    home: Path
    database_url: str = field(repr=False)

    @property
    def folder(self) -> Path:
        return self.home.absolute() / "mlflow"

    @property
    def address(self) -> str:
        """The address of the pages; the port is chosen at the first start."""
        return f"http://{LOOPBACK}:{read_stripped(self.folder / 'port') or 0}"

    def start(self, tell: Tell = tell_nobody) -> None:
        """Start the pages and wait until they answer; nothing if they do already.

        `tell` hears what is waited for. Raises `ServiceError` when they end again and again.
        """
        with locked(self.folder / "lock", tell):
            if not self._group.is_kept():
                self._launch(tell)
        # Without the lock, so that they can be stopped meanwhile.
        with waiting_for(lambda: "MLflow's pages", tell):
            self._await_answer()

    def _launch(self, tell: Tell) -> None:
        self._group.stop(STOP_SECONDS)
        held = read_stripped(self.folder / "port")
        port = keep_port(int(held) if held.isdigit() else None, "MLflow", tell)
        write_atomic(self.folder / "port", f"{port}\n", mode=PRIVATE)
        command = [sys.executable, "-m", "mlflow", "server", "--host", LOOPBACK]
        command += ["--port", str(port), "--workers", "1", "--no-serve-artifacts"]
        home = self.home.absolute()
        server = str(home) if EmbeddedPostgres(home).exists() else ""
        ports = {"server": port}
        plan = Plan("MLflow's", {"server": command}, str(self._logs), server, ports=ports)
        self._group.launch(plan, self._environment())

    def _await_answer(self) -> None:
        ends_before = self._kept().ends
        while not self._answers():
            self._give_up_on_the_dead(ends_before)
            time.sleep(0.2)

    def _give_up_on_the_dead(self, ends_before: int) -> None:
        """Raise where the keeper is gone, or the server has ended too often meanwhile."""
        if self._kept().ends - ends_before >= ENDS_MAX:
            log = self._logs / "server.log"
            self.stop()
            raise ServiceError(f"MLflow's pages did not come up: {tail(log)}", remedy=f"See {log}.")
        self._group.require_ports("MLflow's")
        if not self._group.is_kept():
            log = self._logs / "keeper.log"
            raise ServiceError(
                f"MLflow's pages were stopped while they were starting: {tail(log)}",
                remedy=f"Start them again, or see {log}.",
            )

    def _kept(self) -> ComponentState:
        return self._group.kept().get("server", ComponentState())

    @property
    def _logs(self) -> Path:
        return self.home.absolute() / "logs" / "mlflow"

    def stop(self, tell: Tell = tell_nobody) -> None:
        """Stop the pages; nothing happens when they are not up.

        `tell` hears what is waited for.
        """
        if self.folder.exists():
            with locked(self.folder / "lock", tell):
                self._group.stop(STOP_SECONDS)

    def blocked(self) -> str:
        """Say who holds the port that the server waits for; empty where it waits for none."""
        return self._group.blocked().get("server", "")

    def status(self) -> str:
        """Return "healthy" where the pages answer, "unhealthy" where not, "down" without a server.

        The keeper alone is no server: it lives on while the server ends again and again.
        """
        if not (self._kept().pid and self._group.members()):
            return "down"
        return "healthy" if self._answers() else "unhealthy"

    @property
    def _group(self) -> ProcessGroup:
        marker = ("FACTORPRISM_HOME", str(self.home.absolute()))
        return ProcessGroup(self.folder / "processes.json", marker)

    def _environment(self) -> dict[str, str]:
        rest = self.database_url.split("://", 1)[1]
        # The vendor's token and the warehouse's logins are none of its business.
        others = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(PREFIX) and name != "TUSHARE_TOKEN"
        }
        # By the environment, since a command line can be read by every user.
        return others | {
            "MLFLOW_BACKEND_STORE_URI": f"postgresql+psycopg2://{rest}",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "DO_NOT_TRACK": "1",
        }

    def _answers(self) -> bool:
        import httpx  # a fifth of a second, so not before the first question

        health = f"{self.address}/health"
        try:
            # A proxy of the environment must not see calls to this machine; they are plain HTTP.
            return httpx.get(
                health, timeout=ANSWER_SECONDS, trust_env=False, verify=False
            ).is_success
        except httpx.HTTPError:
            return False
