"""Metadata of embedded Airflows for the tests: migrated once, kept with the worlds, copied."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from factorprism.services import EmbeddedAirflow
from factorprism.warehouse.db.backup import _find_programs
from worlds import Shelf

DUMP, STAMP = "metadata.dump", "migrated"


@dataclass
class Metadata:
    """Gives each Airflow a database of the session's server that needs no migration any more."""

    postgres: Any
    shelf: Shelf

    def copy_for(self, home: Path) -> str:
        """Return the URL of metadata for the Airflow of `home`, which has none yet."""
        folder = home / "airflow"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(self._kept / STAMP, folder)
        url: str = self.postgres.new_database(self._template)
        return url

    @cached_property
    def _kept(self) -> Path:
        return self.shelf.keep("airflow", self._build)

    @cached_property
    def _template(self) -> str:
        url: str = self.postgres.new_database()
        _run("pg_restore", "--exit-on-error", "--no-owner", f"--dbname={url}", self._kept / DUMP)
        return url.rsplit("/", 1)[1]

    def _build(self, draft: Path) -> None:
        url = self.postgres.new_database()
        home = Path(tempfile.mkdtemp(prefix="factorprism-metadata-"))
        try:
            airflow = EmbeddedAirflow(home, url, os.environ)
            airflow.folder.mkdir(parents=True)
            airflow._choose_ports(print)
            airflow._migrate()
            shutil.copy(airflow.folder / STAMP, draft)
            _run("pg_dump", "--format=custom", "--no-owner", f"--file={draft / DUMP}", url)
        finally:
            shutil.rmtree(home)
            self.postgres.drop_database(url)


def _run(program: str, *arguments: str | Path) -> None:
    subprocess.run([_find_programs(14) / program, *arguments], check=True)
