"""Bars: pull them, prove them fit for use, merge them; shared by the daily run and the backfill."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from factorprism.alerts import Kind, catalogue
from factorprism.core.calendar import TradingCalendar, calendar_for, calendar_of, exchange_of
from factorprism.core.errors import EmptyResponse, QualityError
from factorprism.core.schemas import Pull, PullState, Revision, as_days, empty_bars
from factorprism.core.sessions import check_end, session_read, utc_now
from factorprism.core.words import count
from factorprism.pipelines._revised import (
    find_held_day,
    find_ratios,
    find_unreached,
    is_mostly_rebased,
    is_same_base,
    join_pulls,
    load_held,
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
    HISTORY_DAYS,
    Sorted,
    Verdicts,
    blank_untraded,
    check_bars,
    require,
    sort_out,
)

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
    for symbol in refs.get("symbols") or run.universe.channels:
        first = _first_to_pull(run, symbol, refs.get("first"), last)
        if refs.get("first"):
            pull_ids += _pull_range(run, symbol, first, last)
            pull_ids += _pull_held_day(run, symbol, first, last)
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
        run.resolve_alert(run.key_of(kind), sentence, through)


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
    held_day = find_held_day(run, symbol, first_asked, last)  # after a long gap: on the same base?
    return max(start, begin_aside(run, symbol, min(first_asked, held_day or first_asked)))


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


def _pull_held_day(run: Run, symbol: str, first: date, last: date) -> list[int]:
    """Pull a held session beside [`first`, `last`], where that range has none to compare."""
    held_day = find_held_day(run, symbol, first, last)
    if held_day is None:
        return []
    pulls = _fetch_day(run, symbol, held_day)
    if not pulls:
        run.tell(f"{symbol}: the source has no held session, so that bases were not compared")
        return []
    return [_keep(run, pull) for pull in pulls]


def _keep(run: Run, pull: Pull) -> int:
    labels = {"source": pull.source, "symbol": pull.symbol}
    run.ports.meter.record("prism.bars.pulled", len(pull.bars), **labels)
    return run.ports.warehouse.pulls.save_pull(pull)


def gate_bars(run: Run, refs: Mapping[str, Any]) -> Refs:
    """Check all pulls of `refs` at once, and set rows with a critical fault aside one by one.

    A pull that is at fault as a whole, or in too many of its rows, is quarantined. What is fit of
    the other symbols is merged then, before `QualityError` stops the run. What a person has
    accepted is no fault.
    """
    store, again = run.ports.warehouse, set(refs.get("asked_again_ids", ()))
    loaded = [store.pulls.load_pull(pull_id) for pull_id in refs["pull_ids"]]
    held = _load_held(run, loaded)
    of_symbol = _split_by_symbol(held)
    pulls, joined = _join_rebased(run, loaded, of_symbol, again)
    trusted = [pull for pull in pulls if pull.pull_id not in again]
    verdicts = check_bars(pulls, _settle_calendars(pulls), _lay_over(held, trusted))
    run_key = f"bars {run.session} {run.config.source} {run.universe.name}"
    store.quality.save_results(verdicts.results, run_key)
    refused = _judge_pulls(run, pulls, verdicts, of_symbol, again)
    for pull_id, error in refused.items():
        store.pulls.mark_pull(pull_id, PullState.QUARANTINED, error.message)
        _mark_parts(run, pull_id, joined, PullState.QUARANTINED)
    if refused:
        _merge_others(run, pulls, refused, joined)
        raise _join_errors(list(refused.values()))
    warnings = sum(not result.success for result in verdicts.results)
    run.tell(f"bars: {count(verdicts.n_asked, 'expectation')}, {count(warnings, 'warning')}")
    pull_ids = [pull.pull_id for pull in pulls]
    return {"gate_run_keys": [run_key], "pull_ids": pull_ids, "joined_ids": joined}


def _load_held(run: Run, pulls: Sequence[Pull]) -> pd.DataFrame:
    """Return what is held around `pulls`, of their symbols and of the universe's."""
    if not pulls:
        return empty_bars()
    first = min(pull.first for pull in pulls) - timedelta(days=HISTORY_DAYS)
    last = max(pull.last for pull in pulls)
    symbols = {*run.universe.channels, *(pull.symbol for pull in pulls)}
    return run.ports.warehouse.bars.load_bars(sorted(symbols), first, last)


