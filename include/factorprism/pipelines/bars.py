"""Bars: pull them, prove them fit for use, merge them; shared by the daily run and the backfill."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from factorprism.alerts import AlertKind, catalogue
from factorprism.core.sessions import check_end, utc_now
from factorprism.core.words import count
from factorprism.market.bars import PullState
from factorprism.pipelines._gating import (
    evaluate_pulls,
    join_errors,
    join_rebased,
    lay_over,
    load_around,
    settle_calendars,
    split_by_symbol,
)
from factorprism.pipelines._merging import mark_parts, merge_others, merge_pulls
from factorprism.pipelines._pulling import (
    first_to_pull,
    keep_pull,
    pull_held_day,
    pull_range,
    pull_through,
)
from factorprism.pipelines._run import Run, StepContext
from factorprism.pipelines._set_aside import pull_again, require_needed
from factorprism.quality import check_bars


def pull_bars(run: Run, context: Mapping[str, Any]) -> StepContext:
    """Fetch the bars of every channel and keep each pull as it came.

    Without ``first`` in `context`, asks from the first session that is not held yet, and for
    `repull_sessions` held ones again so that revisions are seen: further back where the oldest of
    them were revised. Rows that were set aside before are asked for again. Pulls that an
    interrupted run has kept, and that no gate has checked yet, are not asked for again, unless the
    source has rebased its prices since. A range always comes with a session that is held, where the
    source has one, so that a new base shows.
    """
    pull_ids: list[int] = []
    again: list[int] = []
    last = _read_last(run, context.get("last"))
    for symbol in context.get("symbols") or run.universe.channels:
        first = first_to_pull(run, symbol, context.get("first"), last)
        if context.get("first"):
            pull_ids += pull_range(run, symbol, first, last)
            pull_ids += pull_held_day(run, symbol, first, last)
        else:
            pull_ids += pull_through(run, symbol, first, last)
            again += [keep_pull(run, pull) for pull in pull_again(run, symbol, first)]
        run.tell(f"{symbol}: pulled {first} to {last}")
    answered = f"the source {run.ports.source.name} has given all bars through {last}"
    resolve_source(run, (catalogue.SOURCE, catalogue.QUOTA), answered, last)
    if not context.get("first"):  # a range that was asked for may have holes, or be of some symbols
        resolve_source(run, (catalogue.DATA,), answered, last)
    return {"pull_ids": [*pull_ids, *again], "asked_again_ids": again}


def _read_last(run: Run, last: str | None) -> date:
    if not last:
        return run.session
    day = date.fromisoformat(last)
    check_end(day, run.calendar, utc_now())
    return day


def resolve_source(run: Run, faults: Iterable[AlertKind], sentence: str, through: date) -> None:
    """Close the alerts of the kinds `faults` for sessions to `through`: the source has answered."""
    for kind in faults:
        run.resolve_alert(run.key_of(kind), sentence, through)


def gate_bars(run: Run, context: Mapping[str, Any]) -> StepContext:
    """Check all pulls of `context` at once, and set rows with a critical fault aside one by one.

    A pull that is at fault as a whole, or in too many of its rows, is quarantined. What is fit of
    the other symbols is merged then, before `QualityError` stops the run. What a person has
    accepted is no fault.
    """
    store, again = run.ports.warehouse, set(context.get("asked_again_ids", ()))
    loaded = [store.pulls.load_pull(pull_id) for pull_id in context["pull_ids"]]
    held = load_around(run, loaded)
    of_symbol = split_by_symbol(held)
    pulls, joined = join_rebased(run, loaded, of_symbol, again)
    trusted = [pull for pull in pulls if pull.pull_id not in again]
    verdicts = check_bars(pulls, settle_calendars(pulls), lay_over(held, trusted))
    run_key = run.gate_key("bars")
    store.quality.save_results(verdicts.results, run_key)
    refused = evaluate_pulls(run, pulls, verdicts, of_symbol, again)
    for pull_id, error in refused.items():
        store.pulls.mark_pull(pull_id, PullState.QUARANTINED, error.message)
        mark_parts(run, pull_id, joined, PullState.QUARANTINED)
    if refused:
        merge_others(run, pulls, refused, joined)
        raise join_errors(list(refused.values()))
    warnings = sum(not result.success for result in verdicts.results)
    run.tell(f"bars: {count(verdicts.n_asked, 'expectation')}, {count(warnings, 'warning')}")
    pull_ids = [pull.pull_id for pull in pulls]
    return {"gate_run_keys": [run_key], "pull_ids": pull_ids, "joined_ids": joined}


def merge_bars(run: Run, context: Mapping[str, Any]) -> StepContext:
    """Merge the sound rows of the pulls into the bars; changed values are kept as revisions.

    Raises `QualityError`, once all is merged, where a row that was set aside is one that the
    session's forecast needs.
    """
    inserted, revised = merge_pulls(run, context["pull_ids"], context.get("joined_ids", {}))
    if not context.get("first"):
        require_needed(run)
    return {"bars_inserted": inserted, "values_revised": revised}
