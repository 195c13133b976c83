"""Open a run for the command line: configuration from the environment, the embedded warehouse
where no other is named, and lines for the person who watches.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date

from factorprism.cli.embedded import say, with_embedded_urls
from factorprism.core.config import Config, load_config
from factorprism.core.sessions import check_session, utc_now
from factorprism.pipelines import Ports, Run, open_ports
from factorprism.sources import require_within_data


@contextmanager
def open_warehouse() -> Iterator[tuple[Config, Ports]]:
    """Give the configuration and its ports, the warehouse started and migrated."""
    config = with_embedded_urls(load_config(os.environ))
    with open_ports(config) as ports:
        ports.warehouse.migrate()
        yield config, ports


@contextmanager
def open_run(session: date | None, tell: Callable[[str], None] = say) -> Iterator[Run]:
    """Give a run of `session`, or of the latest session that the source can serve.

    Raises `ConfigurationError` as `core.sessions.check_session` does, before anything is written,
    and `EndOfData` for a session after the end of a replay.
    """
    with open_warehouse() as (config, ports):
        if session is not None:
            check_session(session, config.calendar_of(config.universe.target), utc_now())
            require_within_data(config, session)
        yield Run(session or latest_session(config, ports), config, ports, tell)


def latest_session(config: Config, ports: Ports) -> date:
    """Return the latest session that the source can serve for the universe's target."""
    return ports.source.latest_session(config.universe.target, utc_now())
