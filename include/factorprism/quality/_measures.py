"""What Great Expectations judges: measures derived from bars, each as of its own session.

Every function is pure, keeps the rows of what it is given, and leaves NaN where there is too
little to measure. Row t reads no row after t.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from factorprism.core.calendar import TradingCalendar
from factorprism.core.schemas import BAR_PRICES

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
SEAM_JUMP = 5.0  # typical moves, from which on a jump is looked at for a seam
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


def measure_bars(
    bars: pd.DataFrame,
    history: pd.DataFrame,
    calendar: TradingCalendar,
    *,
    is_index: bool,
    others: Sequence[pd.DataFrame] = (),
) -> pd.DataFrame:
    """Return `bars` with the measures of `docs/quality.md` as further columns.

    `bars` and `history` are bar frames of one symbol, `history` ending before `bars` begins; it is
    only what moves, units and previous closes are compared with. `others` are the other
    indices of the market, a frame each: what they share is no jump, and no price is theirs.
    """
    joined = pd.concat([history, bars], ignore_index=True) if len(history) else bars
    measured = joined.copy().reset_index(drop=True)
    measured = _add_arithmetic(measured)
    measured = _add_moves(measured, calendar, is_index=is_index)
    measured = _add_jumps(measured, measure_market(others))
    measured = _add_units(measured)
    measured = _add_seams(measured)
    # A session without a volume is not distinguished from one whose volume is zero.
    measured["volume_given"] = measured["volume_shares"].fillna(0.0)
    measured["is_copy"] = _copies(measured, others)
    measured["identical_sessions"] = _identical_sessions(measured)
    for name in OPTIONAL_COLUMNS:
        # A column that the source never gave is no gap; one that it ceased to give is.
        measured[f"{name}_given"] = measured[name] if measured[name].notna().any() else 1.0
    return measured.iloc[len(history) :].reset_index(drop=True)


def measure_market(bars: Sequence[pd.DataFrame]) -> pd.Series | None:
    """Return the median of the signed jump scores of several indices, by session.

    `bars` are bar frames of one symbol each, any order; None without any. A day that is not held
    by an index has no vote of it.
    """
    scores = []
    for frame in bars:
        close = frame.drop_duplicates("session").set_index("session")["close"].sort_index()
        move = _log(_positive(close)).diff()
        scores.append(move / _typical_move(move, MOVE_FLOOR))
    return pd.concat(scores, axis=1).median(axis=1) if scores else None


def measure_calendar(
    bars: pd.DataFrame, sessions: np.typing.NDArray[np.datetime64]
) -> pd.DataFrame:
    """Return one row a day that is expected or held: `session`, `rows`, `is_expected`."""
    held = bars["session"].to_numpy().astype("datetime64[D]")
    days = np.union1d(held, sessions)
    return pd.DataFrame(
        {
            "session": days.astype("datetime64[us]"),
            "rows": np.bincount(np.searchsorted(days, held), minlength=len(days)),
            "is_expected": np.isin(days, sessions),
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


def _add_moves(bars: pd.DataFrame, calendar: TradingCalendar, *, is_index: bool) -> pd.DataFrame:
    close = _positive(bars["close"])
    previous = close.ffill().shift()
    gap = _sessions_since_previous(bars["session"], calendar)
    adjacent = close.shift().where(gap <= 1)
    # An index is never adjusted; a security's own previous close is set down on ex-rights days.
    reference = previous if is_index else bars["pre_close"].fillna(previous)
    # Over a hole of n sessions a move may be larger by the square root of n.
    move = _log(close / _positive(reference)) / np.sqrt(gap.clip(lower=1))
    expected_pct = 100.0 * (close / bars["pre_close"].fillna(adjacent) - 1.0)
    return bars.assign(
        log_return=move,
        typical_move=_typical_move(move, MOVE_FLOOR),
        pre_close_error=(bars["pre_close"] - adjacent).abs(),
        # Prices of 1 CNY are quoted to a tenth of a cent: their rounding weighs more.
        pct_chg_error=((bars["pct_chg"] - expected_pct).abs() - 0.05 / close).clip(lower=0),
    )


def _add_jumps(bars: pd.DataFrame, market: pd.Series | None) -> pd.DataFrame:
    """Add how far each move leaves its own past and the market, and whether it undoes the last."""
    score = bars["log_return"] / bars["typical_move"]
    back = _log(_positive(bars["close"])).diff(2).abs() / bars["typical_move"]
    undone = (score * score.shift() < 0.0) & (
        score.abs().clip(upper=score.shift().abs()) > SPIKE_JUMP
    )
    alone = score.abs()
    if market is not None:
        shared = (np.sign(score) * bars["session"].map(market)).clip(lower=0.0).fillna(0.0)
        alone = (alone - SHARED_FACTOR * shared).clip(lower=0.0)
    return bars.assign(jump_score=alone, comes_back=undone & (back < SPIKE_JUMP))


def _add_units(bars: pd.DataFrame) -> pd.DataFrame:
    volume, amount = _positive(bars["volume_shares"]), _positive(bars["amount_cny"])
    average_price = amount / volume
    log_volume = _log(volume) / LOG_10
    volume_jump = _over_trailing_median(log_volume)
    # A unit changes at once, a panic's volume grows over days.
    step = log_volume.diff().abs().rolling(SHIFT_SESSIONS, min_periods=1).max()
    outside = np.maximum(bars["low"] - average_price, average_price - bars["high"])
    return bars.assign(
        average_price_cny=average_price,
        average_price_jump_log10=_over_trailing_median(_log(average_price) / LOG_10),
        average_price_error=(outside / bars["close"]).clip(lower=0),
        volume_jump_log10=volume_jump,
        volume_shift_log10=_held_shift(volume_jump).clip(upper=step, lower=-step),
    )


def _add_seams(bars: pd.DataFrame) -> pd.DataFrame:
    # A jump alone may be a crash. Another instrument also has another average price of its
    # constituents, or a previous close that is not the one held.
    jump, level = bars["jump_score"], _log(bars["average_price_cny"] / _positive(bars["close"]))
    apart = level.diff()
    apart_score = apart.abs() / _typical_move(apart, AVERAGE_PRICE_FLOOR)
    parted = apart_score.where(jump > SEAM_JUMP, 0.0)
    held = _held_shift(_over_trailing_median(level))
    # The typical distance must end before the shift that is judged by it begins.
    typical = _typical_move(_over_trailing_median(level), LEVEL_FLOOR).shift(SHIFT_SESSIONS - 1)
    contradicted = bars["pre_close_error"] > CONTRADICTION * bars["close"]
    return bars.assign(
        seam_score=apart_score.clip(upper=jump),
        lone_seam=(apart_score / LONE_PARTING).clip(upper=jump / LONE_JUMP),
        # In a panic the two part by degrees, and it is the jump's own day that must part them.
        held_seam_score=(held.abs() / typical).clip(
            upper=parted.shift(SHIFT_SESSIONS - 1, fill_value=0.0)
        ),
        contradicted_jump_score=jump.where(contradicted),
    )


def _copies(bars: pd.DataFrame, others: Sequence[pd.DataFrame]) -> pd.Series:
    """Tell which rows are another index's, unless the two have long been one under two codes."""
    copied = pd.Series(False, index=bars.index)
    prices = list(BAR_PRICES)
    for other in others:
        theirs = other.drop_duplicates("session").set_index("session")[prices]
        equal = (bars[prices] == theirs.reindex(bars["session"]).to_numpy()).all(axis=1)
        alike = equal.rolling(COPY_SESSIONS, min_periods=1).mean().shift(fill_value=1.0)
        copied |= equal & (alike < 0.5)
    return copied.astype("float64")


