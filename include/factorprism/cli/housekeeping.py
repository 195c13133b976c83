"""The bodies of ``factorprism housekeeping``, ``backup`` and ``restore``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from factorprism.cli.commands import step_printer
from factorprism.cli.context import open_warehouse
from factorprism.cli.embedded import embedded_airflow, say
from factorprism.core.config import Config
from factorprism.core.signals import find_signal
from factorprism.pipelines import Run, run_pipeline
from factorprism.pipelines.housekeeping import back_up_warehouse
from factorprism.services import EmbeddedPostgres
from factorprism.warehouse import PostgresWarehouse, restore


def keep_house(*, dry_run: bool) -> None:
    """Run the housekeeping, and clean the metadata of the embedded Airflow where there is one.

    What may go and what went is printed to stdout, a line each.
    """
    with open_warehouse() as (config, ports):
        run = Run(datetime.now(UTC).date(), find_signal(config), config, ports, print)
        run_pipeline("housekeeping", run, {"dry_run": dry_run}, on_step=step_printer())
    _clean_airflow(config, dry_run=dry_run)


def _clean_airflow(config: Config, *, dry_run: bool) -> None:
    if not EmbeddedPostgres(config.home).exists() or not (config.home / "airflow").is_dir():
        say("no embedded Airflow here: clean its metadata with `airflow db clean`")
        return
    before = datetime.now(UTC) - timedelta(days=config.files_kept_days)
    if dry_run:
        print(f"Airflow: what it remembers of runs before {before:%Y-%m-%d} may go")
        return
    EmbeddedPostgres(config.home).start()
    embedded_airflow(config).clean_metadata(before)
    print(f"Airflow: what it remembered of runs before {before:%Y-%m-%d} is gone")


def write_backup() -> None:
    with open_warehouse() as (config, ports):
        context = back_up_warehouse(
            Run(datetime.now(UTC).date(), find_signal(config), config, ports, say), {}
        )
    print(context["backup"])


def restore_backup(file: Path, into: str) -> None:
    """Restore `file` into the empty database at `into`, grant the roles, print its fingerprint."""
    restore(file, into)
    warehouse = PostgresWarehouse(into)
    try:
        warehouse.migrate()
        print(f"restored; fingerprint {warehouse.fingerprint()}")
    finally:
        warehouse.close()
