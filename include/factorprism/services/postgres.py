"""The embedded PostgreSQL: one server for the warehouse, Airflow's metadata and MLflow's tables."""

from __future__ import annotations

import secrets
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg2
from psycopg2 import errors as pg_errors

from factorprism.core.errors import ServiceError
from factorprism.services._cluster import (
    DATABASES,
    ROLE,
    Cluster,
    find_cluster,
    from_os_error,
    from_output,
)
from factorprism.services._files import locked, read_stripped, remembered, write_private
from factorprism.services._logs import bound_log
from factorprism.services._patience import CONNECT_SECONDS, Tell, tell_nobody, waiting_for
from factorprism.services._ports import LOOPBACK, keep_port

# Recovery after a kill replays the log, which takes its time; pg_ctl notices a server that dies.
START_SECONDS = 86_400
STOP_SECONDS = 60
_ATTEMPTS = 5


@dataclass(frozen=True)
class EmbeddedPostgres:
    """A PostgreSQL 18 under `home`, run as the calling user, or as nobody for root.

    It listens on a free loopback port, remembered in ``home/postgres/port``, for one role with
    a generated password (scram-sha-256) in ``home/postgres/password``.
    """

    home: Path

    @property
    def log(self) -> Path:
        return self.home.absolute() / "logs" / "postgres.log"

    @property
    def data_folder(self) -> Path:
        """Where the data stand: under `home`, or under /var/lib where nobody cannot enter it."""
        return find_cluster(self.home.absolute()).data

    def start(self, tell: Tell = tell_nobody) -> None:
        """Start the server and wait for it; nothing happens when it runs already.

        `tell` hears what is waited for. Raises `ServiceError` when the disk is full, the folder is
        not permitted or of another PostgreSQL version, or the server does not come up or refuses.
        """
        home = self.home.absolute()
        try:
            with locked(home / "postgres.lock", tell):
                with waiting_for(lambda: "PostgreSQL", tell):
                    cluster = find_cluster(home)
                    if not _await_ready(cluster):
                        self._prepare(cluster)
                        self._launch(cluster, tell)
                self._create_missing_databases()
        except OSError as exc:
            raise from_os_error(exc, "cannot start PostgreSQL") from exc
        except psycopg2.Error as exc:
            said = (str(exc).strip() or type(exc).__name__).splitlines()[0]
            raise ServiceError(
                f"PostgreSQL has started and refuses: {said}", remedy=f"See {self.log}."
            ) from exc

    def stop(self, tell: Tell = tell_nobody) -> None:
        """Stop the server, ending open connections; nothing happens when none runs.

        `tell` hears what is waited for.
        """
        home = self.home.absolute()
        if not (home / "postgres").exists():
            return
        with locked(home / "postgres.lock", tell):
            cluster = find_cluster(home)
            if not _await_ready(cluster):
                return
            command: list[str | Path]
            command = [cluster.program("pg_ctl"), "stop", "-D", cluster.data, "-w"]
            mode = ["-m", "fast", "-t", str(STOP_SECONDS)]
            if cluster.account.run([*command, *mode], accept=True).returncode:
                cluster.account.run([*command, "-m", "immediate", "-t", str(STOP_SECONDS)])

    def exists(self) -> bool:
        """Tell whether this home has ever had a server, running or not."""
        folder = self.home.absolute() / "postgres"
        return bool(read_stripped(folder / "port") and read_stripped(folder / "password"))

    def is_running(self) -> bool:
        """Tell whether this home's own server is up and takes connections."""
        home = self.home.absolute()
        return (home / "postgres").exists() and _running_pid(find_cluster(home)) is not None

    def pid(self) -> int | None:
        """Return the server's process id, None when it does not run."""
        home = self.home.absolute()
        return _running_pid(find_cluster(home)) if (home / "postgres").exists() else None

    def url(self, database: str = "prism") -> str:
        """Return the libpq URL of `database`, password and all; the server need not run.

        Raises `ServiceError` before the first start.
        """
        folder = self.home.absolute() / "postgres"
        port, password = read_stripped(folder / "port"), read_stripped(folder / "password")
        if not port or not password:
            raise ServiceError(
                f"there is no database server in {self.home} yet",
                remedy="Start it with: factorprism services start",
            )
        return f"postgresql://{ROLE}:{password}@{LOOPBACK}:{port}/{database}"

    def _prepare(self, cluster: Cluster) -> None:
        """Make the data folder and the password where either is missing."""
        password_file = self.home.absolute() / "postgres" / "password"
        if not cluster.data.exists():
            cluster.create(remembered(password_file, lambda: secrets.token_hex(24)))
        served = cluster.account.run([cluster.program("postgres"), "--version"]).stdout.split()[-1]
        if cluster.version != served.split(".")[0]:
            raise ServiceError(
                f"{cluster.data} is of PostgreSQL {cluster.version or 'unknown version'}, "
                f"the installed server is {served}",
                remedy="Dump it with its own version, move it away, start again and restore.",
            )
        _clear_stranger(cluster)
        if not read_stripped(password_file):
            password = secrets.token_hex(24)
            cluster.set_password(password)
            write_private(password_file, password + "\n")

    def _launch(self, cluster: Cluster, tell: Tell) -> None:
        port_file = self.home.absolute() / "postgres" / "port"
        held = read_stripped(port_file)
        preferred = int(held) if held.isdigit() else None
        self.log.parent.mkdir(parents=True, exist_ok=True)
        bound_log(self.log)
        command: list[str | Path] = [cluster.program("pg_ctl"), "start", "-D", cluster.data, "-w"]
        command += ["-t", str(START_SECONDS), "-o"]
        for attempt in range(1, _ATTEMPTS + 1):
            port = keep_port(preferred, "PostgreSQL", tell)
            write_private(port_file, f"{port}\n")
            with self.log.open("a", encoding="utf-8") as log:
                said_from = log.tell()
                done = cluster.account.run(
                    [*command, f"-p {port}"], accept=True, stdout=log, stdin=subprocess.DEVNULL
                )
            if done.returncode == 0 and _running_pid(cluster):
                return
            said = self.log.read_bytes()[said_from:].decode("utf-8", "replace")
            taken = "could not bind" in said
            # Children of a killed server let go of its memory within moments.
            orphans = "shared memory block" in said and "still in use" in said
            if attempt == _ATTEMPTS or not (taken or orphans):
                raise from_output(said, f"PostgreSQL did not start (see {self.log})")
            preferred = None if taken else port
            time.sleep(0.5 * attempt if orphans else 0.0)

    def _create_missing_databases(self) -> None:
        """Add databases that a later release asks for; a new cluster has them all."""
        connection = psycopg2.connect(self.url("postgres"), connect_timeout=CONNECT_SECONDS)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SELECT datname FROM pg_database")
                held = {name for (name,) in cursor.fetchall()}
                for name in DATABASES:
                    if name not in held:
                        cursor.execute(f'CREATE DATABASE "{name}"')
        except pg_errors.DuplicateDatabase:
            pass
        finally:
            connection.close()


