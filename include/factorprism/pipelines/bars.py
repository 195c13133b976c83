"""Bars: pull them, prove them fit for use, merge them; shared by the daily run and the backfill."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from factorprism.alerts import Kind, catalogue
from factorprism.core.calendar import TradingCalendar, calendar_of, exchange_of
from factorprism.core.errors import EmptyResponse, QualityError
from factorprism.core.schemas import Pull, PullState, QualityResult, Revision, as_days
from factorprism.core.sessions import check_end, session_read, utc_now
from factorprism.core.words import count
from factorprism.pipelines._revised import (
    find_ratios,
    find_unreached,
    find_witness,
    is_mostly_rebased,
    is_same_base,
    join_pulls,
    reach_back,
    tell_ratios,
)
from factorprism.pipelines._run import Refs, Run, learn_days
from factorprism.pipelines._set_aside import (
    advise_on,
    begin_aside,
    clear_aside,
    join_advice,
    keep_aside,
    leave_out,
    pull_again,
    require_few,
    require_needed,
    take_out,
)
from factorprism.quality import (
    Sorted,
    blank_untraded,
    check_bars,
    require,
    sort_out,
)

# Bars before a pull that its jumps and units are judged against.
HISTORY_DAYS = 600
# Revised values that are told one by one; the table bar_revisions has them all.
REVISIONS_TOLD = 20


def pull_bars(run: Run, refs: Mapping[str, Any]) -> Refs:
    """Fetch the bars of every channel and keep each pull as it came.

    Without ``first`` in `refs`, asks from the first session that is not held yet, and for
    `repull_sessions` held ones again so that revisions are seen: further back where the oldest of
    them were revised. Rows that were set aside before are asked for again. Pulls that an
    interrupted run has kept, and that no gate has judged yet, are not asked for again, unless the
    source has rebased its prices since. Whatever is asked for comes with a session that is held,
    where the source has one, so that a new base shows.
    """
    pull_ids: list[int] = []
    again: list[int] = []
    last = _read_last(run, refs.get("last"))
    for symbol in refs.get("symbols") or run.config.universe.channels:
        first = _first_to_pull(run, symbol, refs.get("first"), last)
        if refs.get("first"):
            pull_ids += _pull_range(run, symbol, first, last)
            pull_ids += _pull_witness(run, symbol, first, last)
        else:
            pull_ids += _pull_through(run, symbol, first, last)
            again += [_keep(run, pull) for pull in pull_again(run, symbol, first)]
        run.tell(f"{symbol}: pulled {first} to {last}")
    answered = f"the source {run.ports.source.name} has given all bars through {last}"
    resolve_source(run, (catalogue.SOURCE, catalogue.QUOTA), answered, last)
    if not refs.get("first"):  # a range that was asked for may have holes, or be of some symbols
        resolve_source(run, (catalogue.DATA,), answered, last)
    return {"pull_ids": [*pull_ids, *again], "asked_again_ids": again}


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
    first_asked = max(start, min(again, held + timedelta(days=1)))
    witness = find_witness(run, symbol, first_asked, last)  # after a long gap: on the same base?
    return max(start, begin_aside(run, symbol, min(first_asked, witness or first_asked)))


def _pull_through(run: Run, symbol: str, first: date, last: date) -> list[int]:
    """Pull [`first`, `last`], and refuse a source without the bar that the image ends with."""
    pulls = list(run.ports.source.fetch_bars([symbol], first, last))
    newest = max(
        (pull.bars["session"].max().date() for pull in pulls if len(pull.bars)), default=None
    )
    calendar = calendar_of(symbol)
    expected = session_read(calendar, run.calendar, run.calendar.session_on_or_before(last))
    if newest is None or newest < expected:
        for pull in pulls:
            _keep(run, pull)
        raise EmptyResponse(
            f"stale data: the source {run.ports.source.name} has no bar of {symbol} for {expected}"
            + (f", it ends at {newest}" if newest else "")
            + ("; that day is an expected session" if calendar.is_expected(expected) else ""),
            remedy="Wait until the source has published it, then run this session again.",
        )
    return [_keep(run, pull) for pull in reach_back(run, symbol, pulls)]


def _pull_range(run: Run, symbol: str, first: date, last: date) -> list[int]:
    """Pull what of [`first`, `last`] an interrupted run has not kept already on the same base."""
    pull_ids = []
    pulls = run.ports.warehouse.pulls
    wanted = first
    for pull_id, held_first, held_last in pulls.pending_pulls(run.ports.source.name, symbol):
        if held_first == wanted and held_last <= last:
            pull_ids.append(pull_id)
            wanted = held_last + timedelta(days=1)
    if wanted <= last:
        if pull_ids and not _is_base_kept(run, symbol, pull_ids[-1]):
            reason = "the source gives its last session no more, or on another base"
            for pull_id in pull_ids:
                pulls.mark_pull(pull_id, PullState.QUARANTINED, reason)
            pull_ids, wanted = [], first
        for pull in run.ports.source.fetch_bars([symbol], wanted, last):
            pull_ids.append(_keep(run, pull))
    return pull_ids


def _is_base_kept(run: Run, symbol: str, pull_id: int) -> bool:
    """Tell whether the source still gives the last session of a kept pull, on the same base."""
    kept = run.ports.warehouse.pulls.load_pull(pull_id)
    if kept.bars.empty:
        return True
    day = kept.bars["session"].max().date()
    given = _fetch_day(run, symbol, day)
    return bool(given) and all(is_same_base(kept, pull) for pull in given)


def _fetch_day(run: Run, symbol: str, day: date) -> list[Pull]:
    """Return the pulls of one session that hold its bar, none where the source has it no more."""
    try:
        pulls = list(run.ports.source.fetch_bars([symbol], day, day))
    except EmptyResponse:
        return []
    return [pull for pull in pulls if len(pull.bars)]


def _pull_witness(run: Run, symbol: str, first: date, last: date) -> list[int]:
    """Pull a held session beside [`first`, `last`], where that range has none to compare."""
    witness = find_witness(run, symbol, first, last)
    if witness is None:
        return []
    pulls = _fetch_day(run, symbol, witness)
    if not pulls:
        run.tell(f"{symbol}: the source has no held session, so that bases were not compared")
        return []
    return [_keep(run, pull) for pull in pulls]


def _keep(run: Run, pull: Pull) -> int:
    labels = {"source": pull.source, "symbol": pull.symbol}
    run.ports.meter.record("prism.bars.pulled", len(pull.bars), **labels)
    return run.ports.warehouse.pulls.save_pull(pull)


def gate_bars(run: Run, refs: Mapping[str, Any]) -> Refs:
    """Check every pull of `refs`, and set its rows with a critical fault aside one by one.

    A pull that is at fault as a whole, or in too many of its rows, is quarantined and stops the
    run. What a person has accepted is no fault.
    """
    pulls = _load_pulls(run, refs)
    joined = _find_joined(run, refs, pulls)
    again = set(refs.get("asked_again_ids", ()))
    series = _load_series(run, pulls, [pull for pull in pulls if pull.pull_id not in again])
    checked = {
        id(pull): _check_pull(pull, _settled_calendar(pull.symbol, pulls), series) for pull in pulls
    }
    results = [result for found in checked.values() for result in found]
    run_key = f"bars {run.session} {run.config.source} {run.config.universe_name}"
    run.ports.warehouse.quality.save_results(results, run_key)
    accepted = {symbol: _load_accepted(run, symbol) for symbol in {pull.symbol for pull in pulls}}
    refused = []
    for pull in pulls:
        assert pull.pull_id is not None
        found = sort_out(checked[id(pull)], accepted[pull.symbol])
        run.ports.warehouse.findings.save_findings(pull.pull_id, found.findings)
        try:
            _judge_pull(run, pull, found, refs)
        except QualityError as error:
            refused.append(error)
            run.ports.warehouse.pulls.mark_pull(pull.pull_id, PullState.QUARANTINED, error.message)
            _mark_parts(run, pull.pull_id, joined, PullState.QUARANTINED)
    if refused:
        raise QualityError(
            "; ".join(error.message for error in refused),
            failures=[failure for error in refused for failure in error.failures],
            remedy=join_advice([error.remedy for error in refused]),
        )
    warnings = sum(not result.success for result in results)
    run.tell(f"bars: {count(len(results), 'expectation')}, {count(warnings, 'warning')}")
    pull_ids = [pull.pull_id for pull in pulls]
    return {"gate_run_keys": [run_key], "pull_ids": pull_ids, "joined_ids": joined}


def _find_joined(run: Run, refs: Mapping[str, Any], pulls: Sequence[Pull]) -> dict[str, list[int]]:
    """Return for each pull that was joined of parts, by its number, the numbers of the parts."""
    asked, store = refs["pull_ids"], run.ports.warehouse.pulls
    loaded = {pull.pull_id for pull in pulls}
    parts = [store.load_pull(pull_id) for pull_id in asked if pull_id not in loaded]
    return {
        str(pull.pull_id): [
            part.pull_id
            for part in parts
            if part.symbol == pull.symbol and part.pull_id is not None
        ]
        for pull in pulls
        if pull.pull_id not in asked
    }


def _mark_parts(
    run: Run, pull_id: int, joined: Mapping[str, Sequence[int]], state: PullState
) -> None:
    """Let the parts of a joined pull share what became of it, so that none of them is pending."""
    for part in joined.get(str(pull_id), ()):
        run.ports.warehouse.pulls.mark_pull(part, state, f"joined as pull {pull_id}")


def _settled_calendar(symbol: str, pulls: Iterable[Pull]) -> TradingCalendar:
    """Return the calendar of `symbol`, beyond its known end as the bars of `pulls` make it known.

    A day on which no symbol of the exchange has a bar, between days with bars, was no session.
    """
    exchange = exchange_of(symbol)
    same = [pull.bars["session"] for pull in pulls if exchange_of(pull.symbol) == exchange]
    return calendar_of(symbol).settled_by(as_days(pd.concat(same)))


def _load_pulls(run: Run, refs: Mapping[str, Any]) -> list[Pull]:
    """Return the pulls, those of a symbol whose prices were rebased as one."""
    store = run.ports.warehouse.pulls
    again = set(refs.get("asked_again_ids", ()))
    loaded = [store.load_pull(pull_id) for pull_id in refs["pull_ids"]]
    pulls: list[Pull] = []
    for (_, is_again), group in groupby(loaded, lambda one: (one.symbol, one.pull_id in again)):
        parts = list(group)
        if len(parts) > 1 and not is_again and find_ratios(run, join_pulls(parts)).size:
            parts = [store.load_pull(store.save_pull(join_pulls(parts)))]
        pulls += parts
    return pulls


def _load_series(
    run: Run, pulls: Sequence[Pull], trusted: Sequence[Pull]
) -> dict[str, pd.DataFrame]:
    """Return each channel's bars around `pulls`: what is held, and over it what `trusted` give.

    A row that was at fault before, and is asked for again, is nothing to judge others against.
    """
    if not pulls:
        return {}
    first = min(pull.first for pull in pulls) - timedelta(days=HISTORY_DAYS)
    last = max(pull.last for pull in pulls)
    symbols = {*run.config.universe.channels, *(pull.symbol for pull in pulls)}
    series = {}
    for symbol in sorted(symbols):
        held = run.ports.warehouse.bars.load_bars([symbol], first, last)
        new = [pull.bars for pull in trusted if pull.symbol == symbol]
        joined = pd.concat([held, *new]) if new else held
        joined = joined.drop_duplicates("session", keep="last").sort_values("session")
        series[symbol] = joined.reset_index(drop=True)
    return series


def _check_pull(
    pull: Pull, calendar: TradingCalendar, series: Mapping[str, pd.DataFrame]
) -> list[QualityResult]:
    return check_bars(
        pull.bars,
        pull.symbol,
        pull.first,
        pull.last,
        calendar=calendar,
        history=series[pull.symbol],
        others=[bars for symbol, bars in series.items() if symbol != pull.symbol and len(bars)],
    )


def _load_accepted(run: Run, symbol: str) -> set[tuple[str, ...]]:
    words = run.ports.warehouse.findings.list_accepted([symbol])
    return {key for word in words for key in word.finding.keys}


def _judge_pull(run: Run, pull: Pull, found: Sorted, refs: Mapping[str, Any]) -> None:
    """Set the faulty rows of `pull` aside; raises `QualityError` where it is to be refused."""
    if is_mostly_rebased(run, pull):  # told before what the new base makes the rules find
        _require_one_base(run, pull)
    try:
        require(found.refused)
    except QualityError as error:
        raise QualityError(
            error.message, failures=error.failures, remedy=advise_on(found.refused)
        ) from None
    if pull.pull_id not in refs.get("asked_again_ids", ()):
        require_few(run, pull, found.set_aside)
    _require_one_base(run, leave_out(pull, found.set_aside))
    keep_aside(run, pull, found.set_aside)


def _require_one_base(run: Run, pull: Pull) -> None:
    """Refuse rebased prices that would leave a part of what is held on the old base."""
    ratios = find_ratios(run, pull)
    unreached = find_unreached(run, pull) if ratios.size else ()
    if unreached:
        extent = run.ports.warehouse.bars.load_extent(pull.symbol)
        assert extent is not None
        raise QualityError(
            f"{pull.symbol}: the source has rebased or adjusted its prices by "
            f"{tell_ratios(ratios)}, and {len(unreached)} held sessions from "
            f"{unreached[0]} to {unreached[-1]} are not among those that it "
            "gives anew; a series of two bases is not held",
            failures=[f"{pull.symbol}: prices rebased by {tell_ratios(ratios)}."],
            remedy=f"Let the source give all of them: factorprism backfill --start {extent[0]} "
            f"--end {max(extent[1], pull.last)} --symbol {pull.symbol}.",
        )


def merge_bars(run: Run, refs: Mapping[str, Any]) -> Refs:
    """Merge the sound rows of the pulls into the bars; changed values are kept as revisions.

    Raises `QualityError`, once all is merged, where a row that was set aside is one that the
    session's forecast needs.
    """
    inserted = revised = 0
    for pull_id in refs["pull_ids"]:
        pull = take_out(run, run.ports.warehouse.pulls.load_pull(pull_id))
        ratios = find_ratios(run, pull)
        result = run.ports.warehouse.bars.merge_bars(blank_untraded(pull.bars), pull_id)
        run.ports.warehouse.pulls.mark_pull(pull_id, PullState.ACCEPTED)
        _mark_parts(run, pull_id, refs.get("joined_ids", {}), PullState.ACCEPTED)
        clear_aside(run, pull)
        inserted += result.inserted
        revised += len(result.revisions)
        _tell_revisions(run, pull, result.revisions, ratios)
    learn_days(run.config, run.ports)  # a day with a bar is a session, from here on
    labels = {"universe": run.config.universe_name}
    run.ports.meter.record("prism.bars.revised", revised, **labels)
    run.tell(f"bars: {inserted} new, {count(revised, 'value')} revised")
    if not refs.get("first"):
        require_needed(run)
    return {"bars_inserted": inserted, "values_revised": revised}


def _tell_revisions(
    run: Run, pull: Pull, revisions: Sequence[Revision], ratios: npt.NDArray[np.float64]
) -> None:
    if ratios.size and revisions:
        sentence = (
            f"{pull.symbol}: the source has rebased or adjusted its prices by "
            f"{tell_ratios(ratios)}; all {len(pull.bars)} sessions held were replaced at once"
        )
        run.tell(sentence)
        run.record_event(
            catalogue.REBASED.key(symbol=pull.symbol, pull=f"(pull {pull.pull_id})"), sentence
        )
        return
    for revision in revisions[:REVISIONS_TOLD]:
        run.tell(
            f"{revision.symbol} {revision.session}: {revision.column} revised from "
            f"{revision.old_value:g} to {revision.new_value:g}"
        )
    if len(revisions) > REVISIONS_TOLD:
        run.tell(f"{pull.symbol}: {len(revisions) - REVISIONS_TOLD} more values revised")
