"""What a network has to beat: plain forecasts under the protocol that networks keep to as well."""

from factorprism.learning.baselines.fitting import BaselineForecaster, FittedBaseline
from factorprism.learning.baselines.protocol import (
    Fitted,
    Forecaster,
    NetworkForecaster,
    ScoreReasons,
    evaluate_splits,
)

__all__ = [
    "BaselineForecaster",
    "Fitted",
    "FittedBaseline",
    "Forecaster",
    "NetworkForecaster",
    "ScoreReasons",
    "evaluate_splits",
]
