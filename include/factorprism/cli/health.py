"""The dead man's switch: asked from outside Airflow whether the house is well, within seconds."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

from factorprism.alerts import HOW_TO_ADDRESS, NO_ADDRESS, build_sink
from factorprism.cli.airflow_health import airflow_address, ask_airflow, find_taken_port
from factorprism.core.config import Config, load_config
from factorprism.core.errors import ConfigurationError, FactorPrismError
from factorprism.core.signals import Signal, list_issued_signals
from factorprism.core.words import count
from factorprism.pipelines.patience import find_wait
from factorprism.services import FREE_THE_PORT, EmbeddedPostgres
from factorprism.sources import find_final_session
from factorprism.views.freshness import Freshness, measure_freshness
from factorprism.warehouse import PostgresWarehouse

# All probes run at once; what has not answered by then is ill.
PATIENCE_SECONDS = 5.0
CONNECT_SECONDS = 3
# The evening's run has two hours, and then its alert.
FORECAST_GRACE = timedelta(hours=3)
FREE_BYTES_MIN = 2_000_000_000
# Of each signal; a walk over more would not answer in time.
LEDGER_ROWS = 1_000


@dataclass(frozen=True)
class Check:
    """One thing that was asked; `remedy` may be empty where it is well.

    What is well and still has a remedy is to be known, and is no fault.
    """

    name: str
    well: bool
    sentence: str
    remedy: str = ""

    @property
    def word(self) -> str:
        return "ILL" if not self.well else "note" if self.remedy else "ok"


Probe = Callable[[Config, datetime], Iterator[Check]]


def print_health(*, as_json: bool) -> int:
    """Print one line a check, with its remedy; 0 when all is well, 1 when anything is ill."""
    now = datetime.now(UTC).replace(tzinfo=None)
    try:
        checks = check_health(load_config(os.environ), now)
    except FactorPrismError as error:
        checks = [Check("settings", False, error.message, error.remedy)]
    well = all(check.well for check in checks)
    if as_json:
        answer = {
            "well": well,
            "checked_at": f"{now:%Y-%m-%dT%H:%M:%SZ}",
            "checks": [asdict(check) for check in checks],
        }
        print(json.dumps(answer, ensure_ascii=False, indent=2))
    else:
        width = max(10, *(len(check.name) for check in checks))
        for check in checks:
            line = f"{check.word:<4} {check.name:<{width}} {check.sentence}"
            print(f"{line}. {check.remedy}" if check.remedy else line)
    return 0 if well else 1


def check_health(
    config: Config, now: datetime, patience_seconds: float = PATIENCE_SECONDS
) -> list[Check]:
    """Ask everything at once and return what has answered in time, and who has not.

    `now` is naive, UTC. Nothing is started, migrated or written.
    """
    found: dict[str, list[Check]] = {name: [] for name in PROBES}
    threads = [
        Thread(target=_ask, args=(probe, config, now, found[name], name), daemon=True)
        for name, probe in PROBES.items()
    ]
    for thread in threads:
        thread.start()
    deadline = datetime.now(UTC) + timedelta(seconds=patience_seconds)
    for thread in threads:
        thread.join(max(0.0, (deadline - datetime.now(UTC)).total_seconds()))
    checks = []
    for (name, answers), thread in zip(found.items(), threads, strict=True):
        checks += list(answers)
        if thread.is_alive():
            sentence = f"did not answer within {patience_seconds:g} seconds"
            checks.append(Check(name, False, sentence, "See whether its host is reachable."))
    return checks


def _ask(probe: Probe, config: Config, now: datetime, found: list[Check], name: str) -> None:
    try:
        for check in probe(config, now):
            found.append(check)
    except FactorPrismError as error:
        found.append(Check(name, False, error.message, error.remedy))
    except Exception as error:
        # A probe that breaks must not look like one that was never asked.
        found.append(Check(name, False, f"{type(error).__name__}: {error}", "See docs/alerts.md."))


def _warehouse(config: Config, now: datetime) -> Iterator[Check]:
    with closing(PostgresWarehouse(_impatient(_warehouse_url(config)))) as warehouse:
        if not warehouse.is_current():
            remedy = "Any factorprism command brings it up to date: factorprism doctor."
            yield Check("warehouse", False, "its schema is of another version", remedy)
            return
        yield Check("warehouse", True, "answers, its schema is current")
        for signal in list_issued_signals(config):
            yield _forecast(config, signal, warehouse, now)
            yield _champion(signal, warehouse)
        yield _ledger(warehouse)
        yield _alerts(warehouse)
        yield _messages(warehouse)


def _warehouse_url(config: Config) -> str:
    if config.warehouse_url:
        return config.warehouse_url
    server = EmbeddedPostgres(config.home)
    if not server.exists() or not server.is_running():
        raise ConfigurationError(
            "the embedded PostgreSQL does not run", remedy="Start it: factorprism services start."
        )
    return server.url("prism")


def _impatient(url: str) -> str:
    """Return `url` with limits on the time that a connection or a statement may take."""
    limits = [f"connect_timeout={CONNECT_SECONDS}"] if "connect_timeout=" not in url else []
    if "options=" not in url:
        limits.append(f"options=-c%20statement_timeout%3D{CONNECT_SECONDS}s")
    return f"{url}{'&' if '?' in url else '?'}{'&'.join(limits)}" if limits else url


def _forecast(config: Config, signal: Signal, warehouse: PostgresWarehouse, now: datetime) -> Check:
    """Ask for an issued forecast of `signal` for the last session that must have one by `now`.

    A run that waits for that session's bars within its patience is well.
    """
    target = signal.symbol
    newest = warehouse.forecasts.find_newest_issued(signal.name)
    final, calendar = find_final_session(config, target), config.calendar_of(target)
    at = measure_freshness(newest, calendar, now - FORECAST_GRACE, final)
    command = f"factorprism daily --signal {signal.name}"
    remedy = f"See the last run of {signal.daily_dag}, or make it: {command}."
    name = f"forecast {signal.name}"
    if newest is None:
        return Check(name, False, f"none of {signal.name} was ever issued", remedy)
    if not at.behind:
        return Check(name, True, _describe_newest(newest, at))
    if at.behind == 1 and (waits := find_wait(config, signal, warehouse, at.due, now)):
        return Check(name, True, f"{waits}; the last issued is of {newest}")
    why = _reason_of(signal, warehouse, at.due)
    sentence = f"the last issued is of {newest}, {count(at.behind, 'session')} before {at.due}{why}"
    return Check(name, False, sentence, remedy)


def _describe_newest(newest: date, at: Freshness) -> str:
    if at.replay_is_over:
        ago = f"{count(at.passed, 'session')} ago"
        return f"the last issued is of {newest}, the end of the replay, {ago}"
    return f"the last issued is of {newest}"


def _reason_of(signal: Signal, warehouse: PostgresWarehouse, session: date) -> str:
    """Say why the row of `session` was withheld; empty where there is none."""
    rows = warehouse.forecasts.load_forecasts(signal.name, session, session)
    reasons = [row.reason for row in rows if row.reason]
    return f", which was withheld: {reasons[-1]}" if reasons else ""


def _ledger(warehouse: PostgresWarehouse) -> Check:
    """Hold the last rows of each chain against their hashes; housekeeping walks all of them."""
    report = warehouse.forecasts.verify(newest=LEDGER_ROWS)
    if report.faults:
        first = report.faults[0]
        remedy = "See all of it: factorprism ledger verify."
        return Check("ledger", False, f"{first.signal}: {first.sentence}", remedy)
    looked_at = f"the last {count(report.n_rows, 'row')} of {count(len(report.heads), 'signal')}"
    return Check("ledger", True, f"{looked_at} fit")


def _champion(signal: Signal, warehouse: PostgresWarehouse) -> Check:
    decisions = warehouse.models.list_promotions(signal.name)
    name = f"champion {signal.name}"
    holder = decisions[-1].champion_id if decisions else ""
    if not holder:
        return Check(
            name, False, "there is none", f"Train one: factorprism train --signal {signal.name}."
        )
    return Check(name, True, f"{holder} since {decisions[-1].as_of}")


def _alerts(warehouse: PostgresWarehouse) -> Check:
    """Ask for alerts that want somebody at once; what only warns is counted."""
    found = warehouse.alerts.list_open_alerts()
    critical = [alert for alert in found if alert.severity == "critical"]
    if not critical:
        return Check("alerts", True, f"none is critical, {len(found)} open")
    first = critical[0].sentence.splitlines()[0].rstrip(".")  # its own remedy may follow
    sentence = f"{len(critical)} critical of {len(found)} open, the first: {first}"
    remedy = "Remove its cause; the next run that ends well closes it."
    return Check("alerts", False, sentence, remedy)


def _messages(warehouse: PostgresWarehouse) -> Check:
    stuck = [entry for entry in warehouse.alerts.list_untold() if entry.tries]
    if not stuck:
        return Check("messages", True, "none waits for a failed delivery")
    first = stuck[0]
    sentence = (
        f"{count(len(stuck), 'message')} could not be delivered, the first since "
        f"{first.raised_at:%Y-%m-%d %H:%M} UTC: {first.alert.key}"
    )
    remedy = "Mend the address or its service; the next run sends them: factorprism watch."
    return Check("messages", False, sentence, remedy)


def _addresses(config: Config, _: datetime) -> Iterator[Check]:
    named = ", ".join(address.label for address in build_sink(config).addresses)
    if named:
        yield Check("addresses", True, named)
    else:
        yield Check("addresses", True, NO_ADDRESS, HOW_TO_ADDRESS)


def _airflow(config: Config, _: datetime) -> Iterator[Check]:
    address = airflow_address(config)
    if not address:
        yield Check("airflow", True, "not asked, no address of it is known")
        return
    if not (ill := ask_airflow(address, CONNECT_SECONDS)):
        yield Check("airflow", True, f"all parts are healthy at {address}")
    elif taken := find_taken_port(config):
        yield Check("airflow", False, f"{ill}: {taken}", f"{FREE_THE_PORT}.")
    else:
        remedy = "Start it again: factorprism services start, or your own service."
        yield Check("airflow", False, ill, remedy)


def _disks(config: Config, _: datetime) -> Iterator[Check]:
    folders = {"home": config.home}
    artefacts = urlsplit(config.artefacts_url)
    if artefacts.scheme in ("", "file"):
        folders["artefacts"] = Path(unquote(artefacts.path))
    for name, folder in folders.items():
        there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        free = shutil.disk_usage(there).free
        remedy = "" if free >= FREE_BYTES_MIN else "Free some space, or move the folder."
        yield Check(f"disk {name}", not remedy, f"{free / 1e9:.1f} GB free under {folder}", remedy)


PROBES: dict[str, Probe] = {
    "warehouse": _warehouse,
    "airflow": _airflow,
    "disk": _disks,
    "addresses": _addresses,
}
