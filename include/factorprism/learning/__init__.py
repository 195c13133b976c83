"""From images and closes to a calibrated candidate, and what it shows out of sample."""

from factorprism.learning.baselines import (
    BaselineForecaster,
    Forecaster,
    NetworkForecaster,
    evaluate_splits,
)
from factorprism.learning.fit import FitResult, FitSettings, fit
from factorprism.learning.samples import HeldOut, TrainingSet, build_training_set
from factorprism.learning.settings import TrainingSettings
from factorprism.learning.splits import (
    Split,
    SplitSizes,
    audit_purge,
    least_samples,
    split_samples,
    walk_forward,
)
from factorprism.learning.train import Candidate, train_candidate

__all__ = [
    "BaselineForecaster",
    "Candidate",
    "FitResult",
    "FitSettings",
    "Forecaster",
    "HeldOut",
    "NetworkForecaster",
    "Split",
    "SplitSizes",
    "TrainingSet",
    "TrainingSettings",
    "audit_purge",
    "build_training_set",
    "evaluate_splits",
    "fit",
    "least_samples",
    "split_samples",
    "train_candidate",
    "walk_forward",
]