def _split_by_symbol(held: pd.DataFrame) -> Mapping[str, pd.DataFrame]:
    """Return the bars of each symbol, none of one that is not held."""
    return defaultdict(empty_bars, {str(name): bars for name, bars in held.groupby("symbol")})


def _join_rebased(
    run: Run, loaded: Sequence[Pull], held: Mapping[str, pd.DataFrame], again: Collection[int]
) -> tuple[list[Pull], dict[str, list[int]]]:
    """Return the pulls, those of a symbol whose prices were rebased as one.

    Beside them, for each pull that was joined of parts, by its number, the numbers of the parts.
    """
    store, pulls = run.ports.warehouse.pulls, []
    joined: dict[str, list[int]] = {}

    def kind(pull: Pull) -> tuple[str, bool]:
        return pull.symbol, pull.pull_id in again

    for (symbol, is_again), group in groupby(loaded, kind):
        parts = list(group)
        whole = join_pulls(parts)
        if len(parts) > 1 and not is_again and find_ratios(held[symbol], whole).size:
            whole_id = store.save_pull(whole)
            joined[str(whole_id)] = [part.pull_id for part in parts if part.pull_id is not None]
            parts = [store.load_pull(whole_id)]
        pulls += parts
    return pulls, joined


def _mark_parts(
    run: Run, pull_id: int, joined: Mapping[str, Sequence[int]], state: PullState
) -> None:
    """Let the parts of a joined pull share what became of it, so that none of them is pending."""
    for part in joined.get(str(pull_id), ()):
        run.ports.warehouse.pulls.mark_pull(part, state, f"joined as pull {pull_id}")


def _settle_calendars(pulls: Sequence[Pull]) -> dict[str, TradingCalendar]:
    """Return the calendars of the symbols, beyond their known ends as `pulls` make them known.

    A day on which no symbol of the exchange has a bar, between days with bars, was no session.
    """
    days: dict[str, list[pd.Series]] = {}
    for pull in pulls:
        days.setdefault(exchange_of(pull.symbol), []).append(pull.bars["session"])
    settled = {
        exchange: calendar_for(exchange).settled_by(as_days(pd.concat(parts)))
        for exchange, parts in days.items()
    }
    return {pull.symbol: settled[exchange_of(pull.symbol)] for pull in pulls}


def _lay_over(held: pd.DataFrame, trusted: Sequence[Pull]) -> pd.DataFrame:
    """Return what is held, and over it what `trusted` pulls give of the symbols asked for.

    A row that was at fault before, and is asked for again, is nothing to judge others against.
    """
    frames = [held, *(pull.bars for pull in trusted)]
    asked = np.repeat([pull.symbol for pull in trusted], [len(pull.bars) for pull in trusted])
    joined = pd.concat(frames, ignore_index=True)
    owned = joined["symbol"].to_numpy(object) == np.append(held["symbol"].to_numpy(object), asked)
    laid: pd.DataFrame = joined[owned].drop_duplicates(["symbol", "session"], keep="last")
    return laid


def _judge_pulls(
    run: Run,
    pulls: Sequence[Pull],
    verdicts: Verdicts,
    held: Mapping[str, pd.DataFrame],
    again: Collection[int],
) -> dict[int, QualityError]:
    """Note what was found in each pull; return why pulls are to be refused, by their numbers."""
    refused: dict[int, QualityError] = {}
    accepted = _load_accepted(run, pulls)
    for pull, results in zip(pulls, verdicts.of, strict=True):
        assert pull.pull_id is not None
        found = sort_out(results, accepted.get(pull.symbol, frozenset()))
        run.ports.warehouse.findings.save_findings(pull.pull_id, found.findings)
        try:
            _judge_pull(run, pull, found, held[pull.symbol], is_again=pull.pull_id in again)
        except QualityError as error:
            refused[pull.pull_id] = error
    return refused


