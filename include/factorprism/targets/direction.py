"""Direction: does the close stand higher a horizon later, and with which probability?

All that is special to this target stands here, in the order in which a training meets it: outcomes,
base rate, Platt calibration, losses and figures, miscalibration, the rules that need no model.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from factorprism.targets.target import (
    FORWARD_RETURN,
    LABEL,
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
from factorprism.targets.weighted import (
    average,
    compute_rank_correlation,
    count_ordered_pairs,
    divide,
    measure_variance,
)

Flags = npt.NDArray[np.bool_]

# A probability of 0 or 1 would make one miss an infinite loss.
SMALLEST = 1e-7
ECE_BINS = 10
# Standard deviations of the prior of a calibration, in log-odds: of the slope for one standard
# deviation of the logit, and of the intercept around the base rate's log-odds. A quarter is what a
# forecaster of markets can hope for at the best (an AUC of about 0.57); more has to be proved by
# the slice.
SLOPE_DEVIATION = 0.25
INTERCEPT_DEVIATION = 0.25
# Newton's steps of a recalibration, and its steepest slope, in standard deviations of the logit:
# beyond it the logit separates the labels and no slope is best.
ITERATIONS = 25
STEEPEST = 20.0
# A rule that was wrong more often than not keeps its call, with hardly any confidence: turned
# round it would be another rule.
LEAST_CONFIDENCE = 0.501

CLASS_METRICS = (
    "log_loss",
    "log_loss_gain",
    "brier",
    "brier_skill",
    "accuracy",
    "balanced_accuracy",
    "auc",
    "fold_auc",
    "ece",
    "precision",
    "recall",
    "f1",
    "true_up",
    "false_up",
    "true_down",
    "false_down",
)
RETURN_METRICS = ("information_coefficient", "mae", "mse", "rmse", "r2", "r2_skill")


def compute_labels(closes: Column, horizon: int) -> Column:
    """Return 1 where close[t + horizon] > close[t], else 0, NaN where it is not known yet.

    float64 [session]. An unchanged close is no rise. Raises as `compute_forward_returns` does.
    """
    returns = compute_forward_returns(closes, horizon)
    return np.where(np.isnan(returns), np.nan, returns > 0.0)


def compute_base_rate(labels: Column) -> float:
    """Return the share of up labels, drawn to a half by one session of each kind: never 0 or 1."""
    return float((np.sum(labels == 1) + 1.0) / (len(labels) + 2.0))


def fit_return_scale(forward_returns: Column) -> dict[str, float]:
    """Return the means of the rises and of the rest among a fold's training `forward_returns`.

    float64 [sample], NaN left out; 0 where there is none of a kind. Pass nothing of the sessions
    out of sample: this is part of what the fold learns.
    """
    rises, others = forward_returns[forward_returns > 0.0], forward_returns[forward_returns <= 0.0]
    parts = {"return_up": rises, "return_down": others}
    return {name: float(part.mean()) if len(part) else 0.0 for name, part in parts.items()}


def estimate_returns(bases: Numbers, p_up: Column) -> dict[str, Column]:
    """Return the forward return expected under `p_up`; nothing where its scale is not known."""
    if "return_up" not in bases:
        return {}
    estimate = p_up * bases["return_up"] + (1.0 - p_up) * bases["return_down"]
    return {"return_estimate": estimate}


def to_probability(logits: Column) -> Column:
    """Return 1 / (1 + exp(-logits)) in float64, without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)), dtype=np.float64)


def fit_platt(logits: Column, labels: Column, base_rate: float, horizon: int) -> dict[str, float]:
    """Return slope and intercept that scale `logits` [sample] to the `labels` [sample] in {0, 1}.

    Platt 1999, "Probabilistic outputs for support vector machines", fitted as a maximum a
    posteriori estimate: the prior says slope 0 and the log-odds of `base_rate`, so that a network
    without skill on the slice forecasts close to the base rate. The slope is never negative. The
    labels of `horizon` neighbouring sessions overlap and count as one observation together. On
    the slice the log loss is at most that of the base rate.
    """
    from scipy.optimize import minimize

    if not 0.0 < base_rate < 1.0:
        raise ValueError(f"base_rate: {base_rate}, allowed is a ratio between 0 and 1")
    if logits.shape != labels.shape or not len(logits):
        raise ValueError(f"logits, labels: shapes {logits.shape}, {labels.shape}, expected equal")
    prior = float(np.log(base_rate / (1.0 - base_rate)))
    centre, spread = float(logits.mean()), float(logits.std())
    if spread < 1e-9:
        return {"slope": 0.0, "intercept": prior}
    standard = (logits - centre) / spread
    signs = 2.0 * labels - 1.0

    def objective(point: Column) -> tuple[float, Column]:
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
    return {"slope": slope / spread, "intercept": prior + shift - slope * centre / spread}


