"""The week's housekeeping: a backup first, then what may go, then what does not belong together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from factorprism.alerts import catalogue
from factorprism.core.sessions import utc_now
from factorprism.core.severity import WARNING
from factorprism.core.signals import list_issued_signals
from factorprism.pipelines._retention import Removal, carry_out, find_orphans, plan_removals
from factorprism.pipelines._run import Run, StepContext
from factorprism.pipelines.replay_end import close_after_end

ORPHANS_KEY = catalogue.ARTEFACTS.key(state="missing")
ORPHANS_NAMED = 5


def back_up_warehouse(run: Run, context: Mapping[str, Any]) -> StepContext:
    """Dump the warehouse, prove the dump readable, and let the oldest ones go.

    With ``dry_run`` in `context` nothing is written.
    """
    if context.get("dry_run"):
        run.tell(f"backup: none in a dry run; they go to {run.config.backups_folder}")
        return {"backup": ""}
    # Imported here: the other pipelines have no use for it.
    from factorprism.warehouse import back_up

    with run.ports.warehouse.lock("backup"):
        backup = back_up(
            run.config.warehouse_url,
            run.config.backups_folder,
            keep=run.config.backups_kept,
            now=utc_now(),
        )
    run.tell(f"backup: {backup.path}, {backup.n_bytes / 1e6:.1f} MB, sha256 {backup.sha256[:12]}")
    return {"backup": str(backup.path), "backup_sha256": backup.sha256}


def verify_ledger(run: Run, context: Mapping[str, Any]) -> StepContext:
    """Walk the ledger's chains, and raise an alert of each signal whose rows do not fit."""
    report = run.ports.warehouse.forecasts.verify()
    first: dict[str, str] = {}
    for fault in report.faults:
        first.setdefault(fault.signal, fault.sentence)
    for signal in sorted({head.signal for head in report.heads} | set(first)):
        key = catalogue.LEDGER.key(signal=signal)
        if signal in first:
            run.raise_alert(key, f"{signal}: {first[signal]}")
        else:
            run.resolve_alert(key, f"{signal}: every row of the ledger fits")
    for head in report.heads:
        run.tell(f"ledger: {first.get(head.signal, 'fits')}, last row {head}")
    return {"ledger_rows": report.n_rows, "ledger_faults": sorted(first)}


def list_removals(run: Run, context: Mapping[str, Any]) -> StepContext:
    """Say of everything that may go what it is and why, one line each."""
    removals = plan_removals(run, utc_now())
    for removal in removals:
        run.tell(f"may go: {removal}")
    run.tell(f"retention: {_sum_up(removals)} may go")
    return {"n_removable": len(removals)}


def remove_expired(run: Run, context: Mapping[str, Any]) -> StepContext:
    """Remove what may go; each is checked again under its lock before it does.

    With ``dry_run`` in `context` nothing goes.
    """
    if context.get("dry_run"):
        return {"n_removed": 0}
    removed = []
    with run.ports.warehouse.lock("housekeeping"):
        now = utc_now()
        for removal in plan_removals(run, now):
            if carry_out(run, removal, now):
                removed.append(removal)
                run.tell(f"gone: {removal}")
    run.tell(f"retention: {_sum_up(removed)} gone")
    return {"n_removed": len(removed)}


def match_artefacts(run: Run, context: Mapping[str, Any]) -> StepContext:
    """Report artefacts without rows, and raise an alert for rows without artefacts."""
    orphans = find_orphans(run, utc_now())
    for line in orphans.without_row:
        run.tell(f"without a row: {line}")
    for line in orphans.without_artefact:
        run.tell(f"without an artefact: {line}")
    missing = orphans.without_artefact
    if missing:
        named = ", ".join(missing[:ORPHANS_NAMED])
        more = len(missing) - ORPHANS_NAMED
        sentence = f"{len(missing)} artefacts are missing from the store: {named}"
        run.raise_alert(ORPHANS_KEY, sentence + (f" and {more} more" if more > 0 else ""), WARNING)
    else:
        run.resolve_alert(ORPHANS_KEY, "every artefact that a row names is in the store again")
    return {
        "artefacts_without_row": len(orphans.without_row),
        "rows_without_artefact": len(missing),
    }


def report(run: Run, context: Mapping[str, Any]) -> StepContext:
    """Say what the week's housekeeping came to; close its alert, and what no other run will."""
    run.tell(
        f"housekeeping: {context.get('n_removed', 0)} of {context.get('n_removable', 0)} removed, "
        f"{context.get('artefacts_without_row', 0)} artefacts without a row, "
        f"{context.get('rows_without_artefact', 0)} rows without an artefact"
    )
    run.resolve_alert(run.alert_key("housekeeping"), "the housekeeping has ended well again")
    for signal in list_issued_signals(run.config):
        for key in close_after_end(run.config, signal, run.ports):
            run.tell(f"alert {key}: closed, it was of a session after the end of the data")
    return {}


def _sum_up(removals: list[Removal]) -> str:
    n_bytes = sum(removal.n_bytes for removal in removals)
    return f"{len(removals)} things ({n_bytes / 1e6:.1f} MB)"
