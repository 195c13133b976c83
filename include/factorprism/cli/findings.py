"""What ``factorprism quality`` says of the gate's findings, and how one is accepted."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from typing import Any

from factorprism.cli.context import open_warehouse
from factorprism.market.findings import Acceptance, Finding, FixedFinding, SetAside
from factorprism.pipelines.accepting import accept_finding, tell_refusal
from factorprism.warehouse import FindingRepository

SHOWN = 20


def accept(finding_id: str, because: str) -> None:
    """Accept a finding in the name of whoever runs the command."""
    with open_warehouse() as (_, ports):
        print(accept_finding(ports.warehouse.findings, finding_id, _find_name(), because))


def describe_findings(store: FindingRepository, symbol: str) -> dict[str, list[dict[str, Any]]]:
    """Return what stands aside of `symbol`, and what is open, accepted and fixed."""
    return {
        "set_aside": [_describe_row(row) for row in store.list_set_aside([symbol])],
        "findings": [_describe(item) for item in store.list_findings([symbol], SHOWN)],
        "accepted": [_describe_acceptance(item) for item in store.list_accepted([symbol])],
        "fixed": [_describe_fixed(item) for item in store.list_fixed([symbol], SHOWN)],
    }


def print_findings(described: Mapping[str, list[dict[str, Any]]]) -> None:
    """Print what `describe_findings` returns; nothing of what there is none of."""
    _print("set aside, asked for again", described["set_aside"], "{session} [{finding_id}]")
    _print("open findings, the newest first", described["findings"], "[{finding_id}]")
    _print(
        "accepted",
        described["accepted"],
        "[{finding_id}] by {accepted_by} on {accepted_at:.10}: {reason};",
    )
    _print("fixed", described["fixed"], "[{finding_id}] {fixed_by} on {fixed_at:.10}:")
    if any(finding["acceptable"] for finding in described["findings"]):
        print("What is no fault: factorprism quality accept ID --because TEXT")


def _print(title: str, rows: list[dict[str, Any]], head: str) -> None:
    if rows:
        print(f"{title}: {len(rows)}")
    for row in rows[:SHOWN]:
        print(f"  {head.format(**row)} {row['sentence']}")
        if row.get("refusal"):
            print(f"    {row['refusal']}")
    if len(rows) > SHOWN:
        print(f"  and {len(rows) - SHOWN} more")


def _describe(finding: Finding) -> dict[str, Any]:
    return {
        "finding_id": finding.finding_id,
        "expectation": finding.expectation,
        "column": finding.column,
        "rows": dict(finding.rows),
        "acceptable": bool(finding.keys),
        "refusal": tell_refusal(finding),
        "sentence": finding.sentence,
    }


def _describe_row(row: SetAside) -> dict[str, Any]:
    return {
        "session": row.session.isoformat(),
        "pull_id": row.pull_id,
        "finding_id": row.finding_id,
        "sentence": row.sentence,
    }


def _describe_acceptance(item: Acceptance) -> dict[str, Any]:
    return {
        **_describe(item.finding),
        "accepted_by": item.accepted_by,
        "reason": item.reason,
        "accepted_at": item.accepted_at.isoformat() if item.accepted_at else "",
    }


def _describe_fixed(item: FixedFinding) -> dict[str, Any]:
    return {
        **_describe(item.finding),
        "refusal": "",  # nobody is to accept it any more
        "pull_id": item.pull_id,
        "fixed_by": "by a later pull" if item.pull_id is None else f"by pull {item.pull_id}",
        "fixed_at": item.fixed_at.isoformat(),
    }


def _find_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "an unnamed user"
