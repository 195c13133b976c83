"""What Great Expectations checks: measures derived from bars, each as of its own session.

Frames hold the rows of many subjects, ascending by (`subject`, `session`), under an index that
counts them; a measure never reaches from one subject into the next. Every function is pure, keeps
the rows of what it is given, and leaves NaN where there is too little to measure. Row t reads no
row after t.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd

from factorprism.core.arrays import DayArray
from factorprism.market.bars import BAR_PRICES
from factorprism.quality._segments import IntArray, Segments

JUMP_WINDOW = 250  # trailing sessions that a move is compared with
JUMP_MIN_SESSIONS = 20
UNIT_WINDOW = 20  # trailing sessions that volume and average price are compared with
UNIT_MIN_SESSIONS = 5
SHIFT_SESSIONS = 3  # sessions that a new volume scale must hold
# A quiet year must not make an ordinary day look like a jump: least typical daily move.
MOVE_FLOOR = 0.005
AVERAGE_PRICE_FLOOR = 0.002
LEVEL_FLOOR = 0.01
CONTRADICTION = 0.01  # of the close, between it and the pre_close that follows
SEAM_JUMP = 5.0  # typical moves, from which on a jump is checked for a seam
# On one day alone only what no market does: a jump of so many typical moves, and a parting of
# amount over volume from the index of so many typical ones.
LONE_JUMP, LONE_PARTING = 20.0, 8.0
COPY_SESSIONS = 60  # before a row that equals another index's: were they alike then, too?
SPIKE_JUMP = 5.0  # typical moves, there and back
# Indices of one market differ in how far they move: what another one moves, times this, is shared.
SHARED_FACTOR = 2.0
# Two prices of one moment, each quoted to its own last digit, may differ by it: a cent of a price
# of 100 or more, and never less than this ratio.
QUOTE_UNIT = 0.0101
QUOTE_RATIO_MIN, QUOTE_RATIO_MAX = 2e-5, 1e-4
MAD_TO_SIGMA = 1.4826
LOG_10 = math.log(10.0)
OPTIONAL_COLUMNS = ("amount_cny", "pre_close", "pct_chg")
PRICES = list(BAR_PRICES)
# More days than any subject's rows are apart; a number for (subject, day) is made by it.
DAY_SPAN = 2**24

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


def measure_bars(
    bars: pd.DataFrame, gaps: FloatArray, market: FloatArray, is_index: BoolArray
) -> pd.DataFrame:
    """Return `bars` with the measures of `docs/quality.md` as further columns.

    `bars` are those of a pull with what is held before it, one subject each. By row: `gaps` counts
    the sessions since the row before, `market` is the jump that the others of the session share,
    and `is_index` tells an index from a share or fund; what is asked of one kind alone is NaN for
    the other. The measure of copies is `find_copies`.
    """
    segments = Segments(bars["subject"].to_numpy())
    measured = _add_arithmetic(bars)
    measured = _add_moves(measured, segments, pd.Series(gaps), is_index)
    measured = _add_jumps(measured, segments, pd.Series(market))
    measured = _add_units(measured, segments)
    # A session without a volume is not distinguished from one whose volume is zero.
    measured["volume_given"] = measured["volume_shares"].fillna(0.0)
    changed = (bars[PRICES].to_numpy() != bars[PRICES].shift().to_numpy()).any(axis=1)
    measured["identical_sessions"] = segments.count_alike(changed)
    outside = measured["average_price_error"].mask(is_index)
    return measured.assign(average_price_error=outside).join(_measure_indices(measured[is_index]))


def _measure_indices(measured: pd.DataFrame) -> pd.DataFrame:
    """Return what is asked of indices alone, by the rows of `measured`."""
    rows = measured.reset_index(drop=True)
    segments = Segments(rows["subject"].to_numpy())
    average = _log(rows["average_price_cny"]) / LOG_10
    jump = {"average_price_jump_log10": _over_trailing_median(average, segments)}
    return pd.DataFrame(jump | _measure_seams(rows, segments)).set_index(measured.index)


def measure_given(bars: pd.DataFrame, is_pulled: BoolArray) -> pd.DataFrame:
    """Return for each subject which share of its pulled rows each optional column is given on.

    A column that the source never gave is no gap; one that it ceased to give is.
    """
    names = list(OPTIONAL_COLUMNS)
    given = bars[names].notna().groupby(bars["subject"])
    pulled = bars.loc[is_pulled, names].notna().groupby(bars.loc[is_pulled, "subject"])
    ratios: pd.DataFrame = pulled.mean().where(given.any(), 1.0)
    return ratios.add_suffix("_given_ratio").reset_index(drop=True)


def score_market(held: pd.DataFrame) -> FloatArray:
    """Return the signed jump of each row of `held`, in its symbol's own typical moves."""
    segments = Segments(held["subject"].to_numpy())
    move = segments.diff(_log(_positive(held["close"])))
    scores: FloatArray = (move / _typical_move(move, MOVE_FLOOR, segments)).to_numpy()
    return scores


