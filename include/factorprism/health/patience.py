"""Until when a session's bars are waited for, when its row is due, and whether its run waits now.

Light on purpose: a watchdog asks it within seconds.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from factorprism.core.config import Config
from factorprism.core.publication import RUN_TAKES, local_words, next_moment, read_clock
from factorprism.core.signals import Signal
from factorprism.core.universe import Universe
from factorprism.warehouse import PostgresWarehouse

# What a check may take beside the pause before it: a task's start and the source's slow answers.
CHECK_TAKES = timedelta(minutes=10)
SUITE = "publication"


def patience_ends(config: Config, universe: Universe, session: date) -> datetime:
    """Return the moment (naive, UTC) until which bars of `session` are waited for.

    That is when the hour that is set comes next after publication, on the exchange's clock, and so
    before the next session's publication. The sample's bars are all there: it is not waited for.
    """
    calendar = config.calendar_of(universe.target)
    published = calendar.published_at(session)
    if config.source == "sample":
        return published
    return next_moment(published, read_clock(config.patience_until), calendar.exchange)


def due_at(config: Config, universe: Universe, session: date) -> datetime:
    """Return when (naive, UTC) the row of `session` is due: at publication and what a run takes."""
    return config.calendar_of(universe.target).published_at(session) + RUN_TAKES


def wait_key(config: Config, universe: Universe, session: date) -> str:
    """Return the key under which the last check for the bars of `session` is on record."""
    return f"{SUITE} {session} {config.source} {universe.name}"


def find_wait(
    config: Config, signal: Signal, warehouse: PostgresWarehouse, session: date, now: datetime
) -> str:
    """Say what the run of `session` waits for at `now` (naive, UTC); empty where it does not.

    It waits while patience lasts, it has checked of late and nothing is written of it since. So
    for a while after its bars have come, however late, until there must be a row.
    """
    universe = signal.universe
    ends = patience_ends(config, universe, session)
    key = wait_key(config, universe, session)
    checks = warehouse.quality.load_results(key)
    if not checks:
        return ""
    checked_at = warehouse.quality.summarise_gates([key])[0].recorded_at
    if checks[0].success:
        until, words = checked_at + RUN_TAKES, f"the bars of {session} have come, its run goes on"
    else:
        until = min(ends, checked_at + timedelta(seconds=config.ask_again_seconds) + CHECK_TAKES)
        exchange = config.calendar_of(universe.target).exchange
        words = f"waiting for the bars of {session} until {local_words(ends, exchange)}"
    rows = warehouse.forecasts.load_forecasts(signal.name, session, session)
    is_written = any(
        row.reason == checks[0].sentence or (row.created_at and row.created_at >= checked_at)
        for row in rows
    )
    return "" if now >= until or is_written else words
