"""Experiment `upsampling`: is an image of 56x16 read better when it is blown up to 224x224?"""

from __future__ import annotations

from factorprism.experiments.comparison import Contestant, cut_folds, evaluate_contestants
from factorprism.experiments.conclusion import conclude
from factorprism.experiments.experiment import Experiment, ExperimentSize, Result, Tell
from factorprism.experiments.history import History
from factorprism.learning import TrainingSettings

# Native size first.
NETWORKS = ("googlenet", "googlenet_224")


def compare_sizes(history: History, size: ExperimentSize, tell: Tell) -> Result:
    """Train one network on native and on repeated cells, and evaluate both on the same sessions.

    ``size.networks`` are the native one and the one that repeats cells, in this order.
    """
    training_set = history.training_set(last_samples=size.last_samples)
    contestants = [Contestant(name, training_set, size.settings_of(name)) for name in size.networks]
    evaluated = evaluate_contestants(contestants, cut_folds(training_set, size), tell)
    native, upsampled = size.networks
    return conclude(
        evaluated,
        training_set,
        [(upsampled, native)],
        size.settings.seed,
        column="network",
        title="Native 56x16 against 224x224",
        remarks=[
            "Upsampling repeats each session 4 times and each factor 14 times: no value is added. "
            "At the native size the strides are smaller, or nothing of the map would be left."
        ],
    )


UPSAMPLING = Experiment(
    name="upsampling",
    question="Does GoogLeNet forecast better from images blown up to 224x224, as in the original "
    "study, than from the native 56x16?",
    quick=ExperimentSize(
        120,
        TrainingSettings(
            validation_sessions=40,
            calibration_sessions=40,
            n_folds=1,
            fold_sessions=60,
            fold_epochs=1,
            stride=6,
            batch_size=32,
        ),
        NETWORKS,
        last_samples=600,
        cut="one fold of 60 sessions on the latest 600 samples, one epoch over every sixth image",
    ),
    full=ExperimentSize(1200, TrainingSettings(n_folds=2, fold_epochs=6), NETWORKS),
    conduct=compare_sizes,
)
