"""deploy/databases.sh against a real server: who may enter which database and make tables there."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from factorprism.services import EmbeddedPostgres
from factorprism.services._cluster import find_cluster
from sql import execute

OWNERS = {"prism": "prism_owner", "mlflow": "prism", "airflow": "airflow", "celery": "celery"}
ENTERS = {"prism": {"prism_owner", "prism_writer", "prism_reader"}}
ROLES = {"prism", *ENTERS["prism"], "airflow", "celery"}
SUPERUSER = "postgres"
# What the script of the version before left, with a table in each database of `prism`.
BEFORE = """
CREATE ROLE prism LOGIN PASSWORD 'prism';
CREATE ROLE airflow LOGIN PASSWORD 'airflow';
CREATE ROLE celery LOGIN PASSWORD 'celery';
CREATE DATABASE prism OWNER prism;
CREATE DATABASE mlflow OWNER prism;
CREATE DATABASE airflow OWNER airflow;
CREATE DATABASE celery OWNER celery;
REVOKE CONNECT ON DATABASE prism, mlflow, airflow, celery FROM PUBLIC
"""


@pytest.fixture(scope="module", params=["empty", "older"])
def address(request: pytest.FixtureRequest, repository_root: Path) -> Iterator[str]:
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
        for role in ("prism", *ENTERS["prism"]):
            execute(url, f"DROP ROLE {role}")
        if request.param == "older":
            for statement in BEFORE.split(";"):
                execute(url, statement)
            for database in ("prism", "mlflow"):
                older = f"postgresql://prism:prism@{place}/{database}"
                execute(older, "CREATE SCHEMA kept; CREATE TABLE kept.t AS SELECT 7 AS x")
        host, port = place.split(":")
        subprocess.run(
            [repository_root / "deploy" / "databases.sh"],
            env={
                "PATH": f"{cluster.program('psql').parent}:{os.environ['PATH']}",
                "PGHOST": host,
                "PGPORT": port,
                "PGPASSWORD": SUPERUSER,
                "POSTGRES_USER": SUPERUSER,
                **{f"{role.upper()}_DB_PASSWORD": role for role in ROLES},
            },
            check=True,
            capture_output=True,
        )
        yield place
    finally:
        server.stop()
        shutil.rmtree(server.data_folder.parent, ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)


@pytest.mark.parametrize("role", sorted(ROLES))
@pytest.mark.parametrize("database", sorted(OWNERS))
def test_a_role_enters_its_own_databases_alone(address: str, role: str, database: str) -> None:
    url = f"postgresql://{role}:{role}@{address}/{database}"
    if OWNERS[database] == role:
        execute(url, "CREATE SCHEMA IF NOT EXISTS made; CREATE TABLE IF NOT EXISTS made.t (x int)")
        execute(url, "CREATE TABLE IF NOT EXISTS public.t (x int)")
        execute(
            url,
            "DO $$ BEGIN IF to_regnamespace('kept') IS NOT NULL THEN"
            " UPDATE kept.t SET x = 8; ALTER TABLE kept.t ADD y int; END IF; END $$",
        )
    elif role in ENTERS.get(database, ()):
        for schema in ("made", "public"):
            with pytest.raises(psycopg2.Error):
                execute(url, f"CREATE TABLE {schema}.mine (x int)")
    else:
        with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
            execute(url, "SELECT 1")


def test_none_of_them_is_a_superuser(address: str) -> None:
    for database, owner in OWNERS.items():
        for role in {owner, *ENTERS.get(database, ())}:
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                execute(f"postgresql://{role}:{role}@{address}/{database}", "CREATE ROLE other")
