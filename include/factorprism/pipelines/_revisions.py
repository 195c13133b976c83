"""Revisions that reach beyond what was asked for again: pulled back until a session agrees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from factorprism.core.arrays import DayArray
from factorprism.core.calendar import calendar_of
from factorprism.market.bars import BAR_PRICES, BAR_VALUES, Pull, make_bars
from factorprism.pipelines._run import Run
from factorprism.quality import blank_untraded

# A history agrees where so many of its oldest sessions do: one may by the rounding of its quotes.
OLDEST = 3
# Of a rebased session all four prices move together: by one ratio, or by one sum, which are alike
# to a fifth for any range of a day. Quotes end at a digit, so half a cent and a bit is no move.
TOGETHER = 0.2
RATIO_TOLERANCE, HALF_QUOTE = 1e-5, 0.006

Values = npt.NDArray[np.float64]


def pull_further_back(run: Run, symbol: str, pulls: list[Pull]) -> list[Pull]:
    """Return `pulls` with what lies before them, where their oldest sessions were revised.

    The range is doubled until the oldest sessions agree with what is held or its history begins;
    where prices are rebased, all is pulled at once. What was pulled further back is one pull with
    the rest, so that it is checked and merged as one series.
    """
    extent = run.ports.warehouse.bars.load_extent(symbol)
    if extent is None or not pulls:
        return pulls
    begin = max(extent[0], run.ports.source.first_session(symbol))
    calendar, n_sessions, asked = calendar_of(symbol), run.config.repull_sessions, pulls
    while pulls[0].first > begin:
        joined = join_pulls(pulls)
        held = load_held(run, joined)
        is_rebased = bool(find_ratios(held, joined).size)
        if not is_rebased and not is_oldest_revised(held, joined):
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


def load_held(run: Run, pull: Pull) -> pd.DataFrame:
    """Return the bars held of what `pull` gives anew."""
    return run.ports.warehouse.bars.load_bars([pull.symbol], pull.first, pull.last)


def is_oldest_revised(held: pd.DataFrame, pull: Pull) -> bool:
    """Tell whether one of the oldest sessions of `pull` that are held differs from what is held."""
    new = blank_untraded(pull.bars.drop_duplicates("session", keep="last"))
    old, fresh = (values[:OLDEST] for values in _align(held, new, BAR_VALUES))
    return bool(((old != fresh) & ~(np.isnan(old) & np.isnan(fresh))).any())


def find_ratios(held: pd.DataFrame, pull: Pull) -> Values:
    """Return by which ratio each rebased session of `pull` stands above what is `held`.

    `held` are bars of the same symbol, more of them or less. A session is rebased where its four
    prices have moved together, which no correction of a value does. One session is enough; the
    ratios of several may differ, as those of prices that are adjusted for each dividend do.
    """
    return _measure_ratios(*_align(held, pull.bars, BAR_PRICES))


def is_same_base(held: Pull, new: Pull) -> bool:
    """Tell whether no session that both pulls have is rebased from one to the other."""
    return not find_ratios(held.bars, new).size


def _measure_ratios(held: Values, new: Values) -> Values:
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
    ratios: Values = 1.0 + usual[is_rebased, 0]
    return ratios


def tell_ratios(ratios: Values) -> str:
    """Return the ratio in words, or the least and the greatest of several."""
    least, greatest = f"{ratios.min():.4g}", f"{ratios.max():.4g}"
    return least if least == greatest else f"{least} to {greatest}"


def is_mostly_rebased(held: pd.DataFrame, pull: Pull) -> bool:
    """Tell whether more than half of the sessions of `pull` that are `held` are rebased."""
    old, fresh = _align(held, pull.bars, BAR_PRICES)
    return 2 * _measure_ratios(old, fresh).size > len(old)


def find_held_day(run: Run, symbol: str, first: date, last: date) -> date | None:
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


def find_uncovered(run: Run, pull: Pull) -> tuple[date, ...]:
    """Return the held sessions that `pull` does not give anew."""
    extent = run.ports.warehouse.bars.load_extent(pull.symbol)
    if extent is None:
        return ()
    held = run.ports.warehouse.bars.load_held_bars(pull.symbol, *extent).days
    given = pull.bars["session"].to_numpy().astype("datetime64[D]")
    uncovered: list[date] = np.setdiff1d(held, given).tolist()
    return tuple(uncovered)


def _align(held: pd.DataFrame, new: pd.DataFrame, columns: Sequence[str]) -> tuple[Values, Values]:
    """Return the values of `columns` for the sessions that both have, of several the last."""
    held_days, new_days = held["session"].to_numpy(), new["session"].to_numpy()
    held_rows, new_rows = _last_rows(held_days), _last_rows(new_days)
    _, of_held, of_new = np.intersect1d(
        held_days[held_rows], new_days[new_rows], assume_unique=True, return_indices=True
    )
    return (
        held[list(columns)].to_numpy(np.float64)[held_rows[of_held]],
        new[list(columns)].to_numpy(np.float64)[new_rows[of_new]],
    )


def _last_rows(days: DayArray) -> npt.NDArray[np.intp]:
    """Return the last row of each day, ascending by day."""
    _, from_end = np.unique(days[::-1], return_index=True)
    rows: npt.NDArray[np.intp] = len(days) - 1 - from_end
    return rows
