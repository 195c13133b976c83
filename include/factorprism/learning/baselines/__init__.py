"""What a network has to beat: plain forecasts under the protocol that networks keep to as well."""

from factorprism.learning.baselines.fitting import BaselineForecaster
from factorprism.learning.baselines.protocol import (
    Forecaster,
    NetworkForecaster,
    ScoreReasons,
    evaluate_splits,
)

__all__ = [
    "BaselineForecaster",
    "Forecaster",
    "NetworkForecaster",
    "ScoreReasons",
    "evaluate_splits",
]
