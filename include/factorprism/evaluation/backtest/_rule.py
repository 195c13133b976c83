"""From the forecasts of past sessions to the position wanted at each session's open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from factorprism.targets import Column, compute_forward_returns

Sides = Literal["long_flat", "long_short"]
Sizing = Literal["threshold", "kelly"]
Holding = Literal["tranches", "latest"]

# Mean gains and losses of fewer matured moves than this say nothing of the next one.
LEAST_MOVES = 60


@dataclass(frozen=True)
class BacktestRule:
    """How a probability becomes a position, and what trading costs.

    Parameters
    ----------
    horizon
        Sessions that a forecast looks ahead.
    sides
        ``long_flat`` holds the index or cash; ``long_short`` also sells it short.
    sizing
        ``threshold``: the whole `cap` where y_prob > `threshold`, short the whole `cap` where
        1 - y_prob > `threshold`. ``kelly``: as `compute_signals` says, never beyond `cap`.
    holding
        ``tranches``: each forecast moves one `horizon`-th of the capital and is held `horizon`
        sessions, as long as it speaks of (Jegadeesh and Titman 1993, J. Finance 48, section I).
        ``latest``: the newest forecast moves all of it.
    cap
        Largest position as a share of equity, at most 1: nothing is borrowed to buy.
    cost_bps, slippage_bps
        Paid on the value of every trade, on each side of it.
    drift_tolerance
        A position that prices have moved further than this from what is wanted is traded back.
    """

    horizon: int = 14
    sides: Sides = "long_flat"
    sizing: Sizing = "threshold"
    holding: Holding = "tranches"
    threshold: float = 0.5
    kelly_fraction: float = 0.5
    cap: float = 1.0
    cost_bps: float = 3.0
    slippage_bps: float = 2.0
    drift_tolerance: float = 0.05

    def __post_init__(self) -> None:
        for name, allowed in (("sides", Sides), ("sizing", Sizing), ("holding", Holding)):
            if getattr(self, name) not in get_args(allowed):
                known = ", ".join(get_args(allowed))
                raise ValueError(f"{name}: {getattr(self, name)!r}, allowed are {known}")
        if self.horizon < 1:
            raise ValueError(f"horizon: {self.horizon}, allowed are positive whole numbers")
        least = 0.5 if self.sides == "long_short" else 0.0
        if not least <= self.threshold < 1.0:
            raise ValueError(f"threshold: {self.threshold}, allowed is [{least}, 1)")
        for name in ("kelly_fraction", "cap"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise ValueError(f"{name}: {getattr(self, name)}, allowed is (0, 1]")
        if not 0.0 <= self.drift_tolerance <= 1.0:
            raise ValueError(f"drift_tolerance: {self.drift_tolerance}, allowed is [0, 1]")
        for name in ("cost_bps", "slippage_bps"):
            if not 0.0 <= getattr(self, name) <= 1000.0:
                raise ValueError(f"{name}: {getattr(self, name)}, allowed is [0, 1000]")

    @property
    def cost_share(self) -> float:
        """The share of a trade's value that is paid for it, fees and slippage together."""
        return (self.cost_bps + self.slippage_bps) / 10_000.0


def compute_targets(closes: Column, y_prob: Column, rule: BacktestRule) -> Column:
    """Return the position wanted at each session's open as a share of equity, float64 [session].

    Row s reads forecasts and closes of sessions up to s - 1: a forecast is known after the close
    of its session and traded at the next open. A missing forecast (NaN) wants cash for its part.
    """
    signals = compute_signals(closes, y_prob, rule)
    known = np.concatenate(([0.0], signals[:-1]))
    if rule.holding == "latest":
        return known
    padded = np.concatenate((np.zeros(rule.horizon - 1), known))
    held: Column = np.lib.stride_tricks.sliding_window_view(padded, rule.horizon).mean(axis=1)
    return held


def compute_signals(closes: Column, y_prob: Column, rule: BacktestRule) -> Column:
    """Return the position that each session's own forecast asks for, in [-cap, cap], [session].

    ``kelly`` stakes `kelly_fraction` of y_prob / loss - (1 - y_prob) / gain, the stake of highest
    growth for a bet that wins `gain` or loses `loss` (Thorp 2006, The Kelly criterion, section 2);
    both are means of the moves known by then. 0 where y_prob or a mean is NaN.
    """
    if rule.sizing == "kelly":
        gains, losses = compute_move_sizes(closes, rule.horizon)
        stakes = rule.kelly_fraction * (y_prob / losses - (1.0 - y_prob) / gains)
    else:
        stakes = np.where(y_prob > rule.threshold, rule.cap, 0.0)
        if rule.sides == "long_short":
            stakes[1.0 - y_prob > rule.threshold] = -rule.cap
    lowest = -rule.cap if rule.sides == "long_short" else 0.0
    return np.clip(np.where(np.isnan(y_prob) | np.isnan(stakes), 0.0, stakes), lowest, rule.cap)


def compute_move_sizes(closes: Column, horizon: int) -> tuple[Column, Column]:
    """Return the mean gain and the mean loss over `horizon` sessions, both positive, [session].

    Row t averages the moves that ended by the close of t, all since the start; NaN before there
    are `LEAST_MOVES` of that direction.
    """
    moves = np.full(len(closes), np.nan)
    moves[horizon:] = compute_forward_returns(closes, horizon)[:-horizon]

    def average(chosen: npt.NDArray[np.bool_]) -> Column:
        counts = np.cumsum(chosen)
        totals = np.cumsum(np.where(chosen, np.abs(moves), 0.0))
        return np.where(counts < LEAST_MOVES, np.nan, totals / np.maximum(counts, 1))

    return average(moves > 0.0), average(moves < 0.0)
