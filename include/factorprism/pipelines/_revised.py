"""Revisions that reach beyond what was asked for again: pulled back until a session agrees."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from factorprism.core.calendar import calendar_of
from factorprism.core.schemas import BAR_PRICES, Pull, make_bars
from factorprism.pipelines._run import Run
from factorprism.quality import blank_untraded

# A history agrees where so many of its oldest sessions do: one may by the rounding of its quotes.
OLDEST = 3
# Of a rebased session all four prices move together: by one ratio, or by one sum, which are alike
# to a fifth for any range of a day. Quotes end at a digit, so half a cent and a bit is no move.
TOGETHER = 0.2
RATIO_TOLERANCE, HALF_QUOTE = 1e-5, 0.006


def reach_back(run: Run, symbol: str, pulls: list[Pull]) -> list[Pull]:
    """Return `pulls` with what lies before them, where their oldest sessions were revised.

    The reach is doubled until the oldest sessions agree with what is held or its history begins;
    where prices are rebased, all is pulled at once. What was pulled further back is one pull with
    the rest, so that it is judged and merged as one series.
    """
    extent = run.ports.warehouse.bars.load_extent(symbol)
    if extent is None or not pulls:
        return pulls
    begin = max(extent[0], run.ports.source.first_session(symbol))
    calendar, n_sessions, asked = calendar_of(symbol), run.config.repull_sessions, pulls
    while pulls[0].first > begin:
        joined = join_pulls(pulls)
        is_rebased = bool(find_ratios(run, joined).size)
        if not is_rebased and not is_oldest_revised(run, joined):
            break
        n_sessions = 2 * max(n_sessions, 1)
        known = calendar.sessions(begin, pulls[0].first)
        first = known[max(len(known) - 1 - n_sessions, 0)].astype(date)
        if is_rebased:
            first = begin
        run.tell(f"{symbol}: {pulls[0].first} or later was revised, so older are asked for again")
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
    """Tell whether one of the oldest sessions of `pull` that are held differs from what is held."""
    old, fresh = (frame.head(OLDEST) for frame in _in_common(run, pull))
    return bool(((old != fresh) & ~(old.isna() & fresh.isna())).to_numpy().any())


def find_ratios(run: Run, pull: Pull) -> npt.NDArray[np.float64]:
    """Return by which ratio each rebased session of `pull` stands above what is held.

    A session is rebased where its four prices have moved together, which no correction of a value
    does. One session is enough; the ratios of several may differ, as those of prices that are
    adjusted for each dividend do.
    """
    return _measure_ratios(*_in_common(run, pull))


def is_same_base(held: Pull, new: Pull) -> bool:
    """Tell whether no session that both pulls have is rebased from one to the other."""
    return not _measure_ratios(*_align(held.bars, new.bars)).size


def _measure_ratios(held_bars: pd.DataFrame, new_bars: pd.DataFrame) -> npt.NDArray[np.float64]:
    held, new = (bars[list(BAR_PRICES)].to_numpy(np.float64) for bars in (held_bars, new_bars))
    if not len(held):
        return np.empty(0)
    # A price of zero, which no gate lets in, would stand for no ratio.
    held = np.where(held > 0.0, held, np.nan)
    moves = new / held - 1.0
    usual = np.median(moves, axis=1, keepdims=True)
    quoted = (RATIO_TOLERANCE + HALF_QUOTE / held) * np.maximum(1.0 + usual, 1.0)
    together = np.abs(moves - usual) <= TOGETHER * np.abs(usual) + quoted
    has_moved = np.abs(usual) > quoted
    is_rebased = (together & has_moved).all(axis=1)
    ratios: npt.NDArray[np.float64] = 1.0 + usual[is_rebased, 0]
    return ratios


def tell_ratios(ratios: npt.NDArray[np.float64]) -> str:
    """Return the ratio in words, or the least and the greatest of several."""
    least, greatest = f"{ratios.min():.4g}", f"{ratios.max():.4g}"
    return least if least == greatest else f"{least} to {greatest}"


def is_mostly_rebased(run: Run, pull: Pull) -> bool:
    """Tell whether more than half of the sessions of `pull` that are held are rebased."""
    return 2 * find_ratios(run, pull).size > len(_in_common(run, pull)[0])


def find_witness(run: Run, symbol: str, first: date, last: date) -> date | None:
    """Return the held session nearest to [`first`, `last`], where none within is held.

    Only a session that is held and given anew shows whether both stand on one base.
    """
    extent = run.ports.warehouse.bars.load_extent(symbol)
    if extent is None:
        return None
    held = run.ports.warehouse.bars.load_held_bars(symbol, *extent).days
    before, after = held[held < np.datetime64(first)], held[held > np.datetime64(last)]
    if len(before) + len(after) < len(held):
        return None
    nearest: date = (before[-1] if len(before) else after[0]).astype(date)
    return nearest


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
    return _align(held, blank_untraded(pull.bars.drop_duplicates("session", keep="last")))


def _align(held: pd.DataFrame, new: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    frames = [frame.set_index("session").drop(columns="symbol") for frame in (held, new)]
    common = frames[0].index.intersection(frames[1].index)
    return frames[0].loc[common], frames[1].loc[common]