def compute_log_losses(labels: Column, p_up: Column) -> Column:
    """Return each sample's log loss in nats, float64 [sample]."""
    clipped = np.clip(p_up, SMALLEST, 1.0 - SMALLEST)
    return -np.where(labels == 1, np.log(clipped), np.log1p(-clipped))


def compute_class_metrics(
    labels: Column, p_up: Column, base: Column, folds: Folds, weights: Weights
) -> Figures:
    """Return the figures of `CLASS_METRICS`, [resample, figure], of the probabilities `p_up`.

    `log_loss_gain` is the base rate's log loss less the forecast's, `brier_skill` 1 - Brier /
    the base rate's Brier (Murphy 1973); the AUCs and `balanced_accuracy` are NaN when all labels
    are alike. `fold_auc` compares only sessions of one fold: a forecast that is constant in each
    fold has a half there, where the pooled `auc` compares the folds' levels, and a level learned
    from the past is apt to stand against what comes. `ece` is the expected calibration error over
    ten bins of width 0.1 (Guo et al. 2017).

    A forecast over a half calls a rise; `precision`, `recall` and `f1` are those of the rises,
    0 where nothing is divided by nothing. The last four are the confusion matrix, as ratios of
    all samples.
    """
    up, called = labels == 1, p_up > 0.5
    loss, base_loss = (average(compute_log_losses(labels, one), weights) for one in (p_up, base))
    brier, base_brier = (average((one - up) ** 2, weights) for one in (p_up, base))
    true_up, false_up, true_down, false_down = cells = [
        average(cell, weights) for cell in (up & called, ~up & called, ~up & ~called, up & ~called)
    ]
    rises, falls = true_up + false_down, true_down + false_up
    balanced = 0.5 * (divide(true_up, rises, np.nan) + divide(true_down, falls, np.nan))
    pairs, ordered = count_ordered_pairs(up, p_up, weights)
    return np.column_stack(
        [
            loss,
            base_loss - loss,
            brier,
            1.0 - brier / base_brier,
            true_up + true_down,
            balanced,
            divide(ordered, pairs, np.nan),
            compute_fold_auc(up, p_up, folds, weights),
            _compute_ece(up, p_up, weights),
            divide(true_up, true_up + false_up, 0.0),
            divide(true_up, rises, 0.0),
            divide(2.0 * true_up, 2.0 * true_up + false_up + false_down, 0.0),
            *cells,
        ]
    )


def compute_fold_auc(up: Flags, p_up: Column, folds: Folds, weights: Weights) -> Column:
    """Return the share of pairs in order among those of one fold, [resample]."""
    pairs, ordered = np.zeros((2, len(weights)))
    for name in np.unique(folds):
        fold = folds == name
        of_fold = count_ordered_pairs(up[fold], p_up[fold], weights[:, fold])
        pairs, ordered = pairs + of_fold[0], ordered + of_fold[1]
    return divide(ordered, pairs, np.nan)


def _compute_ece(up: Flags, p_up: Column, weights: Weights) -> Column:
    bins = np.minimum((p_up * ECE_BINS).astype(np.int64), ECE_BINS - 1)
    gaps = np.eye(ECE_BINS)[bins] * (p_up - up)[:, np.newaxis]
    found: Column = np.abs(weights @ gaps).sum(axis=1) / weights.sum(axis=1)
    return found


