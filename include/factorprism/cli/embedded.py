"""The embedded services behind the command line: the warehouse's server, and Airflow."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from factorprism.alerts import HOW_TO_ADDRESS, NO_ADDRESS
from factorprism.core.config import PREFIX, Config, load_config
from factorprism.core.errors import SourceError
from factorprism.core.files import PRIVATE, write_atomic
from factorprism.core.roles import OWNER, READER, WRITER
from factorprism.core.signals import find_signal, list_issued_signals
from factorprism.services import EmbeddedAirflow, EmbeddedPostgres, MlflowUi, services_status
from factorprism.warehouse import PostgresWarehouse


def say(line: str) -> None:
    """Print a line for the person who watches; stdout is for results alone."""
    print(line, file=sys.stderr, flush=True)


def with_embedded_urls(config: Config) -> Config:
    """Return `config` with the embedded server's URLs where none is configured.

    The server is started if it does not run.
    """
    if config.warehouse_url and config.tracking_url:
        return config
    server = EmbeddedPostgres(config.home)
    server.start(say)
    if not config.warehouse_url:
        config = config.with_changes(
            warehouse_url=server.url("prism", WRITER),
            warehouse_owner_url=server.url("prism", OWNER),
            warehouse_reader_url=server.url("prism", READER),
        )
    return config.with_changes(tracking_url=config.tracking_url or server.url("mlflow"))


def migrate_warehouse(config: Config) -> None:
    """Bring the warehouse's schema to the newest version, as its owner."""
    with closing(PostgresWarehouse(config.owner_url)) as warehouse:
        warehouse.migrate()


def warehouse_url() -> str:
    """Return the URL of the warehouse for whoever writes, its embedded server started."""
    return with_embedded_urls(load_config(os.environ)).warehouse_url


def embedded_airflow(config: Config) -> EmbeddedAirflow:
    """Return the Airflow of this home; its tasks see the caller's settings and all stores' URLs.

    The owner's is not among them: nothing in Airflow migrates the warehouse. Airflow's metadata
    stand in the embedded server, whatever the warehouse is.
    """
    urls = {
        "WAREHOUSE_URL": config.warehouse_url,
        "WAREHOUSE_READER_URL": config.warehouse_reader_url,
        "TRACKING_URL": config.tracking_url,
    }
    # Its processes work in another folder, where a relative path would lead elsewhere.
    environ = dict(os.environ) | config.paths()
    environ |= {f"{PREFIX}{name}": url for name, url in urls.items()}
    environ.pop(f"{PREFIX}WAREHOUSE_OWNER_URL", None)
    server = EmbeddedPostgres(config.home)
    return EmbeddedAirflow(config.home, server.url("airflow"), environ)


def start_airflow(config: Config) -> EmbeddedAirflow:
    """Start the embedded server and Airflow, again if it runs with other settings or code."""
    EmbeddedPostgres(config.home).start(say)
    airflow = embedded_airflow(config)
    stamp = config.home / "airflow" / "settings.json"
    wanted = json.dumps(_settings(airflow) | {"code": _code(airflow)}, sort_keys=True)
    if airflow.is_running() and (not stamp.is_file() or stamp.read_text() != wanted):
        airflow.stop(say)
    # Before the start: one that is cut off is waited for by the next, with these settings.
    write_atomic(stamp, wanted, mode=PRIVATE)
    airflow.start(say)
    return airflow


def start_services(*, only_warehouse: bool, mlflow: bool) -> None:
    """Start PostgreSQL, and Airflow unless asked otherwise; print how to open the pages."""
    config = with_embedded_urls(load_config(os.environ))
    migrate_warehouse(config)
    _close_after_end(config)
    if only_warehouse:
        print("PostgreSQL is running; its address: factorprism services url")
        return
    start_airflow(config)
    print(how_to_open(config))
    if not config.alerts_url:
        print(f"note          {NO_ADDRESS}. {HOW_TO_ADDRESS}")
    if mlflow:
        pages = _mlflow_pages(config)
        pages.start(say)
        print(f"MLflow        {pages.address}")


def _close_after_end(config: Config) -> None:
    """Close the alerts that an earlier version has raised of sessions after the end of a replay.

    Nothing runs after that end, so that the collector of metrics, if there is one, learns of it
    here too.
    """
    if config.source != "sample":
        return
    from factorprism.pipelines import close_after_end, measure_replay, open_ports

    with open_ports(config) as ports:
        with suppress(SourceError):  # a target that the sample lacks is reported by the first run
            measure_replay(config, find_signal(config), ports)
        for signal in list_issued_signals(config):
            for key in close_after_end(config, signal, ports):
                print(f"note          alert {key} is closed: no run of its session is due")


def stop_services() -> None:
    """Stop MLflow's pages, Airflow and PostgreSQL; what is not running stays as it is."""
    config = load_config(os.environ)
    server = EmbeddedPostgres(config.home)
    if server.exists():
        _mlflow_pages(config).stop(say)
        embedded_airflow(config).stop(say)
        server.stop(say)
    print("stopped")


def print_status(*, as_json: bool) -> None:
    """Print what is running, a line each."""
    config = load_config(os.environ)
    server = EmbeddedPostgres(config.home)
    if not server.exists():
        print("[]" if as_json else "nothing was ever started here: factorprism services start")
        return
    rows = services_status(server, embedded_airflow(config), _mlflow_pages(config))
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        print(f"{row['service']:<22} {row['state']:<10} {row['address'] or row['reason']}".rstrip())


def _mlflow_pages(config: Config) -> MlflowUi:
    tracking_url = config.tracking_url or EmbeddedPostgres(config.home).url("mlflow")
    return MlflowUi(config.home, tracking_url)


def how_to_open(config: Config) -> str:
    """Return one line with the address of the UI and how to log in."""
    airflow = embedded_airflow(config)
    return f"Airflow UI    {airflow.address}   user admin, password {airflow.passwords()['admin']}"


def _settings(airflow: EmbeddedAirflow) -> dict[str, str]:
    # Hashed, since a token and a password are among them.
    return {
        name: hashlib.sha256(value.encode()).hexdigest()
        for name, value in airflow.environ.items()
        if value and (name.startswith(PREFIX) or name == "TUSHARE_TOKEN")
    }


def _code(airflow: EmbeddedAirflow) -> str:
    """Return a fingerprint of the code that the components have loaded, without reading it."""
    seen = hashlib.sha256()
    for path in sorted(_code_files(airflow.repository)):
        with suppress(FileNotFoundError):  # an editor or an upgrade has just taken it away
            facts = path.stat()
            seen.update(f"{path} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return seen.hexdigest()


def _code_files(repository: Path) -> Iterator[Path]:
    for folder in ("include/factorprism", "plugins"):
        yield from (repository / folder).rglob("*.py")
