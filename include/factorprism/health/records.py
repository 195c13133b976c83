"""Checks of the warehouse: schema, login, ledger, alerts and their messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from factorprism.core.alerts import Alert
from factorprism.core.severity import CRITICAL, WARNING
from factorprism.core.words import count
from factorprism.health.result import CheckResult, Level
from factorprism.health.subject import Subject

# Of each signal; a walk over more would not answer in time. Housekeeping walks all of them.
LEDGER_ROWS = 1_000


def check_warehouse(name: str, subject: Subject) -> Iterator[CheckResult]:
    if subject.ports.warehouse.is_current():
        yield CheckResult(name, "answers, its schema is current")
        return
    remedy = "Any factorprism command brings it up to date: factorprism doctor."
    yield CheckResult(name, "its schema is of another version", remedy, Level.FAULT)


def check_role(name: str, subject: Subject) -> Iterator[CheckResult]:
    login = subject.ports.warehouse.read_login()
    if not login.owns_schema:
        yield CheckResult(name, f"runs write as {login.name}")
        return
    who = "a superuser" if login.is_superuser else "the owner of the schema"
    yield CheckResult(
        name,
        f"runs write as {login.name}, {who}, to whom no change of a ledger can be denied",
        "Make the three roles and let runs write as prism_writer: docs/deployment.md#roles.",
        Level.NOTE,
    )


def check_ledger(name: str, subject: Subject) -> Iterator[CheckResult]:
    """Hold the last rows of each chain against their hashes."""
    report = subject.ports.warehouse.forecasts.verify(newest=LEDGER_ROWS)
    if not report.faults:
        signals = count(len(report.heads), "signal")
        rows = count(report.n_rows, "row")
        yield CheckResult(name, f"the last {rows} of {signals} fit")
        return
    first = report.faults[0]
    remedy = "See all of it: factorprism ledger verify."
    yield CheckResult(name, f"{first.signal}: {first.sentence}", remedy, Level.FAULT)


def check_alerts(name: str, subject: Subject) -> Iterator[CheckResult]:
    """Ask for alerts that want somebody at once; one that warns is a note."""
    found = subject.ports.warehouse.alerts.list_open_alerts()
    critical, warning = (_sentences_of(found, severity) for severity in (CRITICAL, WARNING))
    if critical:
        yield CheckResult(
            name,
            f"{len(critical)} critical of {len(found)} open, the first: {critical[0]}",
            "Remove its cause; the next run that ends well closes it.",
            Level.FAULT,
        )
    elif warning:
        yield CheckResult(
            name,
            f"none is critical, {len(found)} open",
            f"The first: {warning[0]}. See the table prism.alerts.",
            Level.NOTE,
        )
    else:
        yield CheckResult(name, f"none is critical, {len(found)} open")


def _sentences_of(alerts: Sequence[Alert], severity: str) -> list[str]:
    """Return the first lines of the alerts of `severity`: an alert's own remedy may follow it."""
    found = [alert.sentence for alert in alerts if alert.severity == severity]
    return [sentence.splitlines()[0].rstrip(".") for sentence in found]


def check_messages(name: str, subject: Subject) -> Iterator[CheckResult]:
    stuck = [entry for entry in subject.ports.warehouse.alerts.list_pending() if entry.tries]
    if not stuck:
        yield CheckResult(name, "none waits for a failed delivery")
        return
    first = stuck[0]
    sentence = (
        f"{count(len(stuck), 'message')} could not be delivered, the first since "
        f"{first.raised_at:%Y-%m-%d %H:%M} UTC: {first.alert.key}"
    )
    remedy = "Fix the address or its service; the next run sends them: factorprism watch."
    yield CheckResult(name, sentence, remedy, Level.FAULT)
