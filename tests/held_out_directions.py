"""Probabilities of a rise beside what came of them, as several tests make them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from factorprism.learning.samples import HeldOut
from factorprism.targets import LABEL

DAY = np.datetime64("2020-01-02", "D")


def hold_probabilities(
    labels: np.ndarray,
    p_up: np.ndarray,
    base: np.ndarray | float,
    *,
    rows: np.ndarray | None = None,
    folds: np.ndarray | None = None,
    returns: Mapping[str, np.ndarray] | None = None,
) -> HeldOut:
    """Return the forecasts `p_up` of neighbouring sessions beside a base rate.

    All are of one fold where `folds` (whole numbers) are not given. `returns` has the columns
    ``forward``, ``estimate`` and ``base``.
    """
    rows = np.arange(len(labels)) if rows is None else rows
    folds = np.zeros(len(rows)) if folds is None else folds
    outcomes, values = {LABEL: np.asarray(labels, np.float64)}, {"p_up": p_up}
    reference = {"p_up": np.broadcast_to(np.asarray(base, np.float64), np.shape(p_up))}
    if returns is not None:
        outcomes["forward_return"] = returns["forward"]
        values["return_estimate"] = returns["estimate"]
        reference["return_estimate"] = returns["base"]
    return HeldOut(rows, DAY + np.asarray(folds, np.int64), outcomes, values, reference)