def _identical_sessions(bars: pd.DataFrame) -> pd.Series:
    prices = bars[["open", "high", "low", "close"]]
    changed = (prices != prices.shift()).any(axis=1)
    return changed.groupby(changed.cumsum()).cumcount() + 1


def _typical_move(move: pd.Series, floor: float) -> pd.Series:
    trailing = move.abs().rolling(JUMP_WINDOW, min_periods=JUMP_MIN_SESSIONS).median().shift()
    return (MAD_TO_SIGMA * trailing).clip(lower=floor)


def _over_trailing_median(values: pd.Series) -> pd.Series:
    return values - values.rolling(UNIT_WINDOW, min_periods=UNIT_MIN_SESSIONS).median().shift()


def _held_shift(jump: pd.Series) -> pd.Series:
    least, most = jump.rolling(SHIFT_SESSIONS).min(), jump.rolling(SHIFT_SESSIONS).max()
    return least.clip(lower=0) + most.clip(upper=0)


def _sessions_since_previous(sessions: pd.Series, calendar: TradingCalendar) -> pd.Series:
    days = sessions.to_numpy().astype("datetime64[D]")
    positions = pd.Series(np.searchsorted(calendar.session_days, days), index=sessions.index)
    return positions.diff()


def _log(values: pd.Series) -> pd.Series:
    return pd.Series(np.log(values.to_numpy()), index=values.index)


def _positive(values: pd.Series) -> pd.Series:
    return values.where(values > 0)
