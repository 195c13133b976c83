"""The embedded PostgreSQL: one server for the warehouse, Airflow's metadata and MLflow's tables."""

from __future__ import annotations

import secrets
import subprocess
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg2
from psycopg2 import errors as pg_errors

from factorprism.core.errors import ServiceError
from factorprism.core.files import PRIVATE, write_atomic
from factorprism.core.roles import WRITER
from factorprism.services._cluster import (
    DATABASES,
    LOGINS,
    ROLE,
    WAREHOUSE,
    Cluster,
    find_cluster,
    from_os_error,
    from_output,
)
from factorprism.services._files import locked, read_stripped, remembered
from factorprism.services._logs import bound_log
from factorprism.services._patience import CONNECT_SECONDS, Tell, tell_nobody, waiting_for
from factorprism.services._ports import LOOPBACK, keep_port

# Recovery after a kill replays the log, which takes its time; pg_ctl notices a server that dies.
START_SECONDS = 86_400
STOP_SECONDS = 60
_ATTEMPTS = 5
NEW_LOGINS = (
    "PostgreSQL is started again, since its logins are made anew. An Airflow that runs needs the "
    "new ones: factorprism services start"
)


@dataclass(frozen=True)
class EmbeddedPostgres:
    """A PostgreSQL 18 under `home`, run as the calling user, or as nobody for root.

    It listens on a free loopback port, remembered in ``home/postgres/port``. The warehouse has
    three logins (`core.roles`), Airflow's and MLflow's tables one; each has a generated password
    (scram-sha-256) in a file ``home/postgres/password*``.
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
                    if self._lost_passwords() and _await_ready(cluster):
                        # It is of a version with one login for everything.
                        tell(NEW_LOGINS)
                        _stop(cluster)
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
            if _await_ready(cluster):
                _stop(cluster)

    def exists(self) -> bool:
        """Tell whether this home has ever had a server, running or not."""
        port = self.home.absolute() / "postgres" / "port"
        return bool(read_stripped(port) and read_stripped(self._password_file(ROLE)))

    def is_running(self) -> bool:
        """Tell whether this home's own server is up and takes connections."""
        home = self.home.absolute()
        return (home / "postgres").exists() and _running_pid(find_cluster(home)) is not None

    def pid(self) -> int | None:
        """Return the server's process id, None when it does not run."""
        home = self.home.absolute()
        return _running_pid(find_cluster(home)) if (home / "postgres").exists() else None

    def url(self, database: str = WAREHOUSE, role: str = "") -> str:
        """Return the libpq URL of `database`, password and all; the server need not run.

        `role` is by default the warehouse's writer, or whose `database` is. Raises `ServiceError`
        before the first start.
        """
        role = role or (WRITER if database == WAREHOUSE else ROLE)
        port = read_stripped(self.home.absolute() / "postgres" / "port")
        password = read_stripped(self._password_file(role))
        if not port or not password:
            raise ServiceError(
                f"there is no database server in {self.home} yet",
                remedy="Start it with: factorprism services start",
            )
        return f"postgresql://{role}:{password}@{LOOPBACK}:{port}/{database}"

    def _password_file(self, role: str) -> Path:
        name = "password" if role == ROLE else f"password-{role.removeprefix('prism_')}"
        return self.home.absolute() / "postgres" / name

    def _lost_passwords(self) -> list[str]:
        """Return the logins whose password is not known here: lost, or never made."""
        return [role for role in LOGINS if not read_stripped(self._password_file(role))]

    def _prepare(self, cluster: Cluster) -> None:
        """Make the data folder and the logins where either is missing."""
        if not cluster.data.exists():
            cluster.create(
                {role: remembered(self._password_file(role), _draw_password) for role in LOGINS}
            )
        served = cluster.account.run([cluster.program("postgres"), "--version"]).stdout.split()[-1]
        if cluster.version != served.split(".")[0]:
            raise ServiceError(
                f"{cluster.data} is of PostgreSQL {cluster.version or 'unknown version'}, "
                f"the installed server is {served}",
                remedy="Dump it with its own version, move it away, start again and restore.",
            )
        _clear_stranger(cluster)
        if lost := self._lost_passwords():
            passwords = {role: _draw_password() for role in lost}
            cluster.set_passwords(passwords)
            for role, password in passwords.items():
                write_atomic(self._password_file(role), password + "\n", mode=PRIVATE)

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
            write_atomic(port_file, f"{port}\n", mode=PRIVATE)
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
        held = {name for (name,) in self._execute("SELECT datname FROM pg_database", ROLE)}
        for name, owner in DATABASES.items():
            if name not in held:
                with suppress(pg_errors.DuplicateDatabase):
                    self._execute(f'CREATE DATABASE "{name}"', owner)

    def _execute(self, statement: str, role: str) -> list[tuple[str]]:
        url = self.url("postgres", role)
        with closing(psycopg2.connect(url, connect_timeout=CONNECT_SECONDS)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []


def _draw_password() -> str:
    return secrets.token_hex(24)


def _stop(cluster: Cluster) -> None:
    command: list[str | Path] = [cluster.program("pg_ctl"), "stop", "-D", cluster.data, "-w"]
    mode = ["-m", "fast", "-t", str(STOP_SECONDS)]
    if cluster.account.run([*command, *mode], accept=True).returncode:
        cluster.account.run([*command, "-m", "immediate", "-t", str(STOP_SECONDS)])


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
