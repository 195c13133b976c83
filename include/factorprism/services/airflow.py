"""The embedded Airflow: UI, scheduler, DAG processor and triggerer of one home, on loopback."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg2

from factorprism.core.errors import ServiceError
from factorprism.core.files import PRIVATE, write_atomic
from factorprism.services._airflow_api import HEALTH_PAGE, AirflowApi, ApiError
from factorprism.services._airflow_settings import airflow_environment, seed_passwords
from factorprism.services._cluster import from_os_error
from factorprism.services._files import locked, read_stripped
from factorprism.services._group import ProcessGroup, tail
from factorprism.services._patience import CONNECT_SECONDS, ENDS_MAX, Tell, tell_nobody, waiting_for
from factorprism.services._plan import ComponentState, Plan
from factorprism.services._ports import LOOPBACK, choose_port, keep_port
from factorprism.services.dag_runs import DagRuns
from factorprism.services.postgres import EmbeddedPostgres

STOP_SECONDS = 30
REPORT = [sys.executable, "-m", "factorprism.services._reporter"]
COMPONENTS = {"api-server": [], "scheduler": ["-s"], "dag-processor": [], "triggerer": ["-s"]}
# What runs leave behind; the DAGs' own rows and versions stay, and so do the components' few rows
# in "job", by which their health is known.
CLEANED = (
    "asset_event",
    "callback",
    "dag_run",
    "deadline",
    "import_error",
    "log",
    "revoked_token",
    "task_instance",
    "task_instance_history",
    "task_reschedule",
    "trigger",
    "xcom",
)
_HEALTH_NAMES = {
    "metadatabase": "database",
    "scheduler": "scheduler",
    "dag_processor": "dag-processor",
    "triggerer": "triggerer",
}


def _repository() -> Path:
    return Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class EmbeddedAirflow:
    """An Airflow under ``home/airflow`` with its metadata in `database_url` (a libpq URL).

    ``environ`` is what tasks see, apart from the settings that are ours; it must name the
    warehouse. ``repository`` holds dags/ and plugins/.
    """

    home: Path
    database_url: str = field(repr=False)
    environ: Mapping[str, str] = field(repr=False)
    repository: Path = field(default_factory=_repository)

    @property
    def folder(self) -> Path:
        return self.home.absolute() / "airflow"

    @property
    def logs(self) -> Path:
        """Where each component and each task writes."""
        return self.home.absolute() / "logs" / "airflow"

    @property
    def address(self) -> str:
        """The address of the UI, e.g. http://127.0.0.1:23456; the port is chosen at a start."""
        return f"http://{LOOPBACK}:{self._ports().get('api', 0)}"

    def passwords(self) -> dict[str, str]:
        """Return the password of each user of the UI: admin, and viewer who may only look."""
        return seed_passwords(self.folder)

    def environment(self) -> dict[str, str]:
        """Return the environment for ``airflow`` commands of this home.

        Raises `ServiceError` before the first start, when no port is chosen yet.
        """
        ports = self._ports()
        if not ports:
            raise ServiceError(
                f"there is no Airflow in {self.home} yet",
                remedy="Start it with: factorprism services start",
            )
        return airflow_environment(
            self.environ,
            home=self.home.absolute(),
            repository=self.repository,
            database_url=self.database_url,
            ports=ports,
        )

    def start(self, tell: Tell = tell_nobody) -> None:
        """Start all components and wait until they are healthy; nothing if they are.

        Components that are still starting are waited for, however busy the machine is; `tell`
        hears what is waited for. Raises `ServiceError` when the metadata cannot be migrated or a
        component ends again and again.
        """
        try:
            with locked(self.folder / "lock", tell):
                kept = self._group.is_kept()
                if kept and self._is_healthy():
                    return
                if not kept:
                    self._group.stop(STOP_SECONDS)
                    self._choose_ports(tell)
                    with waiting_for(lambda: "Airflow's metadata to be migrated", tell):
                        self._migrate()
                    self._launch()
            # Without the lock, so that it can be stopped meanwhile.
            self._await_health(tell)
            self._load_pools()
        except OSError as exc:
            raise from_os_error(exc, "cannot start Airflow") from exc

    def stop(self, tell: Tell = tell_nobody) -> None:
        """Stop all components; tasks that run are ended and marked as failed by Airflow.

        `tell` hears what is waited for.
        """
        if self.folder.exists():
            with locked(self.folder / "lock", tell):
                self._group.stop(STOP_SECONDS)

    def is_running(self) -> bool:
        """Tell whether any of this home's own processes is alive."""
        return bool(self._group.members())

    def status(self) -> dict[str, str]:
        """Return "healthy", "unhealthy" or "down" for each component."""
        names = ["api-server", *_HEALTH_NAMES.values()]
        if not self.is_running():
            return dict.fromkeys(names, "down")
        # Airflow takes a component for alive for a while after its death; its keeper knows better.
        gone = {name: "down" for name, kept in self._group.kept().items() if not kept.pid}
        if "api-server" in gone:  # whoever has its port now need not be asked
            return dict.fromkeys(names, "down")
        try:
            health = AirflowApi(self.address).call("GET", HEALTH_PAGE)
        except ApiError:
            return dict.fromkeys(names, "down") | {"api-server": "unhealthy"} | gone
        said = {ours: (health.get(key) or {}).get("status") for key, ours in _HEALTH_NAMES.items()}
        return {"api-server": "healthy"} | {name: said[name] or "down" for name in said} | gone

    def blocked(self) -> dict[str, str]:
        """Say of each component that waits for its port who holds that, by its name."""
        return self._group.blocked()

    def runs(self, tell: Tell = tell_nobody) -> DagRuns:
        """Return the runs of this Airflow's DAGs, asked for as the user admin.

        `tell` hears what takes long. Raises `ServiceError` when the UI does not answer, or
        another program has its port.
        """
        return DagRuns(self._api(), tell)

    def clean_metadata(self, before: datetime) -> None:
        """Remove what Airflow remembers of runs before `before` (with a zone).

        A task cannot do this: Airflow keeps its database from the code of tasks. Definitions of
        DAGs and the last run of each, which the timetable goes on from, stay.
        Raises `ServiceError` when Airflow refuses.
        """
        options = ["--yes", "--skip-archive", "--error-on-cleanup-failure"]
        options += ["--tables", ",".join(CLEANED), "--clean-before-timestamp", before.isoformat()]
        with locked(self.folder / "lock"):
            self._change_metadata("clean", *options)

    def _api(self) -> AirflowApi:
        """Return the interface, which is asked again for as long as its keeper lives."""
        # Whoever else has the port must not receive the password.
        self._group.require_ports("Airflow's")
        api = AirflowApi(self.address, is_kept=self._group.is_kept)
        return api.log_in("admin", self.passwords()["admin"])

    @property
    def _group(self) -> ProcessGroup:
        return ProcessGroup(self.folder / "processes.json", ("AIRFLOW_HOME", str(self.folder)))

    def _is_healthy(self) -> bool:
        return set(self.status().values()) == {"healthy"}

    def _ports(self) -> dict[str, int]:
        held: dict[str, int] = json.loads(read_stripped(self.folder / "ports.json") or "{}")
        return held

    def _choose_ports(self, tell: Tell) -> None:
        held, chosen = self._ports(), {}
        chosen["api"] = keep_port(held.get("api"), "Airflow's UI", tell)
        for name in ("worker", "trigger"):
            port = choose_port(held.get(name))
            while port in chosen.values():
                port = choose_port()
            chosen[name] = port
        write_atomic(self.folder / "ports.json", json.dumps(chosen) + "\n", mode=PRIVATE)

    def _migrate(self) -> None:
        """Bring the metadata to the installed release; skipped where they were left by it."""
        stamp = self.folder / "migrated"
        version = importlib.metadata.version("apache-airflow")
        revision = _revision(self.database_url)
        if revision and read_stripped(stamp) == f"{version} {revision}":
            return
        self._change_metadata("migrate")
        write_atomic(stamp, f"{version} {_revision(self.database_url)}\n", mode=PRIVATE)

    def _change_metadata(self, action: str, *options: str) -> None:
        """Run ``airflow db action``; raises `ServiceError` when Airflow refuses."""
        self.logs.mkdir(parents=True, exist_ok=True)
        log = self.logs / f"{action}.log"
        with log.open("a") as file:
            done = subprocess.run(
                [sys.executable, "-m", "airflow", "db", action, *options],
                env=self.environment(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        if done.returncode:
            raise ServiceError(f"airflow db {action} failed: {tail(log)}", remedy=f"See {log}.")

    def _launch(self) -> None:
        commands = {
            name: [sys.executable, "-m", "factorprism.services.component", name, *options]
            for name, options in COMPONENTS.items()
        }
        server = self.home.absolute() if EmbeddedPostgres(self.home).exists() else ""
        ports = {"api-server": self._ports()["api"]}
        plan = Plan("Airflow's", commands, str(self.logs), str(server), REPORT, ports)
        self._group.launch(plan, self.environment())

    def _await_health(self, tell: Tell) -> None:
        before = self._group.kept()
        ill = list(COMPONENTS)
        with waiting_for(lambda: f"Airflow's {', '.join(ill)}", tell):
            while ill := [name for name, state in self.status().items() if state != "healthy"]:
                self._give_up_on_the_dead(before)
                time.sleep(0.5)

    def _give_up_on_the_dead(self, before: Mapping[str, ComponentState]) -> None:
        """Raise where the keeper is gone, or a component has ended too often since `before`.

        So where one waits for a port that another program holds; its keeper goes on trying.
        """
        self._group.require_ports("Airflow's")
        for name, kept in self._group.kept().items():
            if kept.ends - before.get(name, ComponentState()).ends >= ENDS_MAX:
                log = self.logs / f"{name}.log"
                self.stop()
                raise ServiceError(
                    f"Airflow's {name} did not come up: it {kept.last}: {tail(log)}",
                    remedy=f"See {log}.",
                )
        if not self._group.is_kept():
            log = self.logs / "keeper.log"
            raise ServiceError(
                f"Airflow was stopped while it was starting: {tail(log)}",
                remedy=f"Start it again: factorprism services start, or see {log}.",
            )

    def _load_pools(self) -> None:
        """Create the pools that the DAGs name; a size changed by hand stays."""
        file = self.repository / "dags" / "pools.json"
        if not file.exists():
            return
        api = self._api()
        for name, pool in json.loads(file.read_text(encoding="utf-8")).items():
            body: dict[str, Any] = {"name": name, **pool}
            try:
                api.call("POST", "/api/v2/pools", body)
            except ApiError as exc:
                if exc.status != 409:
                    raise


def _revision(database_url: str) -> str:
    """Return the migration that the metadata stand at, empty for none."""
    try:
        with (
            closing(psycopg2.connect(database_url, connect_timeout=CONNECT_SECONDS)) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("SELECT to_regclass('alembic_version') IS NOT NULL")
            if not (cursor.fetchone() or (False,))[0]:
                return ""
            cursor.execute("SELECT version_num FROM alembic_version")
            row = cursor.fetchone()
            return str(row[0]) if row else ""
    except psycopg2.Error as exc:
        raise ServiceError(
            f"Airflow's database cannot be reached: {str(exc).strip().splitlines()[0]}",
            remedy="Start the warehouse first: factorprism services start",
        ) from exc
