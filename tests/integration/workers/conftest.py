"""A house of many workers on loopback: Redis, an S3 store, Airflow with CeleryExecutor."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from factorprism.core.roles import OWNER, READER, WRITER
from factorprism.services import EmbeddedAirflow
from factorprism.services._ports import LOOPBACK, choose_port
from worlds import ALONE, FOUR_YEARS, SMALL, Recipe, World, read_fingerprints

# As the world `ALONE` was made.
CHEAP = {
    "FACTORPRISM_SOURCE": "sample",
    "FACTORPRISM_MODEL": "inception_tiny",
    "FACTORPRISM_EPOCHS": "1",
    **{f"FACTORPRISM_{name.upper()}": str(value) for name, value in SMALL.items()},
}
BUCKET = "prism"
STOP_SECONDS = 20
# Airflow's own tables, and the keys by which its tokens and connections are made.
KEPT_FROM_WORKERS = (
    "AIRFLOW__DATABASE__",
    "AIRFLOW__API__SECRET_KEY",
    "AIRFLOW__API_AUTH__",
    "AIRFLOW__CORE__FERNET_KEY",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER",
)


@dataclass(frozen=True)
class Store:
    """An S3-compatible store: its bucket as an fsspec URL, and what a client must know of it."""

    url: str
    environ: Mapping[str, str]
    client: Any

    def names(self) -> list[str]:
        found = self.client.list_objects_v2(Bucket=BUCKET)
        return [item["Key"] for item in found.get("Contents", [])]


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    """The URL of a Redis of our own, with a password, gone after the module."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed; on Debian: apt-get install redis-server")
    folder = Path(tempfile.mkdtemp(prefix="factorprism-redis-"))
    port, password = choose_port(), secrets.token_hex(16)
    settings = folder / "redis.conf"
    settings.touch(mode=0o600)
    settings.write_text(
        f"bind {LOOPBACK}\nport {port}\nrequirepass {password}\ndir {folder}\nsave ''\n"
        "appendonly no\n"
    )
    server = subprocess.Popen([program, settings], stdout=subprocess.DEVNULL)
    try:
        yield f"redis://:{password}@{LOOPBACK}:{port}/0"
    finally:
        server.terminate()
        server.wait(STOP_SECONDS)
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    """An empty bucket in a moto server."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address=LOOPBACK, port=choose_port(), verbose=False)
    server.start()
    environ = {
        "AWS_ENDPOINT_URL": "http://{}:{}".format(*server.get_host_and_port()),
        "AWS_ACCESS_KEY_ID": "workers",
        "AWS_SECRET_ACCESS_KEY": secrets.token_hex(16),
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    try:
        client = boto3.client(
            "s3",
            endpoint_url=environ["AWS_ENDPOINT_URL"],
            aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
            region_name=environ["AWS_DEFAULT_REGION"],
        )
        client.create_bucket(Bucket=BUCKET)
        yield Store(f"s3://{BUCKET}/artefacts", environ, client)
        client.close()
    finally:
        server.stop()


@dataclass(frozen=True)
class CeleryAirflow(EmbeddedAirflow):
    """The components of the embedded Airflow, which hand their tasks to Celery's workers."""

    celery: Mapping[str, str] = field(default_factory=dict, repr=False)

    def environment(self) -> dict[str, str]:
        return super().environment() | dict(self.celery)


@dataclass
class Worker:
    """A Celery worker in a home of its own; `kill` is the loss of its whole machine."""

    name: str
    home: Path
    environ: Mapping[str, str]
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, name: str, home: Path, environ: Mapping[str, str]) -> Worker:
        home.mkdir(parents=True)
        # As in docker-compose.yml.
        program = [sys.executable, "-m", "factorprism.services.component", "celery", "worker"]
        options = ["--concurrency", "1", "--queues", "default,gpu", "--skip-serve-logs"]
        with (home / "worker.log").open("wb") as output:
            process = subprocess.Popen(
                [*program, "-H", name, *options],
                env=environ,
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return cls(name, home, environ, process)

    def members(self) -> list[psutil.Process]:
        """The worker and all that it has started, the newest last."""
        try:
            own = psutil.Process(self.process.pid)
            return [own, *own.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def runs(self, pid: int | None) -> bool:
        """Tell whether the process `pid` is one of this worker's."""
        return pid in {process.pid for process in self.members()}

    def kill(self) -> None:
        members = self.members()
        for process in members:  # first still, so that nobody can tell of another's death
            with suppress(psutil.NoSuchProcess):
                process.suspend()
        for process in {*members, *self.members()}:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait(STOP_SECONDS)

    def stop(self) -> None:
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_SECONDS)
        self.kill()


@dataclass
class House:
    """The components, and the workers that share nothing with them but what `shared` names."""

    airflow: CeleryAirflow
    shared: Mapping[str, str]
    folder: Path
    warehouse_url: str
    workers: list[Worker] = field(default_factory=list)

    def start_worker(self, name: str) -> Worker:
        home = self.folder / name
        environ = {
            key: value
            for key, value in self.airflow.environment().items()
            if not key.startswith(KEPT_FROM_WORKERS)
        }
        environ |= self.shared | {
            "FACTORPRISM_HOME": str(home / "home"),
            "AIRFLOW_HOME": str(home / "airflow"),
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        }
        worker = Worker.start(name, home, environ)
        self.workers.append(worker)
        return worker

    def stop(self) -> None:
        for worker in self.workers:
            worker.stop()
        self.airflow.stop()


@pytest.fixture(scope="module")
def alone(postgres: Any, open_world: Callable[[Recipe], World]) -> dict[str, str]:
    """The fingerprints of the same work on one machine: one home, one process, one folder."""
    return read_fingerprints(postgres.server.url(open_world(ALONE).database, OWNER))


@pytest.fixture(scope="module")
def house(
    postgres: Any,
    redis_url: str,
    store: Store,
    open_world: Callable[[Recipe], World],
    airflow_metadata: Callable[[Path], str],
) -> Iterator[House]:
    """Airflow, healthy, with CeleryExecutor and no worker yet; it holds the history of `alone`."""
    folder = Path(tempfile.mkdtemp(prefix="factorprism-workers-"))
    urls = {name: postgres.new_database() for name in ("mlflow", "celery")}
    urls["prism"] = postgres.new_database(open_world(FOUR_YEARS).database)
    urls["airflow"] = airflow_metadata(folder / "components")
    shared = {
        **CHEAP,
        **store.environ,
        "FACTORPRISM_WAREHOUSE_URL": postgres.as_role(urls["prism"], WRITER),
        "FACTORPRISM_WAREHOUSE_READER_URL": postgres.as_role(urls["prism"], READER),
        "FACTORPRISM_TRACKING_URL": urls["mlflow"],
        "FACTORPRISM_ARTEFACTS": store.url,
    }
    celery = {
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CELERY__BROKER_URL": redis_url,
        "AIRFLOW__CELERY__RESULT_BACKEND": urls["celery"].replace(
            "postgresql", "db+postgresql+psycopg2", 1
        ),
        "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "86400",
        # As under Compose.
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "1",
        # So there too, only shorter, so that the loss is seen while the test waits.
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    }
    airflow = CeleryAirflow(
        folder / "components", urls["airflow"], os.environ | shared, celery=celery
    )
    house = House(airflow, shared, folder, urls["prism"])
    try:
        airflow.start()
        yield house
    finally:
        house.stop()
        shutil.rmtree(folder, ignore_errors=True)
        for url in urls.values():
            postgres.drop_database(url)
