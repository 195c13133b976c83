"""From images and closes to a calibrated candidate, and what it shows out of sample."""

from factorprism.learning.baselines import (
    BaselineForecaster,
    NetworkForecaster,
    evaluate_splits,
)
from factorprism.learning.fit import FitSettings, fit
from factorprism.learning.samples import TrainingSet, build_training_set
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
    "FitSettings",
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
