"""Which session is this run for, and with which settings? Asked by every task and every alert."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

from known_days import learn_days

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from factorprism.core.calendar import TradingCalendar
    from factorprism.core.config import Config

TUSHARE_CONNECTION = "tushare_default"
ALERTS_CONNECTION = "prism_alerts"
ALERTS_URL, UI_URL = "FACTORPRISM_ALERTS_URL", "FACTORPRISM_UI_URL"
# Runs that the timetable has planned; of these alone the data interval can be relied on.
PLANNED_RUNS = ("scheduled", "backfill")
AUDIENCES = ("operators", "researchers")


def signal_of(context: Mapping[str, Any]) -> str:
    """Return the name of the signal that the run of `context` is for; empty: the default one.

    A DAG of one signal has its name in each task; of any other DAG the run's parameter names it.
    """
    task, params = context.get("task"), context.get("params", {})
    return str(getattr(task, "signal", "") or context.get("signal") or params.get("signal") or "")


def session_of(context: Mapping[str, Any], environ: Mapping[str, str]) -> date:
    """Return the session that the run of `context` is for, on the calendar of its signal.

    A session named in the run's parameters comes first. A planned run is for the session that its
    logical date names, whatever hour of publication has been set since it was planned; where the
    target trades elsewhere and had not closed by the end of the run's interval, for the last one
    published by then. Any other run is for the session that its logical date names (midnight UTC),
    or else for the last one published when it was started.

    The data of a replay end, and a run by hand that names no session is for their last one then.

    Raises `ConfigurationError` as `core.sessions.check_session` does, and `EndOfData` for a session
    after the end of a replay.
    """
    from factorprism.core.calendar import exchange_of
    from factorprism.core.config import load_config
    from factorprism.core.sessions import check_session, read_session, utc_now
    from factorprism.core.signals import find_signal

    config = load_config(environ)
    target = find_signal(config, signal_of(context)).symbol
    learn_days(exchange_of(target), environ)
    calendar = config.calendar_of(target)
    named = context.get("params", {}).get("session")
    if named:
        session = read_session(str(named), calendar, utc_now())
    else:
        moment = _moment_of(context["dag_run"], calendar)
        session = check_session(session_at(moment, calendar), calendar, utc_now())
    return _within_data(session, config, target, context)


def _moment_of(run: Any, calendar: TradingCalendar) -> datetime:
    """Return the moment that says what `run` is for: midnight UTC of its session where it can."""
    named: datetime = run.logical_date or run.run_after
    if run.run_type not in PLANNED_RUNS:
        return named
    end: datetime = run.data_interval_end
    day = named.astimezone(UTC).date()
    if calendar.is_session(day):
        return named if calendar.close_at(day).replace(tzinfo=UTC) <= end else end
    return end


def _within_data(session: date, config: Config, symbol: str, context: Mapping[str, Any]) -> date:
    """Return `session`, or the last one of a replay where nobody has asked for a later one."""
    from factorprism.sources import find_final_session, require_within_data

    final = find_final_session(config, symbol)
    if final is None or session <= final:
        return session
    named = context.get("params", {}).get("session")
    if named or context["dag_run"].run_type in PLANNED_RUNS:
        require_within_data(config, symbol, session)
    return final


def session_at(moment: datetime, calendar: TradingCalendar) -> date:
    """Return the session of `calendar` that `moment` (with a time zone) means."""
    moment = moment.astimezone(UTC).replace(tzinfo=None)
    if moment.time() == time(0) and calendar.is_session(moment.date()):
        return moment.date()
    return calendar.last_published(moment)


def task_environ() -> dict[str, str]:
    """Return a copy of the environment, with what connections hold: the token, the addresses.

    Both are given to the masker, so that no task log shows them, and go nowhere else. Messages
    lead to the UI whose address Airflow knows.
    """
    from airflow.sdk.configuration import conf
    from airflow.sdk.log import mask_secret

    environ = dict(os.environ)
    source = environ.get("FACTORPRISM_SOURCE", "").strip()
    token = environ.get("TUSHARE_TOKEN", "").strip()
    if not token and source in ("", "tushare"):
        token = _token_of_connection()
    if token:
        mask_secret(token)
        environ["TUSHARE_TOKEN"] = token
    addresses = environ.get(ALERTS_URL, "").split() or _addresses_of_connection()
    if addresses:
        for address in addresses:
            mask_secret(address.partition("=")[2] if _has_audience(address) else address)
        environ[ALERTS_URL] = " ".join(addresses)
    pages = conf.get("api", "base_url", fallback="")
    if not environ.get(UI_URL, "").strip() and pages.startswith("http"):
        environ[UI_URL] = pages
    return environ


def _token_of_connection() -> str:
    connection = _find_connection(TUSHARE_CONNECTION)
    return (connection.password or "").strip() if connection else ""


def _addresses_of_connection() -> list[str]:
    """Return the Apprise URLs of the connection: its password, and by audience its extra."""
    connection = _find_connection(ALERTS_CONNECTION)
    if connection is None:
        return []
    addresses = (connection.password or "").split()
    for audience, urls in connection.extra_dejson.items():
        for url in [urls] if isinstance(urls, str) else urls:
            addresses.append(f"{audience}={url}" if audience in AUDIENCES else url)
    return addresses


def _has_audience(address: str) -> bool:
    return address.partition("=")[0] in AUDIENCES


def _find_connection(name: str) -> Connection | None:
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        return Connection.get(name)
    except AirflowNotFoundException:
        return None