def _merge_others(
    run: Run,
    pulls: Sequence[Pull],
    refused: Collection[int],
    joined: Mapping[str, Sequence[int]],
) -> None:
    """Merge what is fit of the symbols of which no pull is `refused`."""
    stopped = {pull.symbol for pull in pulls if pull.pull_id in refused}
    fit = [pull for pull in pulls if pull.symbol not in stopped]
    if fit:
        _merge_pulls(run, [pull.pull_id for pull in fit if pull.pull_id is not None], joined)
        symbols = count(len({pull.symbol for pull in fit}), "other symbol")
        run.tell(f"bars: what is fit of {symbols} is merged")


def _join_errors(errors: Sequence[QualityError]) -> QualityError:
    return QualityError(
        "; ".join(error.message for error in errors),
        failures=[failure for error in errors for failure in error.failures],
        remedy=join_advice([error.remedy for error in errors]),
    )


def _load_accepted(run: Run, pulls: Sequence[Pull]) -> dict[str, set[tuple[str, ...]]]:
    """Return by symbol the keys of what a person has accepted."""
    symbols = sorted({pull.symbol for pull in pulls})
    accepted: dict[str, set[tuple[str, ...]]] = {}
    for word in run.ports.warehouse.findings.list_accepted(symbols):
        accepted.setdefault(word.finding.symbol, set()).update(word.finding.keys)
    return accepted


def _judge_pull(run: Run, pull: Pull, found: Sorted, held: pd.DataFrame, *, is_again: bool) -> None:
    """Set the faulty rows of `pull` aside; raises `QualityError` where it is to be refused."""
    if is_mostly_rebased(held, pull):  # told before what the new base makes the rules find
        _require_one_base(run, pull, held)
    try:
        require(found.refused)
    except QualityError as error:
        raise QualityError(
            error.message, failures=error.failures, remedy=advise_on(found.refused)
        ) from None
    if not is_again:
        require_few(run, pull, found.set_aside)
    _require_one_base(run, leave_out(pull, found.set_aside), held)
    keep_aside(run, pull, found.set_aside)


def _require_one_base(run: Run, pull: Pull, held: pd.DataFrame) -> None:
    """Refuse rebased prices that would leave a part of what is held on the old base."""
    ratios = find_ratios(held, pull)
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
    inserted, revised = _merge_pulls(run, refs["pull_ids"], refs.get("joined_ids", {}))
    if not refs.get("first"):
        require_needed(run)
    return {"bars_inserted": inserted, "values_revised": revised}


def _merge_pulls(
    run: Run, pull_ids: Sequence[int], joined: Mapping[str, Sequence[int]]
) -> tuple[int, int]:
    """Return how many bars were new, and how many values were revised."""
    inserted = revised = 0
    for pull_id in pull_ids:
        pull = take_out(run, run.ports.warehouse.pulls.load_pull(pull_id))
        ratios = find_ratios(load_held(run, pull), pull)
        result = run.ports.warehouse.bars.merge_bars(blank_untraded(pull.bars), pull_id)
        run.ports.warehouse.pulls.mark_pull(pull_id, PullState.ACCEPTED)
        _mark_parts(run, pull_id, joined, PullState.ACCEPTED)
        clear_aside(run, pull)
        inserted += result.inserted
        revised += len(result.revisions)
        _tell_revisions(run, pull, result.revisions, ratios)
    learn_days(run.config, run.ports)  # a day with a bar is a session, from here on
    labels = {"universe": run.universe.name}
    run.ports.meter.record("prism.bars.revised", revised, **labels)
    run.tell(f"bars: {inserted} new, {count(revised, 'value')} revised")
    return inserted, revised


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
