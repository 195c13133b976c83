"""From images and closes to a calibrated candidate, its honest figures and the contest."""

from factorprism.training.baselines import (
    Baseline,
    Forecaster,
    NetworkForecaster,
    baseline_names,
    judge_splits,
)
from factorprism.training.calibration import fit_calibration
from factorprism.training.dataset import TrainingSet, build_training_set
from factorprism.training.drift import Drift, measure_drift
from factorprism.training.fit import FitResult, FitSettings, fit
from factorprism.training.labels import compute_forward_returns, compute_labels
from factorprism.training.matured import MaturedLoss, measure_matured_loss
from factorprism.training.multiplicity import Multiplicity, multiplicity_sentence, pay_for_trials
from factorprism.training.pairing import Paired, compare
from factorprism.training.placebo import shift_labels, shuffle_labels
from factorprism.training.promotion import Judgement, PromotionRule, judge
from factorprism.training.refreshing import decide_mode
from factorprism.training.settings import TrainingSettings
from factorprism.training.skill import find_skill, skill_sentence
from factorprism.training.splits import (
    Split,
    SplitSizes,
    audit_purge,
    least_samples,
    split_samples,
    walk_forward,
)
from factorprism.training.train import Candidate, train_candidate

__all__ = [
    "Baseline",
    "Candidate",
    "Drift",
    "FitResult",
    "FitSettings",
    "Forecaster",
    "Judgement",
    "MaturedLoss",
    "Multiplicity",
    "NetworkForecaster",
    "Paired",
    "PromotionRule",
    "Split",
    "SplitSizes",
    "TrainingSet",
    "TrainingSettings",
    "audit_purge",
    "baseline_names",
    "build_training_set",
    "compare",
    "compute_forward_returns",
    "compute_labels",
    "decide_mode",
    "find_skill",
    "fit",
    "fit_calibration",
    "judge",
    "judge_splits",
    "least_samples",
    "measure_drift",
    "measure_matured_loss",
    "multiplicity_sentence",
    "pay_for_trials",
    "shift_labels",
    "shuffle_labels",
    "skill_sentence",
    "split_samples",
    "train_candidate",
    "walk_forward",
]
