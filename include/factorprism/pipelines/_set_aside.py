"""Rows that the gate keeps out of the bars: noted, left out, asked for again, and reported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import takewhile

import numpy as np

from factorprism.core.arrays import as_days
from factorprism.core.calendar import TradingCalendar, calendar_of
from factorprism.core.errors import EmptyResponse, QualityError
from factorprism.core.words import count
from factorprism.factors import CATALOGUE
from factorprism.market.bars import Pull
from factorprism.market.findings import Finding, QualityResult, SetAside
from factorprism.pipelines._revisions import find_held_day
from factorprism.pipelines._run import Run
from factorprism.quality import is_too_much

# Requests a symbol and evening for rows that were set aside.
REQUESTS_MAX = 10
REPORTED = 3
WAIT = "Fix it at the source, or wait until it does; earlier bars stay in force."
ACCEPT = "If it is no fault: factorprism quality accept {} --because TEXT."


def require_few(run: Run, pull: Pull, set_aside: Mapping[date, Finding]) -> None:
    """Refuse `pull` where too many of its rows are at fault."""
    rows, n_rows = _rows_aside(pull, set_aside), _count_sessions(pull)
    if is_too_much(len(rows), n_rows, run.config.set_aside_ratio_max):
        raise QualityError(
            f"{pull.symbol}: {len(rows)} of {n_rows} rows from {pull.first} to {pull.last} have "
            f"critical faults: {_tell(rows)}",
            failures=sorted({row.sentence for row in rows}),
            remedy=_advise([item.finding_id for item in set_aside.values() if item.keys]),
        )


def keep_aside(run: Run, pull: Pull, set_aside: Mapping[date, Finding]) -> None:
    """Note the rows of `pull`, which is not refused, that stay out."""
    assert pull.pull_id is not None
    rows = _rows_aside(pull, set_aside)
    run.ports.warehouse.findings.save_set_aside(pull.pull_id, rows)
    if rows:
        n_rows = _count_sessions(pull)
        run.tell(f"{pull.symbol}: {len(rows)} of {n_rows} rows set aside: {_tell(rows)}")


def _rows_aside(pull: Pull, set_aside: Mapping[date, Finding]) -> list[SetAside]:
    assert pull.pull_id is not None
    return [
        SetAside(pull.symbol, session, pull.pull_id, finding.finding_id, finding.sentence)
        for session, finding in set_aside.items()
    ]


def _count_sessions(pull: Pull) -> int:
    return len(calendar_of(pull.symbol).sessions(pull.first, pull.last))


def take_out(run: Run, pull: Pull) -> Pull:
    """Return `pull` without the rows that were set aside, each session once."""
    assert pull.pull_id is not None
    out = run.ports.warehouse.findings.load_set_aside(pull.pull_id)
    return leave_out(pull, [row.session for row in out])


def leave_out(pull: Pull, out: Iterable[date]) -> Pull:
    """Return `pull` without the rows of `out`, each session once."""
    is_out = np.isin(as_days(pull.bars["session"]), np.array(list(out), "datetime64[D]"))
    return replace(pull, bars=pull.bars[~is_out].drop_duplicates("session", keep="last"))


def clear_aside(run: Run, pull: Pull) -> None:
    """Note that `pull`, which is merged, has given what an earlier one had not.

    A row is cleared too when `pull` covers its day, gives none, and nothing speaks against that:
    on a day without trading, or where a person has said that there was no such session.
    """
    assert pull.pull_id is not None
    store = run.ports.warehouse.findings
    days = set(pull.bars["session"].dt.date)
    out = {row.session for row in store.load_set_aside(pull.pull_id)}
    held = store.list_set_aside([pull.symbol])
    given = [row.session for row in held if row.session in days]
    gone = [
        row.session
        for row in held
        if pull.first <= row.session <= pull.last and row.session not in days | out
    ]
    if given or gone:
        store.clear_set_aside(pull.symbol, [*given, *gone], pull.pull_id)
    if given:
        run.tell(f"{pull.symbol}: {count(len(given), 'row')} set aside before, sound now")
    if gone:
        run.tell(f"{pull.symbol}: {count(len(gone), 'row')} set aside before, given no more")


def begin_aside(run: Run, symbol: str, first: date) -> date:
    """Return where the unbroken run of rows aside begins that leads up to `first`, or `first`.

    What stands aside is nothing to compare with, so that a stuck run that is asked for in two parts
    would be too short in each to be seen.
    """
    held = run.ports.warehouse.findings.list_set_aside([symbol])
    before = {row.session for row in held if row.session < first and _is_session(row)}
    if before:
        known = calendar_of(symbol).sessions(min(before), first - timedelta(days=1))
        for day in takewhile(before.__contains__, reversed(known.tolist())):
            first = day
    return first


def pull_again(run: Run, symbol: str, before: date) -> Iterator[Pull]:
    """Ask once more for the rows before `before` that were set aside; none may still be there.

    Each comes with the nearest held session, which shows whether it stands on the same base.
    """
    held = run.ports.warehouse.findings.list_set_aside([symbol])
    wanted = [row for row in held if row.session < before and _is_session(row)]
    for first, last in _choose(run, symbol, wanted):
        held_day = find_held_day(run, symbol, first, last) or first
        pulls = _ask(run, symbol, min(first, held_day), max(last, held_day))
        if any(_gives(pull, first, last) for pull in pulls):
            yield from pulls
        else:
            run.tell(f"{symbol}: the source still has no bar of {first} to {last}")


def _choose(run: Run, symbol: str, rows: Sequence[SetAside]) -> list[tuple[date, date]]:
    """Return the ranges to ask for: first what a person has accepted, the rest by turns.

    An unbroken run of rows is one range, since it is checked as a whole.
    """
    words = run.ports.warehouse.findings.list_accepted([symbol])
    names = {word.finding.finding_id for word in words}
    accepted = [row.session for row in rows if row.finding_id in names]
    calendar = calendar_of(symbol)
    n_evenings = len(calendar.sessions(calendar.first, run.session))
    ranges = list(_ranges(sorted(row.session for row in rows), calendar))
    first_ones = [one for one in ranges if any(one[0] <= day <= one[1] for day in accepted)]
    chosen = _take_turn(first_ones, n_evenings, REQUESTS_MAX)
    rest = [one for one in ranges if one not in first_ones]
    return chosen + _take_turn(rest, n_evenings, REQUESTS_MAX - len(chosen))


def _take_turn(
    ranges: Sequence[tuple[date, date]], n_evenings: int, n_chosen: int
) -> list[tuple[date, date]]:
    """Return `n_chosen` of `ranges` from where the evening before has stopped, round the end."""
    start = n_evenings * n_chosen % max(len(ranges), 1)
    return [*ranges[start:], *ranges[:start]][:n_chosen]


def _ask(run: Run, symbol: str, first: date, last: date) -> list[Pull]:
    """Return the pulls of [`first`, `last`] that hold a bar; in others is nothing to check."""
    try:
        pulls = list(run.ports.source.fetch_bars([symbol], first, last))
    except EmptyResponse:
        return []
    return [pull for pull in pulls if len(pull.bars)]


def _gives(pull: Pull, first: date, last: date) -> bool:
    """Tell whether `pull` has a bar of [`first`, `last`]."""
    return bool(pull.bars["session"].dt.date.between(first, last).any())


def require_needed(run: Run) -> None:
    """Refuse to go on where a row that stands aside is one that the session's forecast needs."""
    first = _needed_from(run)
    missing = [
        row
        for row in run.ports.warehouse.findings.list_set_aside(run.universe.channels)
        if first <= row.session <= run.session and _is_session(row) and not _is_held(run, row)
    ]
    if missing:
        raise QualityError(
            f"the forecast of {run.session} needs {count(len(missing), 'row')} set aside by the "
            f"gate: {_tell(missing)}",
            failures=sorted({row.sentence for row in missing}),
            remedy=_advise([row.finding_id for row in missing]),
        )


