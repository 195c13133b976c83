"""Revisions that reach beyond what was asked for again: pulled back until a session agrees."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd

from factorprism.core.calendar import calendar_of
from factorprism.core.schemas import BAR_PRICES, Pull, make_bars
from factorprism.pipelines._run import Run
from factorprism.quality import blank_untraded

# So many sessions in common must agree on a ratio, before it is called one.
RATIO_SESSIONS = 2
# Prices are quoted to a digit, so that their ratio is known no better than this: a ratio, and half
# a cent and a bit.
RATIO_TOLERANCE, HALF_QUOTE = 2e-4, 0.006


def reach_back(run: Run, symbol: str, pulls: list[Pull]) -> list[Pull]:
    """Return `pulls` with what lies before them, where their oldest session was revised.

    The reach is doubled until a session agrees with what is held or its history begins; prices
    that all differ by one ratio are pulled whole at once. What was pulled further back is one
    pull with the rest, so that it is judged and merged as one series.
    """
    extent = run.ports.warehouse.bars.load_extent(symbol)
    if extent is None or not pulls:
        return pulls
    begin = max(extent[0], run.ports.source.first_session(symbol))
    calendar, n_sessions, asked = calendar_of(symbol), run.config.repull_sessions, pulls
    while pulls[0].first > begin and is_oldest_revised(run, join_pulls(pulls)):
        n_sessions = 2 * max(n_sessions, 1)
        first = begin
        if find_ratio(run, join_pulls(pulls)) is None:
            known = calendar.sessions(begin, pulls[0].first)
            first = known[max(len(known) - 1 - n_sessions, 0)].astype(date)
        run.tell(f"{symbol}: {pulls[0].first} was revised, so older sessions are asked for again")
        before = pulls[0].first - timedelta(days=1)
        pulls = [*run.ports.source.fetch_bars([symbol], first, before), *pulls]
    return pulls if pulls is asked else [join_pulls(pulls)]


def join_pulls(pulls: list[Pull]) -> Pull:
    """Return adjoining pulls of one symbol as one, fetched when the last of them was."""
    if len(pulls) == 1:
        return pulls[0]
    bars = make_bars(pd.concat([pull.bars for pull in pulls], ignore_index=True))
    first, last = min(pull.first for pull in pulls), max(pull.last for pull in pulls)
    return replace(pulls[-1], first=first, last=last, bars=bars, pull_id=None)


def is_oldest_revised(run: Run, pull: Pull) -> bool:
    """Tell whether the oldest session of `pull` that is held differs from what is held."""
    held, new = _in_common(run, pull)
    if held.empty:
        return False
    old, fresh = held.iloc[0], new.iloc[0]
    return bool(((old != fresh) & ~(old.isna() & fresh.isna())).any())


def find_ratio(run: Run, pull: Pull) -> float | None:
    """Return by which ratio the prices of `pull` stand above those held, where it is one ratio.

    None where the two agree, or differ by more than one ratio.
    """
    held, new = (frame[list(BAR_PRICES)] for frame in _in_common(run, pull))
    if len(held) < RATIO_SESSIONS:
        return None
    ratios = (new / held).to_numpy(dtype=np.float64)
    tolerance = RATIO_TOLERANCE + HALF_QUOTE / held.to_numpy(dtype=np.float64)
    ratio = float(np.nanmedian(ratios))
    is_one = bool((np.abs(ratios - 1.0) <= tolerance).any())
    is_constant = bool((np.abs(ratios / ratio - 1.0) <= tolerance).all())
    return ratio if is_constant and not is_one else None


def find_unreached(run: Run, pull: Pull) -> tuple[date, ...]:
    """Return the held sessions that `pull` does not give anew."""
    extent = run.ports.warehouse.bars.load_extent(pull.symbol)
    if extent is None:
        return ()
    held = run.ports.warehouse.bars.load_held_bars(pull.symbol, *extent).days
    given = pull.bars["session"].to_numpy().astype("datetime64[D]")
    unreached: list[date] = np.setdiff1d(held, given).tolist()
    return tuple(unreached)


def _in_common(run: Run, pull: Pull) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the values held and those of `pull`, for the sessions that both have."""
    held = run.ports.warehouse.bars.load_bars([pull.symbol], pull.first, pull.last)
    new = blank_untraded(pull.bars.drop_duplicates("session", keep="last"))
    frames = [frame.set_index("session").drop(columns="symbol") for frame in (held, new)]
    common = frames[0].index.intersection(frames[1].index)
    return frames[0].loc[common], frames[1].loc[common]