def compute_return_metrics(
    p_up: Column,
    forward: Column,
    estimate: Column,
    base_estimate: Column,
    folds: Folds,
    weights: Weights,
) -> Figures:
    """Return the figures of `RETURN_METRICS`, [resample, figure]; all other arguments [sample].

    `information_coefficient` is Spearman's rank correlation of `p_up` with `forward`, ranked
    among the sessions of one fold; 0 where either is constant: such a forecast orders nothing.
    `r2` is measured against the mean of the returns out of sample, which no forecaster knew,
    `r2_skill` against `base_estimate` (Campbell and Thompson 2008). Both are NaN where nothing is
    left to explain.
    """
    error = estimate - forward
    mse, base_mse = (average(one**2, weights) for one in (error, base_estimate - forward))
    return np.column_stack(
        [
            compute_rank_correlation(p_up, forward, folds, weights),
            average(np.abs(error), weights),
            mse,
            np.sqrt(mse),
            1.0 - divide(mse, measure_variance(forward, weights), np.nan),
            1.0 - divide(mse, base_mse, np.nan),
        ]
    )


def compute_miscalibration(labels: Column, p_up: Column) -> float:
    """Return the mean log loss of `p_up` less that of its best recalibration, nats, from 0.

    Both arguments [sample], `labels` in {0, 1}. The recalibration is Cox's (1958): the logit
    stretched by a slope, never negative, and shifted. It needs two numbers where ten bins or an
    isotonic fit need ten and more, and a few dozen windows that do not overlap teach no more.
    """
    loss = float(compute_log_losses(labels, p_up).mean())
    return max(0.0, loss - _recalibrated_loss((labels == 1).astype(np.float64), p_up))


def _recalibrated_loss(up: Column, p_up: Column) -> float:
    share = up.mean()
    if share in (0.0, 1.0):
        return 0.0
    clipped = np.clip(p_up, SMALLEST, 1.0 - SMALLEST)
    logits = np.log(clipped) - np.log1p(-clipped)
    spread = logits.std()
    flat = float(-share * np.log(share) - (1.0 - share) * np.log1p(-share))
    if spread < 1e-9:
        return flat
    standard = (logits - logits.mean()) / spread
    # The loss is convex: its fall at slope 0 tells on which side of 0 the best slope lies.
    if (up - share) @ standard <= 0.0:
        return flat
    return min(flat, _fit_slope(up, standard, float(np.log(share / (1.0 - share)))))


def _fit_slope(up: Column, standard: Column, shift: float) -> float:
    """Return the least mean log loss of slope * `standard` + shift, by Newton's steps."""
    point = np.array([0.0, shift])
    design = np.stack([standard, np.ones_like(standard)], axis=1)
    for _ in range(ITERATIONS):
        p_up = 0.5 * (1.0 + np.tanh(0.5 * (design @ point)))
        slopes = design.T @ (up - p_up)
        curvature = (design * (p_up * (1.0 - p_up))[:, np.newaxis]).T @ design
        step = np.linalg.solve(curvature + 1e-9 * np.eye(2), slopes)
        point = np.clip(point + np.clip(step, -2.0, 2.0), -STEEPEST, STEEPEST)
        if np.abs(step).max() < 1e-6:
            break
    return float(np.logaddexp(0.0, np.where(up == 1.0, -1.0, 1.0) * (design @ point)).mean())


def say_base_rate(known: Known, training_rows: Rows) -> Score:
    """Return a score that says nothing, whose calibration is the base rate of all training rows."""
    del known, training_rows
    return lambda _, rows: np.zeros((len(rows), 1))


def say_always_up(known: Known, training_rows: Rows) -> Score:
    """Return the call of a rise on every session, with its hit rate on the `training_rows`."""
    logit = _confidence(known.labels[training_rows] == 1)
    return lambda _, rows: np.full((len(rows), 1), logit)


def follow_momentum(known: Known, training_rows: Rows) -> Score:
    """Return the call that the sign of the image's own return goes on.

    That is the close of the last session of the image against that of its first, lookback - 1
    sessions earlier; without a change, or with a close missing, neither is called (a half). The
    probability of the call is its hit rate on the `training_rows` (Moskowitz, Ooi and Pedersen 2012
    measure the sign over a year; the image shows a quarter).
    """
    signs = _momentum_signs(known, training_rows)
    called = signs != 0.0
    hits = (signs > 0.0) == (known.labels[training_rows] == 1)
    logit = _confidence(hits[called])
    return lambda shown, rows: logit * _momentum_signs(shown, rows)[:, np.newaxis]


