"""Volatility: how far will the closes move over the horizon, whichever way?

The label is the log of the sum of squared log returns, closes t to t + horizon. A network gives
mean and log variance of a normal distribution of it; the base forecasts are the last 60 sessions
and the exponentially weighted past. All variances here are those of a whole horizon, sigma their
root.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from factorprism.targets.target import (
    FORWARD_RETURN,
    LABEL,
    LOG_VARIANCE_LIMIT,
    Baseline,
    Column,
    Columns,
    Figures,
    Folds,
    Known,
    LabelScale,
    NetworkHead,
    Numbers,
    Outputs,
    Rows,
    Score,
    Section,
    Target,
    TargetWords,
    Weights,
    compute_forward_returns,
)
from factorprism.targets.weighted import average, compute_rank_correlation, divide

# A hundredth of a per cent a session: closes that stand still have no logarithm.
LEAST_VARIANCE = 1e-8
ROLLING_SESSIONS = 60
# RiskMetrics' weight of the past (J.P. Morgan 1996, Technical Document, section 5.3.2).
DECAY = 0.94
# The half-width of a 90% interval, in standard deviations.
Z_90 = 1.6448536269514722
# Standard deviations of the prior of a calibration, in units of the reference's error: of the slope
# for one standard deviation of what the network says beyond the reference, and of the shift.
SLOPE_DEVIATION = 0.5
SHIFT_DEVIATION = 0.25
# Observations that speak for a variance as the network gives it.
PRIOR_OBSERVATIONS = 10.0


def compute_labels(closes: Column, horizon: int) -> Column:
    """Return the log of the sum of squared log returns from t to t + horizon, float64 [session].

    NaN for the last `horizon` sessions and where a close between is missing. Andersen et al. 2003,
    "Modeling and forecasting realized volatility": its logarithm is nearly normal.
    """
    if horizon < 1:
        raise ValueError(f"horizon: {horizon}, allowed are positive whole numbers")
    labels = np.full(len(closes), np.nan)
    if len(closes) > horizon:
        squares = np.diff(np.log(closes)) ** 2
        sums = np.lib.stride_tricks.sliding_window_view(squares, horizon).sum(axis=-1)
        labels[:-horizon] = np.log(np.maximum(sums, LEAST_VARIANCE * horizon))
    return labels


def compute_rolling(closes: Column, horizon: int) -> Column:
    """Return the horizon's variance by the mean square of the last 60 sessions, [session].

    Row t reads closes up to t; fewer sessions at the start, and missing closes are left out.
    """
    return _scale_up(_squares(closes).rolling(ROLLING_SESSIONS, min_periods=1).mean(), horizon)


def compute_ewma(closes: Column, horizon: int) -> Column:
    """Return the horizon's variance by squares that lose 6% of their weight a session, [session].

    Row t reads closes up to t; missing closes are left out.
    """
    squares = _squares(closes)
    return _scale_up(squares.ewm(alpha=1.0 - DECAY, ignore_na=True).mean(), horizon)


def _squares(closes: Column) -> pd.Series:
    return pd.Series(np.diff(np.log(closes), prepend=np.nan) ** 2)


def _scale_up(variances: pd.Series, horizon: int) -> Column:
    known: Column = variances.ffill().fillna(0.0).to_numpy(np.float64)
    return np.asarray(np.maximum(known, LEAST_VARIANCE) * horizon)


BASES = {"rolling_60": compute_rolling, "ewma_94": compute_ewma}


def compute_qlike(labels: Column, sigma: Column) -> Column:
    """Return each sample's QLIKE loss of the variance sigma^2, from 0, float64 [sample].

    s / f - log(s / f) - 1 for what came and what was forecast (Patton 2011, "Volatility forecast
    comparison using imperfect volatility proxies", equation 24): robust to the noise of s.
    """
    ratio = np.exp(labels) / sigma**2
    return ratio - np.log(ratio) - 1.0


def compute_miscalibration(labels: Column, sigma: Column) -> float:
    """Return the mean QLIKE of `sigma` less that of its best multiple, from 0.

    The best multiple of the variances is the mean of s / f.
    """
    ratio = float((np.exp(labels) / sigma**2).mean())
    return max(0.0, float(ratio - np.log(ratio) - 1.0))


def fit_recalibration(
    means: Column, labels: Column, base: Column, horizon: int
) -> tuple[float, float]:
    """Return slope and intercept of base + slope * (means - base) + intercept, all [sample].

    A ridge regression whose prior says slope 0 and intercept 0, the base itself: who knows nothing
    more is drawn to it, the more the fewer windows of `horizon` sessions do not overlap. The slope
    is never negative.
    """
    errors, beyond = labels - base, means - base
    centre, spread, size = float(beyond.mean()), float(beyond.std()), float(errors.std())
    if spread < 1e-9 or size < 1e-9:
        return 0.0, _shrink(errors, size, horizon)
    standard, target = (beyond - centre) / spread, errors / size
    design = np.stack([standard, np.ones_like(standard)], axis=1)
    prior = np.diag([SLOPE_DEVIATION**-2, SHIFT_DEVIATION**-2])
    slope, shift = np.linalg.solve(design.T @ design / horizon + prior, design.T @ target / horizon)
    if slope <= 0.0:
        return 0.0, _shrink(errors, size, horizon)
    slope = float(slope) * size / spread
    return slope, float(shift) * size - slope * centre


def _shrink(errors: Column, size: float, horizon: int) -> float:
    """Return the mean of `errors` drawn to 0."""
    weight = len(errors) / horizon
    return float(errors.mean()) * weight / (weight + SHIFT_DEVIATION**-2) if size else 0.0


def _make_rule(name: str) -> Baseline:
    """Return the baseline that forecasts by the base of this name, with its own error's spread."""

    def learn(known: Known, training_rows: Rows) -> Score:
        log_variance = VOLATILITY.fit_bases(known, training_rows)[f"{name}_log_variance"]

        def score(shown: Known, rows: Rows) -> Outputs:
            means = _mean_of(BASES[name](shown.closes, shown.horizon)[rows], log_variance)
            return np.stack([means, np.full(len(rows), log_variance)], axis=1)

        return score

    return Baseline(name, learn, calibrated=False)


def _mean_of(variances: Column, log_variance: float) -> Column:
    """Return the mean of the log normal label whose variance is expected to be `variances`."""
    return np.asarray(np.log(variances) - 0.5 * np.exp(log_variance))


class Volatility(Target):
    """How far closes move over the horizon; networks give mean and log variance of its log."""

    name = "volatility"
    head = NetworkHead(outputs=2, loss="gaussian_nll")
    values = ("mean", "log_variance", "sigma", "rolling_60", "ewma_94")
    headline = "sigma"
    ranked = "mean"
    loss = "qlike"
    metrics = (
        "qlike",
        "qlike_gain",
        "qlike_skill",
        "fold_rank_correlation",
        "r2_skill",
        "mse",
        "mae",
        "coverage_90",
    )
    decisive = "qlike_skill"
    order = "fold_rank_correlation"
    order_of_nothing = 0.0
    baselines = (*(_make_rule(name) for name in BASES), Baseline("ridge"))
    words = TargetWords(
        headline="volatility",
        claim="is how far %(symbol)s is expected to move from %(session)s to %(end)s: the root of "
        "the sum of its squared daily log returns.",
        basis="of the last 60 sessions",
        score="QLIKE",
        loss="QLIKE",
        unit="QLIKE",
        decisive="QLIKE skill",
        order="rank correlation within folds",
        reference="rolling 60-session volatility",
        forecasts="variances",
        output="standardised log variance",
        scale="In standard deviations of the log variance, before calibration: positive speaks for "
        "wider moves.",
    )
    sections = (
        Section(
            "Variance",
            (
                ("qlike", "QLIKE", ".4f"),
                ("qlike_skill", "QLIKE skill", "+.1%"),
                ("coverage_90", "coverage (0.9 expected)", ".1%"),
            ),
        ),
        Section(
            "Logarithm of the variance",
            (
                ("r2_skill", "R2 against the last 60 sessions", "+.3f"),
                ("mse", "MSE", ".4f"),
                ("mae", "MAE", ".4f"),
            ),
        ),
        Section("Order", (("fold_rank_correlation", "rank correlation within folds", "+.3f"),)),
    )

    def compute_outcomes(self, closes: Column, horizon: int) -> Columns:
        return {
            LABEL: compute_labels(closes, horizon),
            FORWARD_RETURN: compute_forward_returns(closes, horizon),
        }

    def scale_labels(self, labels: Column) -> LabelScale:
        """Return the mean and the deviation of the training rows, so that a head starts near 0."""
        spread = float(labels.std())
        return LabelScale(float(labels.mean()), spread if spread > 1e-9 else 1.0)

    def scale_of(self, calibration: Numbers) -> LabelScale:
        return LabelScale(calibration["label_mean"], calibration["label_deviation"])

    def fit_bases(self, known: Known, training_rows: Rows) -> Numbers:
        """Return the log variance of each base forecast's error in the log."""
        return {
            f"{name}_log_variance": _log_variance(
                known.labels[training_rows]
                - np.log(compute(known.closes, known.horizon)[training_rows])
            )
            for name, compute in BASES.items()
        }

    def update_bases(self, bases: Numbers, known: Known, training_rows: Rows) -> Numbers:
        """As `Target` says; rows without a full window before them say nothing of its error."""
        full = training_rows[training_rows >= ROLLING_SESSIONS]
        return self.fit_bases(known, full) if len(full) else bases

    def compute_reference(self, bases: Numbers, known: Known, rows: Rows) -> Columns:
        """Return what the last 60 sessions forecast, and sigma by each base forecast."""
        variances = {
            name: compute(known.closes, known.horizon)[rows] for name, compute in BASES.items()
        }
        first, log_variance = variances["rolling_60"], bases["rolling_60_log_variance"]
        return {
            "mean": _mean_of(first, log_variance),
            "log_variance": np.full(len(rows), log_variance),
            "sigma": np.sqrt(first),
            **{name: np.sqrt(column) for name, column in variances.items()},
        }

    def compute_features(self, known: Known, rows: Rows) -> Outputs:
        """Return the logs of both base forecasts."""
        columns = [np.log(compute(known.closes, known.horizon)[rows]) for compute in BASES.values()]
        return np.stack(columns, axis=1)

    @property
    def identity(self) -> Numbers:
        return {
            "label_mean": 0.0,
            "label_deviation": 1.0,
            "slope": 1.0,
            "intercept": 0.0,
            "variance_scale": 1.0,
        }

    def fit_calibration(
        self,
        outputs: Outputs,
        labels: Column,
        reference: Columns,
        bases: Numbers,
        scale: LabelScale,
        horizon: int,
    ) -> Numbers:
        """Return slope and intercept of the mean, and the scale of the variance.

        For the former see `fit_recalibration`. The scale is the mean of the squared errors in units
        of the network's own variance, drawn to 1.
        """
        del bases
        plain = {
            **self.identity,
            "label_mean": scale.centre,
            "label_deviation": scale.spread,
        }
        means, log_variance = _read_head(outputs, plain)
        slope, intercept = fit_recalibration(means, labels, reference["mean"], horizon)
        calibrated = reference["mean"] + slope * (means - reference["mean"]) + intercept
        squares = (labels - calibrated) ** 2 / np.exp(log_variance)
        weight = len(labels) / horizon
        ratio = (weight * float(squares.mean()) + PRIOR_OBSERVATIONS) / (
            weight + PRIOR_OBSERVATIONS
        )
        return {**plain, "slope": slope, "intercept": intercept, "variance_scale": ratio}

    def compute_values(
        self, outputs: Outputs, calibration: Numbers, bases: Numbers, reference: Columns
    ) -> Columns:
        """Return mean and log variance of the label, and the sigma that is expected of both."""
        del bases
        means, log_variance = _read_head(outputs, calibration)
        base = reference["mean"]
        mean = base + calibration["slope"] * (means - base) + calibration["intercept"]
        log_variance = log_variance + np.log(calibration["variance_scale"])
        # The expected value of a log normal variable.
        sigma = np.exp(0.5 * (mean + 0.5 * np.exp(log_variance)))
        return {"mean": mean, "log_variance": log_variance, "sigma": sigma}

    def issue(self, values: Columns, reference: Columns) -> Columns:
        own = {name: values[name] for name in ("mean", "log_variance", "sigma")}
        return {**own, **{name: reference[name] for name in BASES}}

    def recall(self, issued: Columns) -> tuple[Columns, Columns]:
        return {"sigma": issued["sigma"]}, {"sigma": issued["rolling_60"]}

    def observe(self, labels: Column) -> Column:
        """Return the realised volatility of the horizon, a fraction."""
        return np.asarray(np.exp(0.5 * labels))

    def compute_interval(self, issued: Columns) -> tuple[Column, Column] | None:
        """Return the 90% interval of the realised volatility by the normal law of its log."""
        mean, half_width = issued["mean"], Z_90 * np.exp(0.5 * issued["log_variance"])
        return np.exp(0.5 * (mean - half_width)), np.exp(0.5 * (mean + half_width))

    def compute_scores(self, labels: Column, values: Columns) -> Column:
        """Return each sample's QLIKE, which is its loss as well."""
        return self.compute_losses(labels, values)

    def compute_losses(self, labels: Column, values: Columns) -> Column:
        """Return each sample's QLIKE."""
        return compute_qlike(labels, values["sigma"])

    def compute_metrics(
        self,
        outcomes: Columns,
        values: Columns,
        reference: Columns,
        folds: Folds,
        weights: Weights,
    ) -> Figures:
        """Return the figures of `metrics`; those after the order are of the logarithm.

        `qlike_skill` is 1 - QLIKE / the reference's, `r2_skill` 1 - MSE / the reference's, NaN
        where the reference leaves nothing to gain. `coverage_90` is the share of labels within
        the 90% interval of the forecast normal distribution.
        """
        labels = outcomes[LABEL]
        loss, base = (
            average(self.compute_losses(labels, one), weights) for one in (values, reference)
        )
        errors, base_errors = labels - values["mean"], labels - reference["mean"]
        mse, base_mse = (average(one**2, weights) for one in (errors, base_errors))
        inside = np.abs(errors) <= Z_90 * np.exp(0.5 * values["log_variance"])
        return np.column_stack(
            [
                loss,
                base - loss,
                1.0 - divide(loss, base, np.nan),
                self.compute_order(labels, values, folds, weights),
                1.0 - divide(mse, base_mse, np.nan),
                mse,
                average(np.abs(errors), weights),
                average(inside, weights),
            ]
        )

    def compute_order(
        self, labels: Column, values: Columns, folds: Folds, weights: Weights
    ) -> Column:
        return compute_rank_correlation(values["mean"], labels, folds, weights)

    def compute_miscalibration(self, labels: Column, values: Columns) -> float:
        return compute_miscalibration(labels, values["sigma"])


def _read_head(outputs: Outputs, calibration: Numbers) -> tuple[Column, Column]:
    """Return mean and log variance of the label by the network's outputs, on the label's scale."""
    spread = calibration["label_deviation"]
    means = calibration["label_mean"] + spread * outputs[:, 0]
    return means, np.clip(outputs[:, 1], *LOG_VARIANCE_LIMIT) + 2.0 * np.log(spread)


def _log_variance(errors: Column) -> float:
    """Return the log of the variance of `errors`; of hardly any, the least that a head can say."""
    variance = float(errors.var()) if len(errors) > 1 else 0.0
    return float(np.log(max(variance, np.exp(LOG_VARIANCE_LIMIT[0]))))


VOLATILITY = Volatility()
