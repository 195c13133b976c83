"""Bars: pull them, prove them fit for use, merge them; shared by the daily run and the backfill."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from factorprism.core.calendar import calendar_of
from factorprism.core.errors import EmptyResponse, QualityError
from factorprism.core.schemas import Pull, PullState
from factorprism.pipelines._run import Refs, Run
from factorprism.quality import check_bars, require

# Bars before a pull that its jumps and units are judged against.
HISTORY_DAYS = 600


def pull_bars(run: Run, refs: Mapping[str, Any]) -> Refs:
    """Fetch the bars of every channel and keep each pull as it came.

    Without ``first`` in `refs`, asks from the first session that is not held yet, and for
    `repull_sessions` held ones again so that revisions are seen. A pull that was kept before an
    interruption is not asked for again.
    """
    pull_ids: list[int] = []
    last = date.fromisoformat(refs["last"]) if refs.get("last") else run.session
    for symbol in refs.get("symbols") or run.config.universe.channels:
        first = _first_to_pull(run, symbol, refs.get("first"), last)
        newest = first
        for pull in run.ports.source.fetch_bars([symbol], first, last):
            pull_ids.append(run.ports.warehouse.pulls.save_pull(pull))
            if len(pull.bars):
                newest = max(newest, pull.bars["session"].max().date())
        if not refs.get("first") and newest < last:
            raise EmptyResponse(
                f"stale data: {run.ports.source.name} has no bars of {symbol} for {last}",
                remedy="Wait until the source has published them, then run this session again.",
            )
        run.tell(f"{symbol}: pulled {first} to {last}")
    return {"pull_ids": pull_ids}


def _first_to_pull(run: Run, symbol: str, first: str | None, last: date) -> date:
    start = run.ports.source.first_session(symbol)
    held = run.ports.warehouse.pulls.last_pulled(run.ports.source.name, symbol)
    if first:
        asked = max(date.fromisoformat(first), start)
        return asked
    if held is None:
        return start
    again = run.calendar.offset(
        run.calendar.session_on_or_before(last), -run.config.repull_sessions
    )
    return max(start, min(again, held + timedelta(days=1)))


def gate_bars(run: Run, refs: Mapping[str, Any]) -> Refs:
    """Check every pull of `refs`; a critical failure quarantines the pull and stops the run."""
    pulls = [run.ports.warehouse.pulls.load_pull(pull_id) for pull_id in refs["pull_ids"]]
    results = []
    refused: list[QualityError] = []
    for pull in pulls:
        found = _check_pull(run, pull)
        results += found
        try:
            require(found)
        except QualityError as error:
            refused.append(error)
            assert pull.pull_id is not None
            run.ports.warehouse.pulls.mark_pull(pull.pull_id, PullState.QUARANTINED, error.message)
    run_key = f"bars {run.session} {run.config.source} {run.config.universe_name}"
    run.ports.warehouse.quality.save_results(results, run_key)
    if refused:
        raise QualityError(
            "; ".join(error.message for error in refused),
            failures=[failure for error in refused for failure in error.failures],
            remedy="The pull is kept as quarantined; earlier bars stay in force.",
        )
    warnings = sum(not result.success for result in results)
    run.tell(f"bars: {len(results)} expectations, {warnings} warnings")
    return {"gate_run_keys": [run_key]}


def _check_pull(run: Run, pull: Pull) -> list[Any]:
    before = pull.first - timedelta(days=1)
    history = run.ports.warehouse.bars.load_bars(
        [pull.symbol], before - timedelta(days=HISTORY_DAYS), before
    )
    return check_bars(
        pull.bars,
        pull.symbol,
        pull.first,
        pull.last,
        calendar=calendar_of(pull.symbol),
        history=history,
    )


def merge_bars(run: Run, refs: Mapping[str, Any]) -> Refs:
    """Merge the accepted pulls into the bars; changed values are kept as revisions."""
    inserted = revised = 0
    for pull_id in refs["pull_ids"]:
        pull = run.ports.warehouse.pulls.load_pull(pull_id)
        result = run.ports.warehouse.bars.merge_bars(pull.bars, pull_id)
        run.ports.warehouse.pulls.mark_pull(pull_id, PullState.ACCEPTED)
        inserted += result.inserted
        revised += len(result.revisions)
        for revision in result.revisions:
            run.tell(
                f"{revision.symbol} {revision.session}: {revision.column} revised from "
                f"{revision.old_value:g} to {revision.new_value:g}"
            )
    run.tell(f"bars: {inserted} new, {revised} values revised")
    return {"bars_inserted": inserted, "values_revised": revised}