def _await_ready(cluster: Cluster) -> int | None:
    """Return the server's process id, waiting for one that a killed caller left starting."""
    while (pid := _running_pid(cluster)) is None and _served(cluster):
        time.sleep(0.05)
    return pid


def _running_pid(cluster: Cluster) -> int | None:
    """Return the process id of this cluster's own server once it takes connections.

    A file left by a killed server may name a process of somebody else by now, so the process
    itself must say that it serves this folder.
    """
    lines = _pid_lines(cluster)
    if len(lines) < 8 or lines[7].strip() != "ready":
        return None
    return int(lines[0]) if _serves(int(lines[0]), cluster) else None


def _pid_lines(cluster: Cluster) -> list[str]:
    try:
        return (cluster.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []


def _serves(pid: int, cluster: Cluster) -> bool:
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        command = process.cmdline()
    except psutil.Error:
        return False
    return bool(command) and "postgres" in Path(command[0]).name and str(cluster.data) in command


def _clear_stranger(cluster: Cluster) -> None:
    """Remove a dead server's pid file whose number a stranger has now.

    PostgreSQL itself clears a file whose process is gone, but it takes any living process of the
    same user for a server. Children of the dead server that still hold its memory are noticed
    by PostgreSQL without the file.
    """
    if not _served(cluster):
        (cluster.data / "postmaster.pid").unlink(missing_ok=True)


def _served(cluster: Cluster) -> bool:
    """Tell whether a server has this folder open, ready or not."""
    lines = _pid_lines(cluster)
    return bool(lines) and lines[0].strip().isdigit() and _serves(int(lines[0]), cluster)
