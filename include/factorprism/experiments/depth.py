"""Experiment `depth`: does a deeper network read the same images better?"""

from __future__ import annotations

from factorprism.experiments.comparison import Contestant, cut_folds, evaluate_contestants
from factorprism.experiments.conclusion import conclude
from factorprism.experiments.experiment import Experiment, ExperimentSize, Result, Tell
from factorprism.experiments.history import History
from factorprism.learning import TrainingSettings

# From the shallowest to the deepest; the first is what the others are held against.
NETWORKS = ("lenet5", "nin", "inception", "googlenet", "resnet18", "resnet50")


def compare_depths(history: History, size: ExperimentSize, tell: Tell) -> Result:
    """Train each network of `size` on the same images, and evaluate all on the same sessions."""
    training_set = history.training_set(last_samples=size.last_samples)
    contestants = [Contestant(name, training_set, size.settings_of(name)) for name in size.networks]
    evaluated = evaluate_contestants(contestants, cut_folds(training_set, size), tell)
    shallowest, *deeper = size.networks
    return conclude(
        evaluated,
        training_set,
        [(name, shallowest) for name in deeper],
        size.settings.seed,
        column="network",
        title="From the shallowest network to the deepest",
        remarks=["GoogLeNet and the ResNets stand at the native size, strides adapted to it."],
    )


DEPTH = Experiment(
    name="depth",
    question="Do deeper networks forecast better from the same images?",
    quick=ExperimentSize(
        170,
        TrainingSettings(n_folds=1, fold_epochs=1),
        NETWORKS,
        last_samples=1000,
        cut="one fold of 250 sessions on the latest 1,000 samples, one epoch",
    ),
    full=ExperimentSize(1500, TrainingSettings(n_folds=4, fold_epochs=8), NETWORKS),
    conduct=compare_depths,
)
