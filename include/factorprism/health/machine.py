"""Checks of the machine and of the settings: nothing of them asks the warehouse."""

from __future__ import annotations

import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from factorprism.alerts import HOW_TO_ADDRESS, NO_ADDRESS, build_sink, catalogue
from factorprism.core.config import name_unknown
from factorprism.health.result import CheckResult, Level
from factorprism.health.subject import Subject

FREE_BYTES_MIN = 2_000_000_000


def check_python(name: str, subject: Subject) -> Iterator[CheckResult]:
    version = ".".join(map(str, sys.version_info[:3]))
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        yield CheckResult(name, version)
    else:
        yield CheckResult(name, version, "Use Python 3.11, 3.12 or 3.13.", Level.FAULT)


def check_settings(name: str, subject: Subject) -> Iterator[CheckResult]:
    """Name each variable that no setting has: every other command refuses it."""
    unknown = name_unknown(subject.environ)
    if not unknown:
        yield CheckResult(name, "every variable is known; see them by: factorprism config")
    for variable, remedy in unknown.items():
        yield CheckResult(name, f"unknown setting {variable}", remedy, Level.FAULT)


def check_device(name: str, subject: Subject) -> Iterator[CheckResult]:
    from factorprism.models.backend import name_device  # loads the networks' backend

    yield CheckResult(name, f"networks compute on: {name_device()}")


def check_home_disk(name: str, subject: Subject) -> Iterator[CheckResult]:
    yield _measure_disk(name, "home", subject.config.home)


def check_artefact_disk(name: str, subject: Subject) -> Iterator[CheckResult]:
    """Ask for room under the artefacts, where they lie on this machine."""
    artefacts = urlsplit(subject.config.artefacts_url)
    if artefacts.scheme in ("", "file"):
        yield _measure_disk(name, "artefacts", Path(unquote(artefacts.path)))


def _measure_disk(name: str, holds: str, folder: Path) -> CheckResult:
    """Ask for room under `folder`, or where it would be made; `holds` says what is kept there."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    sentence = f"{free / 1e9:.1f} GB free under {folder}"
    key = catalogue.DISK.key(folder=f"{socket.gethostname()} {holds}")
    if free >= FREE_BYTES_MIN:
        return CheckResult(name, sentence, key=key)
    return CheckResult(name, sentence, "Free some space, or move the folder.", Level.FAULT, key)


def check_addresses(name: str, subject: Subject) -> Iterator[CheckResult]:
    named = ", ".join(address.label for address in build_sink(subject.config).addresses)
    if named:
        yield CheckResult(name, f"alerts go to {named}")
    else:
        yield CheckResult(name, NO_ADDRESS, HOW_TO_ADDRESS, Level.NOTE)


def check_airflow(name: str, subject: Subject) -> Iterator[CheckResult]:
    address = subject.require_airflow()
    if address:
        yield CheckResult(name, f"all parts are healthy at {address}")
    else:
        yield CheckResult(name, "not asked, no address of it is known")
