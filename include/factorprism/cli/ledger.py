"""Prints whether the ledger is as it was written: ``factorprism ledger verify``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict

from factorprism.cli.context import open_warehouse
from factorprism.cli.tables import write_json
from factorprism.core.errors import ConfigurationError
from factorprism.core.ledger import Head, LedgerReport
from factorprism.core.words import count

_HEAD = re.compile(r"(?P<signal>[^:]+):(?P<position>[1-9][0-9]*):(?P<row_hash>[0-9a-f]{64})")


def verify_ledger(signal: str | None, expected: Sequence[str], *, as_json: bool) -> int:
    """Walk the ledger and print what it comes to; 0 when every row fits, 1 when one does not.

    Raises `ConfigurationError` for a signal that the ledger does not hold, and for an expected
    head that cannot be read.
    """
    kept = [read_head(text) for text in expected]
    with open_warehouse() as (_, ports):
        ledger = ports.warehouse.forecasts
        known = [head.signal for head in ledger.list_heads()]
        if signal is not None and signal not in known:
            raise ConfigurationError(
                f"the ledger has no row of {signal}",
                remedy=f"It holds {', '.join(known) or 'none yet'}.",
            )
        report = ledger.verify(signal, expected=kept)
    if as_json:
        write_json({"fits": not report.faults, **asdict(report)})
    else:
        _print(report)
    return 1 if report.faults else 0


def read_head(text: str) -> Head:
    """Return the head that `text` says as SIGNAL:POSITION:HASH; raises `ConfigurationError`."""
    found = _HEAD.fullmatch(text.strip())
    if found is None:
        raise ConfigurationError(
            f"--expect: {text!r} is no head of a ledger",
            remedy="Give it as it was printed: SIGNAL:POSITION:HASH.",
        )
    return Head(found["signal"], int(found["position"]), found["row_hash"])


def _print(report: LedgerReport) -> None:
    for fault in report.faults:
        print(f"{fault.signal}: {fault.sentence}")
    for head in report.heads:
        print(f"last row {head}")
    verdict = f"{count(len(report.faults), 'fault')}" if report.faults else "every row fits"
    print(f"{count(report.n_rows, 'row')} of {count(len(report.heads), 'signal')}: {verdict}")
