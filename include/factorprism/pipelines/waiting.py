"""Before anything is pulled: has the source the session's bars, of every channel, and whole?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd

from factorprism.core.calendar import exchange_of
from factorprism.core.config import load_config
from factorprism.core.errors import ConfigurationError, EmptyResponse, SourceError, WarehouseError
from factorprism.core.publication import local_words
from factorprism.core.sessions import session_read, utc_now
from factorprism.core.severity import WARNING
from factorprism.core.signals import find_signal
from factorprism.health.patience import SUITE, patience_ends, wait_key
from factorprism.market.findings import QualityResult
from factorprism.pipelines._run import Run, StepContext

VALUES = ("open", "high", "low", "close", "volume_shares", "amount_cny")
# Sessions that are asked for before the one that is waited for: an answer without any row may be a
# fault, and what the last of them has is what a whole bar has.
SESSIONS_BEFORE = 4


def wait_for_bars(run: Run, context: Mapping[str, Any]) -> StepContext:
    """Check once for the bars, as `check_for_bars`, and leave a note of it for `find_wait`.

    Airflow checks again until `patience_ends`; the command line checks once.
    """
    try:
        check_for_bars(run)
    except SourceError as error:
        _note_check(run, error.message)
        raise
    _note_check(run, "")
    return {}


def check_for_bars(run: Run) -> None:
    """Check for the bar of the session of every channel; raise while one is missing.

    A bar is whole that has every value that the one before it had. After patience has ended one
    that is not whole passes, for the gate to check.

    Raises
    ------
    EmptyResponse
        If a bar is missing, or, before patience has ended, not whole; all of them are named.
    ConfigurationError
        If by the hour that is set a bar will be final only after patience has ended.
    SourceError
        If the source cannot be asked.
    """
    ends = patience_ends(run.config, run.universe, run.session)
    coming = _find_coming(run)
    _require_in_time(run, coming, ends)
    lacking = {symbol: _find_lacking(run, symbol) for symbol in run.universe.channels}
    over = utc_now() >= ends
    absent = [symbol for symbol, values in lacking.items() if values == VALUES]
    halves = {symbol: values for symbol, values in lacking.items() if values and values != VALUES}
    found = len(lacking) - len(absent) - len(halves)
    run.tell(f"bars of {run.session}: {found} of {len(lacking)} channels")
    named = ", ".join(_name(run, symbol) for symbol in absent)
    said = [f"has no bar of {named} for {run.session}"] if absent else []
    said += [
        f"is asked for {symbol} from {local_words(coming[symbol], run.calendar.exchange)} on"
        for symbol in absent
        if symbol in coming
    ]
    said += [f"lacks {', '.join(names)} of {symbol}" for symbol, names in halves.items()]
    if absent or (halves and not over):
        raise EmptyResponse(
            f"stale data: the source {run.ports.source.name} {' and '.join(said)}"
            + ("; that day is an expected session" if run.calendar.is_expected(run.session) else "")
            + (_words_of_end(run, ends) if over else ""),
            remedy="Wait until the source has published it, then run this session again.",
        )
    for sentence in said:
        run.tell(f"bars of {run.session}: the source {sentence}; the gate will check")


def _note_check(run: Run, missing: str) -> None:
    """Write down when it was checked, and what was `missing`; empty for nothing.

    A warehouse that is away costs the note and not the wait.
    """
    check = QualityResult(
        suite=SUITE,
        expectation="bars_are_published",
        symbol=run.universe.target,
        column="",
        severity=WARNING,
        success=not missing,
        first=run.session,
        last=run.session,
        sentence=missing or f"the source {run.ports.source.name} has the bars of all channels",
    )
    try:
        run.ports.warehouse.quality.save_results(
            [check], wait_key(run.config, run.universe, run.session)
        )
    except WarehouseError as error:
        run.tell(f"the check for the bars of {run.session} is not on record: {error.message}")


def find_patience(
    environ: Mapping[str, str], session: date, signal: str = ""
) -> tuple[datetime, int]:
    """Return until when (naive, UTC) bars of `session` are waited for, and the seconds between."""
    config = load_config(environ)
    universe = find_signal(config, signal).universe
    return patience_ends(config, universe, session), config.ask_again_seconds


def describe_wait(run: Run) -> str:
    """Say until when bars are waited for now; empty once patience has ended."""
    ends = patience_ends(run.config, run.universe, run.session)
    if utc_now() >= ends:
        return ""
    return f"it is waited for until {local_words(ends, run.calendar.exchange)}"


def _words_of_end(run: Run, ends: datetime) -> str:
    if run.config.source == "sample":
        return ""
    return f"; patience ended at {local_words(ends, run.calendar.exchange)}"


def _name(run: Run, symbol: str) -> str:
    """Return `symbol`, with the session to read where it is another one than the run's."""
    expected = _expected_session(run, symbol)
    return symbol if expected == run.session else f"{symbol} ({expected})"


def _find_coming(run: Run) -> dict[str, datetime]:
    """Return from when on (naive, UTC) channels are asked for whose hour has not come yet."""
    moments = {
        symbol: run.config.calendar_of(symbol).published_at(_expected_session(run, symbol))
        for symbol in run.universe.channels
    }
    return {symbol: moment for symbol, moment in moments.items() if moment > utc_now()}


def _require_in_time(run: Run, coming: Mapping[str, datetime], ends: datetime) -> None:
    for symbol, moment in coming.items():
        if moment > ends:
            exchange = run.calendar.exchange
            raise ConfigurationError(
                f"the image of {run.session} needs the bar of {symbol} for "
                f"{_expected_session(run, symbol)}, which by the hour that is set is final at "
                f"{local_words(moment, exchange)}, after patience ends at "
                f"{local_words(ends, exchange)}",
                remedy=f"Set an earlier FACTORPRISM_PUBLISHED_AT_{exchange_of(symbol)}.",
            )


def _find_lacking(run: Run, symbol: str) -> tuple[str, ...]:
    """Return the values of the session's bar of `symbol` that the source does not give yet."""
    expected = _expected_session(run, symbol)
    first = run.config.calendar_of(symbol).offset(expected, -SESSIONS_BEFORE)
    try:
        pulls = list(run.ports.source.fetch_bars([symbol], first, expected))
    except EmptyResponse:
        return VALUES
    bars = pd.concat([pull.bars for pull in pulls]) if pulls else pd.DataFrame({"session": []})
    days = pd.to_datetime(bars["session"]).dt.date
    now, before = bars[days == expected], bars[days < expected]
    if now.empty:
        return VALUES
    wanted = [name for name in VALUES if before.empty or _is_given(before.iloc[-1][name])]
    return tuple(name for name in wanted if not _is_given(now.iloc[-1][name]))


def _is_given(value: float) -> bool:
    # An index trades every session: a volume of zero is none.
    return bool(np.isfinite(value)) and value != 0.0


def _expected_session(run: Run, symbol: str) -> date:
    """Return the session of `symbol` that the run's image ends with."""
    return session_read(run.config.calendar_of(symbol), run.calendar, run.session)
