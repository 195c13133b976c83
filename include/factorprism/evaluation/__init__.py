"""What forecasts out of sample are worth: figures with intervals, and what became of them."""

from factorprism.evaluation.drift import Drift, measure_drift
from factorprism.evaluation.matured import MaturedLoss, measure_matured_loss
from factorprism.evaluation.multiplicity import (
    Multiplicity,
    adjust_for_trials,
    multiplicity_sentence,
)
from factorprism.evaluation.skill import evaluate, evaluate_candidate, find_skill, skill_sentence

__all__ = [
    "Drift",
    "MaturedLoss",
    "Multiplicity",
    "adjust_for_trials",
    "evaluate",
    "evaluate_candidate",
    "find_skill",
    "measure_drift",
    "measure_matured_loss",
    "multiplicity_sentence",
    "skill_sentence",
]
