"""What a forecast is about: whether the close stands higher a horizon later."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

UNKNOWN = -1


def compute_forward_returns(
    closes: npt.NDArray[np.float64], horizon: int
) -> npt.NDArray[np.float64]:
    """Return close[t + horizon] / close[t] - 1 for each session t, float64 [session].

    NaN for the last `horizon` sessions and where either close is NaN. Row t reads the close of
    ``t + horizon``: it is a label, never an input.
    """
    if closes.ndim != 1:
        raise ValueError(f"closes: shape {closes.shape}, expected [session]")
    if horizon < 1:
        raise ValueError(f"horizon: {horizon}, allowed are positive whole numbers")
    returns = np.full(len(closes), np.nan)
    if len(closes) > horizon:
        returns[:-horizon] = closes[horizon:] / closes[:-horizon] - 1.0
    return returns


def compute_labels(closes: npt.NDArray[np.float64], horizon: int) -> npt.NDArray[np.int8]:
    """Return 1 where close[t + horizon] > close[t], else 0, and -1 where it is not known yet.

    int8 [session]. An unchanged close is no rise. Raises as `compute_forward_returns` does.
    """
    returns = compute_forward_returns(closes, horizon)
    return np.where(np.isnan(returns), UNKNOWN, returns > 0.0).astype(np.int8)