def share_market(
    scores: FloatArray, days: IntArray, symbols: IntArray, at_days: IntArray, at_symbols: IntArray
) -> FloatArray:
    """Return the median score of all other symbols on each of `at_days`, NaN without any.

    `scores` are of (`symbols`, `days`), ascending; a day that is not held by a symbol has no vote
    of it.
    """
    votes = np.flatnonzero(~np.isnan(scores) & np.isin(days, at_days))
    order = votes[np.lexsort((scores[votes], days[votes]))]
    index = np.full(len(scores) + 1, -1)
    index[order] = np.arange(len(order))
    begin = np.searchsorted(days[order], at_days)
    n_votes = np.searchsorted(days[order], at_days, side="right") - begin
    own = index[_find_rows(symbols, days, at_symbols, at_days)]
    n_others = n_votes - (own >= 0)
    ranked = np.append(scores[order], np.nan)

    def vote(rank: IntArray) -> FloatArray:
        at = begin + rank
        at = np.where((own >= 0) & (at >= own), at + 1, at)
        return ranked[np.where(n_others > 0, at, len(order))]

    return (vote((n_others - 1) // 2) + vote(n_others // 2)) / 2.0


def _find_rows(
    symbols: IntArray, days: IntArray, at_symbols: IntArray, at_days: IntArray
) -> IntArray:
    """Return the row of each (symbol, day) among (`symbols`, `days`), ascending, or -1."""
    keys, wanted = make_keys(symbols, days), make_keys(at_symbols, at_days)
    rows = np.searchsorted(keys, wanted)
    found = np.append(keys, -1)[rows] == wanted
    return np.where(found, rows, -1)


def make_keys(subjects: IntArray | int, days: IntArray) -> IntArray:
    """Return one number for each (subject, day), by which both can be ordered and found."""
    keys: IntArray = subjects * DAY_SPAN + days + DAY_SPAN // 2
    return keys


def measure_calendar(held: IntArray, expected: IntArray) -> pd.DataFrame:
    """Return one row for each (subject, day) that is expected or held, both as `make_keys` gives.

    Columns: `subject`, `session`, `rows` that are held, `is_expected`.
    """
    keys = np.union1d(held, expected)
    days = (keys % DAY_SPAN - DAY_SPAN // 2).astype("datetime64[D]")
    return pd.DataFrame(
        {
            "subject": keys // DAY_SPAN,
            "session": days.astype("datetime64[us]"),
            "rows": np.bincount(np.searchsorted(keys, held), minlength=len(keys)),
            "is_expected": np.isin(keys, expected),
        }
    )


def _add_arithmetic(bars: pd.DataFrame) -> pd.DataFrame:
    top = bars[["open", "close"]].max(axis=1)
    bottom = bars[["open", "close"]].min(axis=1)
    margin = (QUOTE_UNIT / _positive(bars["close"])).clip(QUOTE_RATIO_MIN, QUOTE_RATIO_MAX)
    return bars.assign(
        high_margin=_beyond(bars["high"] / top - 1.0, margin),
        low_margin=_beyond(1.0 - bars["low"] / bottom, margin),
        range_margin=_beyond(bars["high"] / bars["low"] - 1.0, margin),
    )


def _beyond(difference: pd.Series, tolerance: pd.Series) -> pd.Series:
    """Return zero in place of what lies within `tolerance` below zero."""
    return difference.where(~((difference < 0.0) & (difference >= -tolerance)), 0.0)


def _add_moves(
    bars: pd.DataFrame, segments: Segments, gap: pd.Series, is_index: BoolArray
) -> pd.DataFrame:
    close = _positive(bars["close"])
    previous = segments.shift(segments.ffill(close))
    adjacent = segments.shift(close).where(gap <= 1)
    # An index is never adjusted; a security's own previous close is set down on ex-rights days.
    reference = previous.where(is_index, bars["pre_close"].fillna(previous))
    # Over a hole of n sessions a move may be larger by the square root of n.
    move = _log(close / _positive(reference)) / np.sqrt(gap.clip(lower=1))
    expected_pct = 100.0 * (close / bars["pre_close"].fillna(adjacent) - 1.0)
    return bars.assign(
        log_return=move,
        typical_move=_typical_move(move, MOVE_FLOOR, segments),
        pre_close_error=(bars["pre_close"] - adjacent).abs(),
        # Prices of 1 CNY are quoted to a tenth of a cent: their rounding weighs more.
        pct_chg_error=((bars["pct_chg"] - expected_pct).abs() - 0.05 / close).clip(lower=0),
    )


def _add_jumps(bars: pd.DataFrame, segments: Segments, market: pd.Series) -> pd.DataFrame:
    """Add how far each move leaves its own past and the market, and whether it undoes the last."""
    score = bars["log_return"] / bars["typical_move"]
    before = segments.shift(score)
    back = segments.diff(_log(_positive(bars["close"])), 2).abs() / bars["typical_move"]
    undone = (score * before < 0.0) & (score.abs().clip(upper=before.abs()) > SPIKE_JUMP)
    shared = (np.sign(score) * market).clip(lower=0.0).fillna(0.0)
    alone = (score.abs() - SHARED_FACTOR * shared).clip(lower=0.0)
    return bars.assign(jump_score=alone, comes_back=undone & (back < SPIKE_JUMP))


def _add_units(bars: pd.DataFrame, segments: Segments) -> pd.DataFrame:
    volume, amount = _positive(bars["volume_shares"]), _positive(bars["amount_cny"])
    average_price = amount / volume
    log_volume = _log(volume) / LOG_10
    volume_jump = _over_trailing_median(log_volume, segments)
    # A unit changes at once, a panic's volume grows over days.
    changes = segments.diff(log_volume).abs()
    step = segments.rolling(changes, SHIFT_SESSIONS, min_periods=1).max()
    outside = np.maximum(bars["low"] - average_price, average_price - bars["high"])
    return bars.assign(
        average_price_cny=average_price,
        average_price_error=(outside / bars["close"]).clip(lower=0),
        volume_jump_log10=volume_jump,
        volume_shift_log10=_held_shift(volume_jump, segments).clip(upper=step, lower=-step),
    )


def _measure_seams(bars: pd.DataFrame, segments: Segments) -> dict[str, pd.Series]:
    # A jump alone may be a crash. Another instrument also has another average price of its
    # constituents, or a previous close that is not the one held.
    jump, level = bars["jump_score"], _log(bars["average_price_cny"] / _positive(bars["close"]))
    apart = segments.diff(level)
    apart_score = apart.abs() / _typical_move(apart, AVERAGE_PRICE_FLOOR, segments)
    parted = apart_score.where(jump > SEAM_JUMP, 0.0)
    off_median = _over_trailing_median(level, segments)
    held = _held_shift(off_median, segments)
    # The typical distance must end before the shift that is checked by it begins.
    typical = segments.shift(_typical_move(off_median, LEVEL_FLOOR, segments), SHIFT_SESSIONS - 1)
    contradicted = bars["pre_close_error"] > CONTRADICTION * bars["close"]
    return {
        "seam_score": apart_score.clip(upper=jump),
        "lone_seam": (apart_score / LONE_PARTING).clip(upper=jump / LONE_JUMP),
        # In a panic the two part by degrees, and it is the jump's own day that must part them.
        "held_seam_score": (held.abs() / typical).clip(
            upper=segments.shift(parted, SHIFT_SESSIONS - 1, fill=0.0)
        ),
        "contradicted_jump_score": jump.where(contradicted),
    }


def find_copies(bars: pd.DataFrame, symbols: IntArray, held: pd.DataFrame) -> FloatArray:
    """Tell (1.0) which rows are another symbol's, unless the two have long been one.

    `symbols` are those of `bars`, by row, as numbers; `held` has its own as ``subject``.
    """
    copied = np.zeros(len(bars))
    rows = bars[["subject", "session", *PRICES]].assign(symbol=symbols, row=np.arange(len(bars)))
    theirs = held.loc[held["close"].isin(bars["close"]), ["subject", "session", *PRICES]].dropna()
    alike = rows.merge(theirs, on=["session", *PRICES], suffixes=("", "_other"))
    alike = alike[alike["symbol"] != alike["subject_other"]]
    for (subject, _), pairs in alike.groupby(["subject", "subject_other"]):
        own = np.flatnonzero(rows["subject"] == subject)
        equal = pd.Series(np.isin(own, pairs["row"]))
        long_alike = equal.rolling(COPY_SESSIONS, min_periods=1).mean().shift(fill_value=1.0)
        copied[own[(equal & (long_alike < 0.5)).to_numpy()]] = 1.0
    return copied


def _typical_move(move: pd.Series, floor: float, segments: Segments) -> pd.Series:
    trailing = segments.rolling(move.abs(), JUMP_WINDOW, min_periods=JUMP_MIN_SESSIONS).median()
    return (MAD_TO_SIGMA * segments.shift(trailing)).clip(lower=floor)


def _over_trailing_median(values: pd.Series, segments: Segments) -> pd.Series:
    trailing = segments.rolling(values, UNIT_WINDOW, min_periods=UNIT_MIN_SESSIONS).median()
    return values - segments.shift(trailing)


def _held_shift(jump: pd.Series, segments: Segments) -> pd.Series:
    window = segments.rolling(jump, SHIFT_SESSIONS, min_periods=SHIFT_SESSIONS)
    shift: pd.Series = window.min().clip(lower=0) + window.max().clip(upper=0)
    return shift


def count_sessions_since(subject: IntArray, days: DayArray, session_days: DayArray) -> FloatArray:
    """Return how many of `session_days` lie between a row and the one before of its subject."""
    positions = pd.Series(np.searchsorted(session_days, days))
    gaps: FloatArray = Segments(subject).diff(positions.astype("float64")).to_numpy()
    return gaps


def _log(values: pd.Series) -> pd.Series:
    return pd.Series(np.log(values.to_numpy()), index=values.index)


def _positive(values: pd.Series) -> pd.Series:
    return values.where(values > 0)
