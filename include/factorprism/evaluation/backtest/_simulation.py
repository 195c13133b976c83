"""The simulation that trades towards wanted positions at each open and pays for it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from factorprism.targets import Column

Days = npt.NDArray[np.datetime64]

# Differences of sums that are equal on paper.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Prices:
    """Open and close of the target on its sessions, each float64 [session], positive or NaN.

    A session without both prices is one without a trade: its order waits for the next one.
    Raises ``ValueError`` for other shapes, values or an order of sessions that is not ascending.
    """

    sessions: Days = field(repr=False)
    opens: Column = field(repr=False)
    closes: Column = field(repr=False)

    def __post_init__(self) -> None:
        for name in ("opens", "closes"):
            values = getattr(self, name)
            if values.shape != self.sessions.shape or values.ndim != 1:
                raise ValueError(f"{name}: shape {values.shape}, expected {self.sessions.shape}")
            if (values <= 0.0).any() or np.isinf(values).any():
                raise ValueError(f"{name}: values are not all positive and finite, or NaN")
        if (np.diff(self.sessions) <= np.timedelta64(0, "D")).any():
            raise ValueError("sessions: they do not ascend")

    def __len__(self) -> int:
        return len(self.sessions)


@dataclass(frozen=True)
class Backtest:
    """A backtest from its first possible trade to its last session; all arrays are [session].

    `equity` stands at each close and began as 1 in cash before the first open. `net_returns` are
    its changes, costs paid. `positions` is the value held at the close as a share of equity,
    negative where short; `traded` the value traded at the open as a share of equity; `costs` what
    was paid for it, in units of the equity at the start.
    """

    sessions: Days = field(repr=False)
    equity: Column = field(repr=False)
    net_returns: Column = field(repr=False)
    positions: Column = field(repr=False)
    traded: Column = field(repr=False)
    costs: Column = field(repr=False)

    def __len__(self) -> int:
        return len(self.sessions)


@dataclass(frozen=True)
class _Fill:
    """What is held after an open, and what getting there took."""

    units: float
    cash: float
    traded: float = 0.0
    cost: float = 0.0


def simulate_trades(
    prices: Prices, targets: Column, *, cost_share: float, drift_tolerance: float
) -> Backtest:
    """Trade towards `targets` (share of equity wanted at each open, [session]) and keep the books.

    An order goes in at the open where the target has changed since the last order, or where the
    position has drifted further than `drift_tolerance` from it. The position stands at its target
    after the cost is paid. There is one trade a session at most, at its open, so that nothing
    bought is sold on the same session (the T+1 rule of Shanghai and Shenzhen). Cash returns
    nothing. Raises ``ValueError`` where a short loses more than the capital.
    """
    holding, wanted, last_close = _Fill(0.0, 1.0), 0.0, np.nan
    books = np.empty((4, len(prices)))
    for row, (target, price, close) in enumerate(
        zip(targets, prices.opens, prices.closes, strict=True)
    ):
        filled = _Fill(holding.units, holding.cash)
        if not np.isnan(price + close):
            filled = _fill(filled, float(target), wanted, price, cost_share, drift_tolerance)
            wanted, last_close = float(target), close
        value = filled.units * last_close if filled.units else 0.0
        equity = filled.cash + value
        if equity <= 0.0:
            raise ValueError(f"targets: on {prices.sessions[row]} the short lost more than all")
        books[:, row] = equity, value / equity, filled.traded, filled.cost
        holding = filled
    equity_at_close, positions, traded, costs = books
    returns = equity_at_close / np.concatenate(([1.0], equity_at_close[:-1])) - 1.0
    return Backtest(prices.sessions, equity_at_close, returns, positions, traded, costs)


def _fill(
    held: _Fill,
    target: float,
    wanted: float,
    price: float,
    cost_share: float,
    drift_tolerance: float,
) -> _Fill:
    value = held.units * price
    equity = held.cash + value
    gap = target * equity - value
    changed = abs(target - wanted) > ROUNDING
    if equity <= 0.0 or (not changed and abs(gap) <= drift_tolerance * equity):
        return held
    # Solves value + trade = target * (equity - cost_share * |trade|): the cost is paid from equity.
    trade = gap / (1.0 + cost_share * target * np.sign(gap))
    cost = cost_share * abs(trade)
    units = 0.0 if target == 0.0 else (value + trade) / price
    return _Fill(units, held.cash - trade - cost, abs(trade) / equity, cost)
