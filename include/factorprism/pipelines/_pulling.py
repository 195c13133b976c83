"""What is asked of the source for one symbol, each answer kept as it came."""

from __future__ import annotations

from datetime import date, timedelta

from factorprism.core.calendar import calendar_of
from factorprism.core.errors import EmptyResponse
from factorprism.core.sessions import session_read
from factorprism.market.bars import Pull, PullState
from factorprism.pipelines._revisions import find_held_day, is_same_base, pull_further_back
from factorprism.pipelines._run import Run
from factorprism.pipelines._set_aside import begin_aside


def first_to_pull(run: Run, symbol: str, first: str | None, last: date) -> date:
    """Return from which day `symbol` is asked for: `first` where it is given, else what is new."""
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


def pull_through(run: Run, symbol: str, first: date, last: date) -> list[int]:
    """Pull [`first`, `last`], and refuse a source without the bar that the image ends with."""
    pulls = list(run.ports.source.fetch_bars([symbol], first, last))
    newest = max(
        (pull.bars["session"].max().date() for pull in pulls if len(pull.bars)), default=None
    )
    calendar = calendar_of(symbol)
    expected = session_read(calendar, run.calendar, run.calendar.session_on_or_before(last))
    if newest is None or newest < expected:
        for pull in pulls:
            keep_pull(run, pull)
        raise EmptyResponse(
            f"stale data: the source {run.ports.source.name} has no bar of {symbol} for {expected}"
            + (f", it ends at {newest}" if newest else "")
            + ("; that day is an expected session" if calendar.is_expected(expected) else ""),
            remedy="Wait until the source has published it, then run this session again.",
        )
    return [keep_pull(run, pull) for pull in pull_further_back(run, symbol, pulls)]


def pull_range(run: Run, symbol: str, first: date, last: date) -> list[int]:
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
            pull_ids.append(keep_pull(run, pull))
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


def pull_held_day(run: Run, symbol: str, first: date, last: date) -> list[int]:
    """Pull a held session beside [`first`, `last`], where that range has none to compare."""
    held_day = find_held_day(run, symbol, first, last)
    if held_day is None:
        return []
    pulls = _fetch_day(run, symbol, held_day)
    if not pulls:
        run.tell(f"{symbol}: the source has no held session, so that bases were not compared")
        return []
    return [keep_pull(run, pull) for pull in pulls]


def keep_pull(run: Run, pull: Pull) -> int:
    """Keep `pull` as it came, and return its number."""
    labels = {"source": pull.source, "symbol": pull.symbol}
    run.ports.meter.record("prism.bars.pulled", len(pull.bars), **labels)
    return run.ports.warehouse.pulls.save_pull(pull)
