"""Examine the installation: one line a finding, with the remedy where something is amiss."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime

from factorprism.alerts import HOW_TO_ADDRESS, NO_ADDRESS, build_sink, kind_of
from factorprism.alerts.catalogue import HORIZON
from factorprism.cli.context import latest_session, open_warehouse
from factorprism.core.calendar import calendar_of
from factorprism.core.config import Config, drop_unknown, load_config, name_unknown
from factorprism.core.errors import FactorPrismError
from factorprism.core.signals import Signal, list_issued_signals
from factorprism.core.words import count
from factorprism.pipelines import Ports, Run
from factorprism.sources import REAL_DATA

FREE_BYTES_MIN = 2_000_000_000
CALENDAR_SESSIONS_MIN = 30


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `remedy` is empty where it is well.

    A `warning` is to be known, and needs no mending.
    """

    subject: str
    sentence: str
    remedy: str = ""
    warning: bool = False

    @property
    def word(self) -> str:
        return "warn" if self.warning else "MEND" if self.remedy else "ok"


def examine() -> int:
    """Print all findings; 0 when all is well, 1 when something needs mending."""
    environ = drop_unknown(os.environ)
    config = load_config(environ)
    findings = [_python(), _disk(config), *_settings(os.environ)]
    with _reporting(findings, "warehouse"), open_warehouse(environ) as (opened, ports):
        findings.append(Finding("warehouse", "reachable, its schema is current"))
        for subject, look in _LOOKS.items():
            with _reporting(findings, subject):
                findings.append(look(opened, ports))
        for signal in list_issued_signals(opened):
            for subject, look_at in _OF_SIGNALS.items():
                with _reporting(findings, subject):
                    findings.append(look_at(signal, opened, ports))
    for finding in findings:
        print(f"{finding.word:<5} {finding.subject:<10} {finding.sentence}")
        if finding.remedy:
            print(f"{'':<16} {finding.remedy}")
    return 1 if any(finding.word == "MEND" for finding in findings) else 0


@contextmanager
def _reporting(findings: list[Finding], subject: str) -> Iterator[None]:
    try:
        yield
    except FactorPrismError as error:
        findings.append(Finding(subject, error.message, error.remedy or "See the log."))


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    known = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return Finding("python", version, "" if known else "Use Python 3.11, 3.12 or 3.13.")


def _settings(environ: Mapping[str, str]) -> list[Finding]:
    """Return one finding a variable that no setting has: every other command refuses it."""
    unknown = name_unknown(environ).items()
    if not unknown:
        return [Finding("settings", "every variable is known; see them by: factorprism config")]
    return [Finding("settings", f"unknown setting {name}", remedy) for name, remedy in unknown]


def _device(config: Config, ports: Ports) -> Finding:
    from factorprism.models.backend import name_device

    return Finding("device", f"networks compute on: {name_device()}")


def _disk(config: Config) -> Finding:
    config.home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(config.home).free
    remedy = "" if free >= FREE_BYTES_MIN else "Free some space, or move FACTORPRISM_HOME."
    return Finding("disk", f"{free / 1e9:.1f} GB free under {config.home}", remedy)


def _role(config: Config, ports: Ports) -> Finding:
    login = ports.warehouse.read_login()
    if not login.owns_schema:
        return Finding("role", f"runs write as {login.name}")
    who = "a superuser" if login.is_superuser else "the owner of the schema"
    return Finding(
        "role",
        f"runs write as {login.name}, {who}, to whom no change of a ledger can be denied",
        "Make the three roles and let runs write as prism_writer: docs/deployment.md#roles.",
        warning=True,
    )


def _calendar(signal: Signal, config: Config, ports: Ports) -> Finding:
    calendar = calendar_of(signal.symbol)
    today = datetime.now(UTC).date()
    left = calendar.count_ahead(today)
    sentence = (
        f"{calendar.exchange} is known to {calendar.known_through}, {count(left, 'session')} ahead"
    )
    if left >= CALENDAR_SESSIONS_MIN:
        return Finding("calendar", sentence)
    return Finding(
        "calendar",
        f"{sentence}; later ends of horizons are expected",
        "Nothing needs doing: outcomes are settled on the sessions that come. The vendor's "
        "calendar (tushare) makes the ends exact.",
        warning=True,
    )


def _source(signal: Signal, config: Config, ports: Ports) -> Finding:
    latest = latest_session(signal, ports)
    for symbol in signal.universe.channels:
        ports.source.first_session(symbol)  # raises for one that the source does not have
    final = ports.source.final_session(signal.symbol)
    if final is None:
        return Finding("source", f"{config.source}: latest session {latest}")
    sentence = f"{config.source}: a replay that ends at {final}; nothing is scheduled after it"
    return Finding("source", sentence, REAL_DATA, warning=True)


def _bars(signal: Signal, config: Config, ports: Ports) -> Finding:
    absent = [
        symbol
        for symbol in signal.universe.channels
        if ports.warehouse.bars.load_extent(symbol) is None
    ]
    if absent:
        return Finding("bars", f"none of {', '.join(absent)}", "Load them: factorprism run.")
    extent = ports.warehouse.bars.load_extent(signal.symbol)
    assert extent is not None
    return Finding("bars", f"{signal.symbol} from {extent[0]} to {extent[1]}")


def _champion(signal: Signal, config: Config, ports: Ports) -> Finding:
    from factorprism.pipelines.champions import champion_at, load_champion

    run = Run(date.today(), signal, config, ports)
    champion = champion_at(run, run.session)
    if champion is None:
        return Finding(
            "champion",
            f"{signal.name} has none yet",
            f"Train one: factorprism train --signal {signal.name}.",
        )
    load_champion(run, champion)
    alias = ports.registry.get_alias(signal.name, "champion")
    if alias != champion:
        return Finding(
            "champion",
            f"the ledger says {champion}, the registry's alias {alias}",
            "The ledger is in force; the next weekly run sets the alias again.",
        )
    return Finding("champion", f"{champion}, its files match their hashes")


def _alerts(config: Config, ports: Ports) -> Finding:
    alerts = ports.warehouse.alerts.list_open_alerts()
    alerts = [alert for alert in alerts if kind_of(alert.key) is not HORIZON]  # told by _calendar
    if not alerts:
        return Finding("alerts", "none open")
    return Finding("alerts", alerts[0].sentence, f"{len(alerts)} open; see the table prism.alerts.")


def _addresses(config: Config, ports: Ports) -> Finding:
    named = ", ".join(address.label for address in build_sink(config).addresses)
    if named:
        return Finding("addresses", f"alerts go to {named}")
    return Finding("addresses", NO_ADDRESS, HOW_TO_ADDRESS, warning=True)


_LOOKS: dict[str, Callable[[Config, Ports], Finding]] = {
    "role": _role,
    "device": _device,
    "alerts": _alerts,
    "addresses": _addresses,
}
_OF_SIGNALS: dict[str, Callable[[Signal, Config, Ports], Finding]] = {
    "calendar": _calendar,  # after the warehouse, which may know days beyond the library's
    "source": _source,
    "bars": _bars,
    "champion": _champion,
}
