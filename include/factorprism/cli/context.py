"""Open a run for the command line: configuration from the environment, the embedded warehouse
where no other is named, and lines for the person who watches.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from factorprism.cli.embedded import migrate_warehouse, say, with_embedded_urls
from factorprism.core.config import Config, load_config
from factorprism.core.sessions import check_session, utc_now
from factorprism.core.signals import Signal, find_signal
from factorprism.pipelines import Ports, Run, open_ports
from factorprism.sources import require_within_data
from factorprism.warehouse import PostgresWarehouse


@contextmanager
def open_warehouse(
    environ: Mapping[str, str] | None = None,
) -> Iterator[tuple[Config, Ports]]:
    """Give the configuration and its ports, the warehouse started and migrated.

    The configuration is that of `environ`, or of this process.
    """
    config = with_embedded_urls(load_config(os.environ if environ is None else environ))
    migrate_warehouse(config)
    with open_ports(config) as ports:
        yield config, ports


@contextmanager
def open_run(
    session: date | None, signal: str = "", tell: Callable[[str], None] = say
) -> Iterator[Run]:
    """Give a run of `session`, or of the latest session that the source can serve.

    It is of the default signal, or of the one called `signal`. Raises `ConfigurationError` as
    `core.sessions.check_session` does and for an unknown signal, before anything is written, and
    `EndOfData` for a session after the end of a replay.
    """
    chosen = find_signal(load_config(os.environ), signal)  # refused before anything is started
    with open_warehouse() as (config, ports):
        if session is not None:
            check_session(session, config.calendar_of(chosen.symbol), utc_now())
            require_within_data(config, chosen.symbol, session)
        yield Run(session or latest_session(chosen, ports), chosen, config, ports, tell)


@contextmanager
def open_dry_run(session: date | None, signal: str = "") -> Iterator[Run]:
    """Give a run as `open_run` does, none of whose rows, files and messages stays."""
    with open_run(session, signal) as real, TemporaryDirectory() as home:
        config = real.config.with_changes(alerts_url="", metrics_url="")
        warehouse = PostgresWarehouse(config.warehouse_url, dry=True)
        ports = Ports(config, warehouse)
        # What is read of the home is found by the ports; what is written there goes.
        shown = config.with_changes(home=Path(home), artefacts=config.artefacts_url)
        try:
            yield Run(real.session, real.signal, shown, ports, real.tell)
        finally:
            ports.close()


def latest_session(signal: Signal, ports: Ports) -> date:
    """Return the latest session that the source can serve for the symbol of `signal`."""
    return ports.source.latest_session(signal.symbol, utc_now())
