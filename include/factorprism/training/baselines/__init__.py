"""What a network has to beat: plain forecasts under the protocol that networks keep to as well."""

from factorprism.training.baselines.fitting import (
    Baseline,
    FittedBaseline,
    baseline_names,
)
from factorprism.training.baselines.protocol import (
    Fitted,
    Forecaster,
    NetworkForecaster,
    judge_splits,
)
from factorprism.training.baselines.scoring import Reasons

__all__ = [
    "Baseline",
    "Fitted",
    "FittedBaseline",
    "Forecaster",
    "NetworkForecaster",
    "Reasons",
    "baseline_names",
    "judge_splits",
]