def _momentum_signs(known: Known, rows: Rows) -> Column:
    earlier = known.closes[rows - known.lookback + 1]
    return np.nan_to_num(np.sign(known.closes[rows] - earlier))


def _confidence(hits: Flags) -> float:
    """Return the log-odds of the share of `hits`, [sample], at least `LEAST_CONFIDENCE`."""
    rate = max(compute_base_rate(hits.astype(np.float64)), LEAST_CONFIDENCE)
    return float(np.log(rate / (1.0 - rate)))


class Direction(Target):
    """Up or not over the horizon; networks give a logit, the base forecast is the base rate."""

    name = "direction"
    head = NetworkHead(outputs=1, loss="log_loss")
    values = ("p_up", "p_up_raw", "base_rate")
    headline = "p_up"
    ranked = "p_up"
    probability = "p_up"
    constants = MappingProxyType({"always_up": 1.0})
    loss = "log_loss"
    loss_limit = -float(np.log(SMALLEST))
    metrics = (*CLASS_METRICS, *RETURN_METRICS)
    decisive = "brier_skill"
    order = "fold_auc"
    order_of_nothing = 0.5
    baselines = (
        Baseline("base_rate", say_base_rate),
        # Their probability is a measured hit rate. Calibration would turn the one into the base
        # rate and take the sign from the other.
        Baseline("always_up", say_always_up, calibrated=False),
        Baseline("momentum_sign", follow_momentum, calibrated=False),
        Baseline("logistic", explained=True),
        Baseline("pca_logistic", explained=True),
        Baseline("gradient_boosting", explained=True),
        Baseline("rocket", slow=True),
    )
    words = TargetWords(
        headline="probability of a rise",
        claim="is the calibrated probability that %(symbol)s closes higher on %(end)s than on "
        "%(session)s.",
        basis="share of rises in the training data",
        score="Brier score",
        loss="log loss",
        unit="nats",
        decisive="Brier skill",
        order="AUC within folds",
        reference="base rate",
        forecasts="probabilities",
        output="logit",
        scale="In logits, before calibration: positive speaks for a rise.",
    )
    sections = (
        Section(
            "Probability",
            (
                ("log_loss", "log loss", ".4f"),
                ("brier", "Brier", ".4f"),
                ("brier_skill", "Brier skill", "+.1%"),
                ("ece", "calibration error", ".3f"),
            ),
        ),
        Section(
            "Order",
            (
                ("fold_auc", "AUC within folds", ".3f"),
                ("auc", "AUC pooled", ".3f"),
                ("information_coefficient", "information coefficient", "+.3f"),
            ),
        ),
        Section(
            "Calls of a rise",
            (
                ("accuracy", "accuracy", ".1%"),
                ("balanced_accuracy", "balanced accuracy", ".1%"),
                ("precision", "precision", ".1%"),
                ("recall", "recall", ".1%"),
                ("f1", "F1", ".3f"),
            ),
            "A rise is called where its probability is above 50%. Who stays on one side of 50% "
            "makes the same call throughout a fold, so that entrants with little to say share "
            "their figures.",
        ),
        Section(
            "Confusion, shares of all sessions",
            (
                ("true_up", "rise called rise", ".1%"),
                ("false_down", "rise called fall", ".1%"),
                ("false_up", "fall called rise", ".1%"),
                ("true_down", "fall called fall", ".1%"),
            ),
        ),
        Section(
            "Forward return",
            (
                ("mae", "MAE", ".4f"),
                ("mse", "MSE", ".5f"),
                ("rmse", "RMSE", ".4f"),
                ("r2", "R2", "+.3f"),
                ("r2_skill", "R2 against the base rate", "+.3f"),
            ),
        ),
    )

    def compute_outcomes(self, closes: Column, horizon: int) -> Columns:
        """As `Target` says; the label is 1 for a rise and 0 for none."""
        return {
            LABEL: compute_labels(closes, horizon),
            FORWARD_RETURN: compute_forward_returns(closes, horizon),
        }

    def fit_bases(self, known: Known, training_rows: Rows) -> Numbers:
        """Return the base rate, and the mean forward returns after a rise and after none."""
        scale = fit_return_scale(known.outcomes[FORWARD_RETURN][training_rows])
        return {"base_rate": compute_base_rate(known.labels[training_rows]), **scale}

    def update_bases(self, bases: Numbers, known: Known, training_rows: Rows) -> Numbers:
        """Return `bases` with the base rate of the `training_rows`; a return scale is a model's."""
        if not len(training_rows):
            return bases
        return {**bases, "base_rate": compute_base_rate(known.labels[training_rows])}

    def read_bases(self, spec: Mapping[str, Any]) -> Numbers:
        """As `Target` says; specs of earlier releases hold the numbers by names of their own."""
        if "bases" in spec:
            return super().read_bases(spec)
        scale = spec.get("return_scale") or {}
        returns = {f"return_{name}": float(value) for name, value in scale.items()}
        return {"base_rate": float(spec["base_rate"]), **returns}

    def compute_reference(self, bases: Numbers, known: Known, rows: Rows) -> Columns:
        """Return the base rate for each of `rows`, and the return expected under it."""
        del known
        p_up = np.full(len(rows), bases["base_rate"])
        return {"p_up": p_up, **estimate_returns(bases, p_up)}

    @property
    def identity(self) -> Numbers:
        return {"slope": 1.0, "intercept": 0.0}

    def fit_calibration(
        self,
        outputs: Outputs,
        labels: Column,
        reference: Columns,
        bases: Numbers,
        scale: LabelScale,
        horizon: int,
    ) -> Numbers:
        """Return the Platt scaling of the logit, drawn to the base rate: see `fit_platt`."""
        del reference, scale
        return fit_platt(outputs[:, 0], labels, bases["base_rate"], horizon)

    def compute_values(
        self, outputs: Outputs, calibration: Numbers, bases: Numbers, reference: Columns
    ) -> Columns:
        """Return `p_up` calibrated and raw, and the forward return expected under it."""
        del reference
        logits = outputs[:, 0]
        p_up = to_probability(calibration["slope"] * logits + calibration["intercept"])
        return {"p_up": p_up, "p_up_raw": to_probability(logits), **estimate_returns(bases, p_up)}

    def issue(self, values: Columns, reference: Columns) -> Columns:
        return {
            "p_up": values["p_up"],
            "p_up_raw": values["p_up_raw"],
            "base_rate": reference["p_up"],
        }

    def recall(self, issued: Columns) -> tuple[Columns, Columns]:
        return {"p_up": issued["p_up"]}, {"p_up": issued["base_rate"]}

    def observe(self, labels: Column) -> Column:
        return labels

    def compute_scores(self, labels: Column, values: Columns) -> Column:
        """Return each sample's Brier score."""
        return (values["p_up"] - labels) ** 2

    def compute_losses(self, labels: Column, values: Columns) -> Column:
        """Return each sample's log loss in nats."""
        return compute_log_losses(labels, values["p_up"])

    def compute_metrics(
        self,
        outcomes: Columns,
        values: Columns,
        reference: Columns,
        folds: Folds,
        weights: Weights,
    ) -> Figures:
        """Return `CLASS_METRICS`, then `RETURN_METRICS`, NaN where no return is estimated."""
        p_up, base = values["p_up"], reference["p_up"]
        probability = compute_class_metrics(outcomes[LABEL], p_up, base, folds, weights)
        returns = np.full((len(weights), len(RETURN_METRICS)), np.nan)
        if "return_estimate" in values:
            estimates = values["return_estimate"], reference["return_estimate"]
            forward = outcomes[FORWARD_RETURN]
            returns = compute_return_metrics(p_up, forward, *estimates, folds, weights)
        return np.hstack([probability, returns])

    def compute_order(
        self, labels: Column, values: Columns, folds: Folds, weights: Weights
    ) -> Column:
        return compute_fold_auc(labels == 1, values["p_up"], folds, weights)

    def compute_miscalibration(self, labels: Column, values: Columns) -> float:
        return compute_miscalibration(labels, values["p_up"])


DIRECTION = Direction()
