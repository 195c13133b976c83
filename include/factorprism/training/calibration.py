"""Turns logits into probabilities that may be believed: Platt scaling, drawn to the base rate."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from factorprism.models import Calibration

FloatColumn = npt.NDArray[np.float64]

# Standard deviations of the prior, in log-odds: of the slope for one standard deviation of the
# logit, and of the intercept around the base rate's log-odds. A quarter is what a forecaster of
# markets can hope for at the best (an AUC of about 0.57); more has to be proved by the slice.
SLOPE_DEVIATION = 0.25
INTERCEPT_DEVIATION = 0.25


def fit_calibration(
    logits: FloatColumn, labels: npt.NDArray[np.int8], base_rate: float, horizon: int
) -> Calibration:
    """Return slope and intercept that scale `logits` [sample] to the `labels` [sample] in {0, 1}.

    Platt 1999, "Probabilistic outputs for support vector machines", fitted as a maximum a
    posteriori estimate: the prior says slope 0 and the log-odds of `base_rate`, so that a network
    without skill on the slice forecasts close to the base rate. The slope is never negative. The
    labels of `horizon` neighbouring sessions overlap and count as one observation together. On
    the slice the log loss is at most that of the base rate.

    Pass samples that neither trained the network nor stopped its training.
    """
    from scipy.optimize import minimize

    if not 0.0 < base_rate < 1.0:
        raise ValueError(f"base_rate: {base_rate}, allowed is a ratio between 0 and 1")
    if logits.shape != labels.shape or not len(logits):
        raise ValueError(f"logits, labels: shapes {logits.shape}, {labels.shape}, expected equal")
    prior = float(np.log(base_rate / (1.0 - base_rate)))
    centre, spread = float(logits.mean()), float(logits.std())
    if spread < 1e-9:
        return Calibration(0.0, prior)
    standard = (logits - centre) / spread
    signs = 2.0 * labels.astype(np.float64) - 1.0

    def objective(point: FloatColumn) -> tuple[float, FloatColumn]:
        slope, shift = point
        margins = signs * (slope * standard + prior + shift)
        pull = -signs * 0.5 * (1.0 - np.tanh(0.5 * margins)) / horizon
        value = np.logaddexp(0.0, -margins).sum() / horizon
        value += 0.5 * (slope / SLOPE_DEVIATION) ** 2 + 0.5 * (shift / INTERCEPT_DEVIATION) ** 2
        gradient = np.array(
            [
                pull @ standard + slope / SLOPE_DEVIATION**2,
                pull.sum() + shift / INTERCEPT_DEVIATION**2,
            ]
        )
        return float(value), gradient

    found = minimize(
        objective, np.zeros(2), jac=True, method="L-BFGS-B", bounds=[(0.0, None), (None, None)]
    )
    slope, shift = (float(value) for value in found.x)
    return Calibration(slope / spread, prior + shift - slope * centre / spread)