def _needed_from(run: Run) -> date:
    """Return the first session of the image, and of the longest look-back before it."""
    n_sessions = run.signal.lookback + max(factor.lookback for factor in CATALOGUE)
    known = run.calendar.sessions(run.calendar.first, run.session)[-n_sessions:]
    first: date = known[0].astype(date)
    return first


def _is_session(row: SetAside) -> bool:
    calendar = calendar_of(row.symbol)
    return row.session >= calendar.first and calendar.is_session(row.session)


def _is_held(run: Run, row: SetAside) -> bool:
    return bool(
        len(run.ports.warehouse.bars.load_held_bars(row.symbol, row.session, row.session).days)
    )


def _ranges(sessions: Sequence[date], calendar: TradingCalendar) -> Iterator[tuple[date, date]]:
    """Yield (first, last) of each unbroken run of `sessions`, ascending."""
    first = last = None
    for session in sessions:
        if last is not None and len(calendar.sessions(last, session)) > 2:
            assert first is not None
            yield first, last
            first = session
        first, last = first or session, session
    if first is not None and last is not None:
        yield first, last


def _tell(rows: Sequence[SetAside]) -> str:
    """Return the first findings on `rows`, each with its name."""
    findings = list(dict.fromkeys(f"{row.sentence} [{row.finding_id}]" for row in rows))
    more = f" And {len(findings) - REPORTED} more findings." if len(findings) > REPORTED else ""
    return " ".join(findings[:REPORTED]) + more


def advise_on(refused: Sequence[QualityResult]) -> str:
    """Return what to do about a pull that is at fault as a whole."""
    found = [finding for item in refused for finding in item.findings]
    return _advise([finding.finding_id for finding in found if finding.keys])


def join_advice(remedies: Sequence[str]) -> str:
    """Return the advice on several pulls, that on their findings once."""
    on_findings = list(dict.fromkeys(one for one in remedies if one.startswith(WAIT)))
    others = [remedy for remedy in remedies if remedy and not remedy.startswith(WAIT)]
    once = on_findings if len(on_findings) < 2 else [f"{WAIT} {ACCEPT.format('ID')}"]
    return " ".join(dict.fromkeys([*once, *others]))


def _advise(names: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(names))
    if not distinct:
        return WAIT
    return f"{WAIT} {ACCEPT.format(distinct[0] if len(distinct) == 1 else 'ID')}"
