"""The commands that print checks: ``doctor`` examines, ``healthcheck`` answers within seconds."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from functools import cached_property, partial

from factorprism.cli.context import open_warehouse
from factorprism.cli.tables import write_json
from factorprism.core.config import Config, drop_unknown, load_config
from factorprism.core.errors import ConfigurationError, FactorPrismError
from factorprism.core.roles import READER
from factorprism.core.sessions import utc_now
from factorprism.core.signals import find_signal, list_issued_signals
from factorprism.health import (
    DOCTOR,
    HEALTHCHECK,
    PATIENCE_SECONDS,
    Check,
    CheckResult,
    Level,
    Question,
    ask,
    ask_at_once,
    list_checks,
    list_questions,
    of_error,
)
from factorprism.pipelines import Ports, Run, subject_of
from factorprism.services import EmbeddedPostgres, require_airflow
from factorprism.warehouse import PostgresWarehouse

CONNECT_SECONDS = 3
# What a level is called where a person fixes, and where a watchdog asks.
EXAMINED = {Level.WELL: "ok", Level.NOTE: "warn", Level.FAULT: "FIX"}
ASKED = {Level.WELL: "ok", Level.NOTE: "note", Level.FAULT: "ILL"}


def print_examination() -> int:
    """Print what each check came to; 0 when all is healthy, 1 when something needs a fix."""
    results = examine()
    width = max(10, *(len(result.name) for result in results))
    for result in results:
        print(f"{EXAMINED[result.level]:<5} {result.name:<{width}} {result.sentence}")
        if result.remedy:
            print(f"{'':<5} {'':<{width}} {result.remedy}")
    return _exit_code(results)


def examine() -> list[CheckResult]:
    """Ask what ``doctor`` asks, with the warehouse started and migrated.

    Where it cannot be opened its own checks are left out, and the reason is a fault.
    """
    # Every other command refuses an unknown variable; this one names it.
    environ, checks = drop_unknown(os.environ), list_checks(DOCTOR)
    try:
        with open_warehouse(environ) as (config, ports):
            return list(ask(_list_questions(checks, config, ports, utc_now())))
    except FactorPrismError as error:
        refused = of_error("warehouse", error)
    config = load_config(environ)
    others = [check for check in checks if check.room != "warehouse"]
    return [*ask(_list_questions(others, config, Ports(config), utc_now())), refused]


def print_health(*, as_json: bool) -> int:
    """Print one line a check, with its remedy; 0 when all is healthy, 1 when anything is not."""
    now = utc_now()
    try:
        results = check_health(load_config(os.environ), now)
    except FactorPrismError as error:
        results = [of_error("settings", error)]
    if as_json:
        write_json(
            {
                "well": all(result.well for result in results),
                "checked_at": f"{now:%Y-%m-%dT%H:%M:%SZ}",
                "checks": [result.show() for result in results],
            }
        )
        return _exit_code(results)
    width = max(10, *(len(result.name) for result in results))
    for result in results:
        line = f"{ASKED[result.level]:<4} {result.name:<{width}} {result.sentence}"
        print(f"{line}. {result.remedy}" if result.remedy else line)
    return _exit_code(results)


def check_health(
    config: Config, now: datetime, patience_seconds: float = PATIENCE_SECONDS
) -> list[CheckResult]:
    """Ask everything at once and return what has answered in time, and who has not.

    `now` is naive, UTC. Nothing is started, migrated or written: the warehouse is asked as its
    reader, where there is one.
    """
    with closing(_Impatient(config)) as ports:
        questions = _list_questions(list_checks(HEALTHCHECK), config, ports, now)
        return ask_at_once(questions, patience_seconds)


def _list_questions(
    checks: Sequence[Check], config: Config, ports: Ports, now: datetime
) -> list[Question]:
    """Return `checks` for every issued signal, as of the day of `now`."""
    run = Run(now.date(), find_signal(config), config, ports)
    airflow = partial(require_airflow, config, CONNECT_SECONDS)
    subject = replace(subject_of(run, now), require_airflow=airflow, environ=os.environ)
    return list_questions(checks, subject, list_issued_signals(config))


def _exit_code(results: Sequence[CheckResult]) -> int:
    return 0 if all(result.well for result in results) else 1


class _Impatient(Ports):
    """Ports whose warehouse is asked as its reader, within a few seconds."""

    @cached_property
    def warehouse(self) -> PostgresWarehouse:
        return PostgresWarehouse(_within_seconds(_reader_url(self._config)))


def _reader_url(config: Config) -> str:
    if config.reader_url:
        return config.reader_url
    server = EmbeddedPostgres(config.home)
    if not server.exists() or not server.is_running():
        raise ConfigurationError(
            "the embedded PostgreSQL does not run", remedy="Start it: factorprism services start."
        )
    return server.url(role=READER)


def _within_seconds(url: str) -> str:
    """Return `url` with limits on the time that a connection or a statement may take."""
    limits = [f"connect_timeout={CONNECT_SECONDS}"] if "connect_timeout=" not in url else []
    if "options=" not in url:
        limits.append(f"options=-c%20statement_timeout%3D{CONNECT_SECONDS}s")
    return f"{url}{'&' if '?' in url else '?'}{'&'.join(limits)}" if limits else url
