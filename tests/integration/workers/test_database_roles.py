"""deploy/databases.sh against a real server: who may enter which database and make tables there."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from factorprism.services import EmbeddedPostgres
from factorprism.services._cluster import find_cluster

OWNERS = {"prism": "prism", "mlflow": "prism", "airflow": "airflow", "celery": "celery"}
SUPERUSER = "postgres"


def execute(url: str, statement: str) -> None:
    with closing(psycopg2.connect(url, connect_timeout=30)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)


@pytest.fixture(scope="module")
def address(repository_root: Path) -> Iterator[str]:
    """``host:port`` of a server on which the script has run; a role's password is its name."""
    home = Path(tempfile.mkdtemp(prefix="factorprism-roles-"))
    home.chmod(0o711)
    server = EmbeddedPostgres(home)
    try:
        server.start()
        server.stop()
        cluster = find_cluster(home)
        cluster._single_user(cluster.data, [f"ALTER ROLE {SUPERUSER} PASSWORD '{SUPERUSER}'"])
        server.start()
        place = server.url().split("@")[1].split("/")[0]
        url = f"postgresql://{SUPERUSER}:{SUPERUSER}@{place}/postgres"
        for database in ("prism", "airflow", "mlflow"):  # those of the embedded form
            execute(url, f"DROP DATABASE {database}")
        execute(url, "DROP ROLE prism")
        host, port = place.split(":")
        subprocess.run(
            [repository_root / "deploy" / "databases.sh"],
            env={
                "PATH": f"{cluster.program('psql').parent}:{os.environ['PATH']}",
                "PGHOST": host,
                "PGPORT": port,
                "PGPASSWORD": SUPERUSER,
                "POSTGRES_USER": SUPERUSER,
                **{f"{role.upper()}_DB_PASSWORD": role for role in set(OWNERS.values())},
            },
            check=True,
            capture_output=True,
        )
        yield place
    finally:
        server.stop()
        shutil.rmtree(server.data_folder.parent, ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)


@pytest.mark.parametrize("role", sorted(set(OWNERS.values())))
@pytest.mark.parametrize("database", sorted(OWNERS))
def test_a_role_enters_its_own_databases_alone(address: str, role: str, database: str) -> None:
    url = f"postgresql://{role}:{role}@{address}/{database}"
    if OWNERS[database] == role:
        execute(url, "CREATE SCHEMA IF NOT EXISTS made; CREATE TABLE IF NOT EXISTS made.t (x int)")
        execute(url, "CREATE TABLE IF NOT EXISTS public.t (x int)")
    else:
        with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
            execute(url, "SELECT 1")


def test_none_of_them_is_a_superuser(address: str) -> None:
    for role in set(OWNERS.values()):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            execute(f"postgresql://{role}:{role}@{address}/{role}", "CREATE ROLE other")
