"""Makes the dumps of older schemas beside this file from full ones, small enough to be kept.

    python tests/integration/warehouse/dumps/trim_dump.py FULL.dump schema7.dump

A full one is `factorprism backup` of a warehouse that a version with that schema has filled:
`make run` on the sample, then some evenings. Nothing but the content of pulls and the older bars
and factors is left out; no row that a later schema changes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import psycopg2

from factorprism.core.roles import OWNER
from factorprism.services import EmbeddedPostgres
from factorprism.warehouse.db.backup import _find_programs, _hash_file

KEPT_SESSIONS = 300
TRIMMED = f"""
UPDATE prism.pulls SET payload = '';
DELETE FROM prism.factors WHERE session < (
    SELECT max(session) - {KEPT_SESSIONS} * 7 / 5 FROM prism.factors);
DELETE FROM prism.bars WHERE session < (
    SELECT max(session) - {KEPT_SESSIONS} * 7 / 5 FROM prism.bars);
"""  # noqa: S608


def trim(full: Path, trimmed: Path) -> None:
    """Restore `full` on a server of its own, leave out what is large, and dump the rest."""
    home = Path(tempfile.mkdtemp(prefix="factorprism-trim-"))
    home.chmod(0o711)  # root's server runs as nobody, who must be able to pass
    server = EmbeddedPostgres(home)
    try:
        server.start()
        url = server.url("prism", OWNER)
        programs = _find_programs(14)
        _run(programs / "pg_restore", "--exit-on-error", "--no-owner", f"--dbname={url}", full)
        with (
            closing(psycopg2.connect(url)) as connection,
            connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(TRIMMED)
        _run(
            *(programs / "pg_dump", "--format=custom", "--compress=9", "--schema=prism"),
            *("--no-owner", "--no-privileges", f"--file={trimmed}", url),
        )
    finally:
        server.stop()
    digest = _hash_file(trimmed)
    trimmed.with_name(f"{trimmed.name}.sha256").write_text(f"{digest}  {trimmed.name}\n")


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True)


if __name__ == "__main__":
    trim(Path(sys.argv[1]), Path(__file__).with_name(sys.argv[2]))
