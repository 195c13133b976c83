"""Evaluates pulls against what is held: refuses whole pulls, sets rows with a fault aside."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from itertools import groupby

import numpy as np
import pandas as pd

from factorprism.core.arrays import as_days
from factorprism.core.calendar import TradingCalendar, calendar_for, exchange_of
from factorprism.core.errors import QualityError
from factorprism.market.bars import Pull, empty_bars
from factorprism.pipelines._revisions import (
    find_ratios,
    find_uncovered,
    is_mostly_rebased,
    join_pulls,
    tell_ratios,
)
from factorprism.pipelines._run import Run
from factorprism.pipelines._set_aside import (
    advise_on,
    join_advice,
    keep_aside,
    leave_out,
    require_few,
)
from factorprism.quality import HISTORY_DAYS, Sorted, Verdicts, require, sort_out


def load_around(run: Run, pulls: Sequence[Pull]) -> pd.DataFrame:
    """Return what is held around `pulls`, of their symbols and of the universe's."""
    if not pulls:
        return empty_bars()
    first = min(pull.first for pull in pulls) - timedelta(days=HISTORY_DAYS)
    last = max(pull.last for pull in pulls)
    symbols = {*run.universe.channels, *(pull.symbol for pull in pulls)}
    return run.ports.warehouse.bars.load_bars(sorted(symbols), first, last)


def split_by_symbol(held: pd.DataFrame) -> Mapping[str, pd.DataFrame]:
    """Return the bars of each symbol, none of one that is not held."""
    return defaultdict(empty_bars, {str(name): bars for name, bars in held.groupby("symbol")})


def join_rebased(
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


def settle_calendars(pulls: Sequence[Pull]) -> dict[str, TradingCalendar]:
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


def lay_over(held: pd.DataFrame, trusted: Sequence[Pull]) -> pd.DataFrame:
    """Return what is held, and over it what `trusted` pulls give of the symbols asked for.

    A row that was at fault before, and is asked for again, is nothing to compare others with.
    """
    frames = [held, *(pull.bars for pull in trusted)]
    asked = np.repeat([pull.symbol for pull in trusted], [len(pull.bars) for pull in trusted])
    joined = pd.concat(frames, ignore_index=True)
    owned = joined["symbol"].to_numpy(object) == np.append(held["symbol"].to_numpy(object), asked)
    laid: pd.DataFrame = joined[owned].drop_duplicates(["symbol", "session"], keep="last")
    return laid


def evaluate_pulls(
    run: Run,
    pulls: Sequence[Pull],
    verdicts: Verdicts,
    held: Mapping[str, pd.DataFrame],
    again: Collection[int],
) -> dict[int, QualityError]:
    """Keep what was found in each pull; return why pulls are refused, by their numbers."""
    refused: dict[int, QualityError] = {}
    accepted = _load_accepted(run, pulls)
    for pull, results in zip(pulls, verdicts.of, strict=True):
        assert pull.pull_id is not None
        found = sort_out(results, accepted.get(pull.symbol, frozenset()))
        run.ports.warehouse.findings.save_findings(pull.pull_id, found.findings)
        try:
            _evaluate_pull(run, pull, found, held[pull.symbol], is_again=pull.pull_id in again)
        except QualityError as error:
            refused[pull.pull_id] = error
    return refused


def _load_accepted(run: Run, pulls: Sequence[Pull]) -> dict[str, set[tuple[str, ...]]]:
    """Return by symbol the keys of what a person has accepted."""
    symbols = sorted({pull.symbol for pull in pulls})
    accepted: dict[str, set[tuple[str, ...]]] = {}
    for word in run.ports.warehouse.findings.list_accepted(symbols):
        accepted.setdefault(word.finding.symbol, set()).update(word.finding.keys)
    return accepted


def _evaluate_pull(
    run: Run, pull: Pull, found: Sorted, held: pd.DataFrame, *, is_again: bool
) -> None:
    """Set the faulty rows of `pull` aside; raises `QualityError` where it is to be refused."""
    if is_mostly_rebased(held, pull):  # before the faults that the rules find on the new base
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
    uncovered = find_uncovered(run, pull) if ratios.size else ()
    if uncovered:
        extent = run.ports.warehouse.bars.load_extent(pull.symbol)
        assert extent is not None
        raise QualityError(
            f"{pull.symbol}: the source has rebased or adjusted its prices by "
            f"{tell_ratios(ratios)}, and {len(uncovered)} held sessions from "
            f"{uncovered[0]} to {uncovered[-1]} are not among those that it "
            "gives anew; a series of two bases is not held",
            failures=[f"{pull.symbol}: prices rebased by {tell_ratios(ratios)}."],
            remedy=f"Let the source give all of them: factorprism backfill --start {extent[0]} "
            f"--end {max(extent[1], pull.last)} --symbol {pull.symbol} --signal {run.signal.name}.",
        )


def join_errors(errors: Sequence[QualityError]) -> QualityError:
    """Return one error with the messages, failures and advice of all."""
    return QualityError(
        "; ".join(error.message for error in errors),
        failures=[failure for error in errors for failure in error.failures],
        remedy=join_advice([error.remedy for error in errors]),
    )
