"""The one list of checks: what each asks, what it is about, and who asks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from factorprism.health import data, machine, models, records, revisions
from factorprism.health.result import CheckResult
from factorprism.health.subject import Subject

# `factorprism doctor`: what is amiss with an installation, however long the answer takes.
# `factorprism healthcheck`: whether all is healthy, within seconds, from outside Airflow.
# The step `watch`: what no step notices by failing, after each evening.
DOCTOR, HEALTHCHECK, WATCH = "doctor", "healthcheck", "watch"


class Scope(Enum):
    """What a check is asked about, once for each."""

    DEPLOYMENT = "deployment"
    EXCHANGE = "exchange"
    UNIVERSE = "universe"
    SIGNAL = "signal"


@dataclass(frozen=True)
class Check:
    """One check: its printed name, its question, and `asked_by` whom.

    The checks of one `room` are asked one after another, those of several rooms at once. The first
    of a room says whether the room can be asked at all: after its fault the others are left out.
    """

    name: str
    ask: Callable[[str, Subject], Iterator[CheckResult]]
    asked_by: tuple[str, ...]
    room: str
    scope: Scope = Scope.DEPLOYMENT


_ALL = (DOCTOR, HEALTHCHECK, WATCH)
_PERSON = (DOCTOR, HEALTHCHECK)

CHECKS: tuple[Check, ...] = (
    Check("python", machine.check_python, (DOCTOR,), "python"),
    Check("settings", machine.check_settings, (DOCTOR,), "settings"),
    Check("device", machine.check_device, (DOCTOR,), "device"),
    Check("warehouse", records.check_warehouse, _PERSON, "warehouse"),
    Check("role", records.check_role, (DOCTOR,), "warehouse"),
    Check("calendar", data.check_calendar, (DOCTOR, WATCH), "warehouse", Scope.EXCHANGE),
    Check("source", data.check_source, (DOCTOR,), "source", Scope.UNIVERSE),
    Check("bars", data.check_bars, (DOCTOR,), "warehouse", Scope.UNIVERSE),
    Check("revisions", revisions.check_revisions, (WATCH,), "warehouse", Scope.SIGNAL),
    Check("forecast", data.check_forecast, (HEALTHCHECK,), "warehouse", Scope.SIGNAL),
    Check("champion", models.check_champion, _PERSON, "warehouse", Scope.SIGNAL),
    Check("files", models.check_files, (DOCTOR,), "warehouse", Scope.SIGNAL),
    Check("age", models.check_age, (WATCH,), "warehouse", Scope.SIGNAL),
    Check("skill", models.check_skill, (WATCH,), "warehouse", Scope.SIGNAL),
    Check("drift", models.check_drift, (WATCH,), "warehouse", Scope.SIGNAL),
    Check("ledger", records.check_ledger, (HEALTHCHECK,), "warehouse"),
    Check("alerts", records.check_alerts, _PERSON, "warehouse"),
    Check("messages", records.check_messages, (HEALTHCHECK,), "warehouse"),
    Check("airflow", machine.check_airflow, (HEALTHCHECK,), "airflow"),
    Check("disk home", machine.check_home_disk, _ALL, "disk home"),
    Check("disk artefacts", machine.check_artefact_disk, _ALL, "disk artefacts"),
    Check("addresses", machine.check_addresses, _PERSON, "addresses"),
)


def list_checks(asker: str) -> tuple[Check, ...]:
    """Return the checks that `asker` asks, in their order."""
    return tuple(check for check in CHECKS if asker in check.asked_by)
