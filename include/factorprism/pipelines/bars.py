"""Bars: pull them, prove them fit for use, merge them; shared by the daily run and the backfill."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

import pandas as pd

from factorprism.alerts import Kind, catalogue
from factorprism.core.calendar import TradingCalendar, calendar_of, exchange_of
from factorprism.core.errors import EmptyResponse, QualityError
from factorprism.core.schemas import Pull, PullState, as_days
from factorprism.core.sessions import check_end, utc_now
from factorprism.pipelines._run import Refs, Run, learn_days
from factorprism.quality import check_bars, require

# Bars before a pull that its jumps and units are judged against.
HISTORY_DAYS = 600


def pull_bars(run: Run, refs: Mapping[str, Any]) -> Refs:
    """Fetch the bars of every channel and keep each pull as it came.

    Without ``first`` in `refs`, asks from the first session that is not held yet, and for
    `repull_sessions` held ones again so that revisions are seen. Pulls that an interrupted run has
    kept, and that no gate has judged yet, are not asked for again.
    """
    pull_ids: list[int] = []
    last = _read_last(run, refs.get("last"))
    for symbol in refs.get("symbols") or run.config.universe.channels:
        first = _first_to_pull(run, symbol, refs.get("first"), last)
        if refs.get("first"):
            pull_ids += _pull_range(run, symbol, first, last)
        else:
            pull_ids += _pull_through(run, symbol, first, last)
        run.tell(f"{symbol}: pulled {first} to {last}")
    answered = f"the source {run.ports.source.name} has given all bars through {last}"
    resolve_source(run, (catalogue.SOURCE, catalogue.QUOTA), answered, last)
    if not refs.get("first"):  # a range that was asked for may have holes, or be of some symbols
        resolve_source(run, (catalogue.DATA,), answered, last)
    return {"pull_ids": pull_ids}


def _read_last(run: Run, last: str | None) -> date:
    if not last:
        return run.session
    day = date.fromisoformat(last)
    check_end(day, run.calendar, utc_now())
    return day


def resolve_source(run: Run, faults: Iterable[Kind], sentence: str, through: date) -> None:
    """Close the alerts of the kinds `faults` for sessions to `through`: the source has answered."""
    for kind in faults:
        run.resolve_alert(kind.key(universe=run.config.universe_name), sentence, through)


def _first_to_pull(run: Run, symbol: str, first: str | None, last: date) -> date:
    start = run.ports.source.first_session(symbol)
    if first:
        return max(date.fromisoformat(first), start)
    held = run.ports.warehouse.pulls.last_pulled(run.ports.source.name, symbol)
    if held is None:
        return start
    calendar = calendar_of(symbol)
    again = calendar.offset(calendar.session_on_or_before(last), -run.config.repull_sessions)
    return max(start, min(again, held + timedelta(days=1)))


def _pull_through(run: Run, symbol: str, first: date, last: date) -> list[int]:
    """Pull [`first`, `last`], and refuse a source that has no bar of the last session yet."""
    pull_ids = []
    newest: date | None = None
    for pull in run.ports.source.fetch_bars([symbol], first, last):
        pull_ids.append(_keep(run, pull))
        if len(pull.bars):
            newest = pull.bars["session"].max().date()
    calendar = calendar_of(symbol)
    expected = calendar.session_on_or_before(last)
    if newest is None or newest < expected:
        raise EmptyResponse(
            f"stale data: the source {run.ports.source.name} has no bar of {symbol} for {expected}"
            + (f", it ends at {newest}" if newest else "")
            + ("; that day is an expected session" if calendar.is_expected(expected) else ""),
            remedy="Wait until the source has published it, then run this session again.",
        )
    return pull_ids


def _pull_range(run: Run, symbol: str, first: date, last: date) -> list[int]:
    """Pull what of [`first`, `last`] an interrupted run has not kept already."""
    pull_ids = []
    pulls = run.ports.warehouse.pulls
    wanted = first
    for pull_id, held_first, held_last in pulls.pending_pulls(run.ports.source.name, symbol):
        if held_first == wanted and held_last <= last:
            pull_ids.append(pull_id)
            wanted = held_last + timedelta(days=1)
    if wanted <= last:
        for pull in run.ports.source.fetch_bars([symbol], wanted, last):
            pull_ids.append(_keep(run, pull))
    return pull_ids


def _keep(run: Run, pull: Pull) -> int:
    labels = {"source": pull.source, "symbol": pull.symbol}
    run.ports.meter.record("prism.bars.pulled", len(pull.bars), **labels)
    return run.ports.warehouse.pulls.save_pull(pull)


def gate_bars(run: Run, refs: Mapping[str, Any]) -> Refs:
    """Check every pull of `refs`; a critical failure quarantines the pull and stops the run."""
    pulls = [run.ports.warehouse.pulls.load_pull(pull_id) for pull_id in refs["pull_ids"]]
    results = []
    refused: list[QualityError] = []
    for pull in pulls:
        found = _check_pull(run, pull, _settled_calendar(pull.symbol, pulls))
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


def _settled_calendar(symbol: str, pulls: Iterable[Pull]) -> TradingCalendar:
    """Return the calendar of `symbol`, beyond its known end as the bars of `pulls` make it known.

    A day on which no symbol of the exchange has a bar, between days with bars, was no session.
    """
    exchange = exchange_of(symbol)
    same = [pull.bars["session"] for pull in pulls if exchange_of(pull.symbol) == exchange]
    return calendar_of(symbol).settled_by(as_days(pd.concat(same)))


def _check_pull(run: Run, pull: Pull, calendar: TradingCalendar) -> list[Any]:
    before = pull.first - timedelta(days=1)
    history = run.ports.warehouse.bars.load_bars(
        [pull.symbol], before - timedelta(days=HISTORY_DAYS), before
    )
    return check_bars(
        pull.bars,
        pull.symbol,
        pull.first,
        pull.last,
        calendar=calendar,
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
    learn_days(run.config, run.ports)  # a day with a bar is a session, from here on
    labels = {"universe": run.config.universe_name}
    run.ports.meter.record("prism.bars.revised", revised, **labels)
    run.tell(f"bars: {inserted} new, {revised} values revised")
    return {"bars_inserted": inserted, "values_revised": revised}
