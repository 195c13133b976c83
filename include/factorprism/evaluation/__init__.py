"""What forecasts out of sample are worth: figures with intervals, and what became of them."""

from factorprism.evaluation.multiplicity import (
    Multiplicity,
    adjust_for_trials,
    multiplicity_sentence,
)
from factorprism.evaluation.skill import evaluate_candidate, find_skill, skill_sentence

__all__ = [
    "Multiplicity",
    "adjust_for_trials",
    "evaluate_candidate",
    "find_skill",
    "multiplicity_sentence",
    "skill_sentence",
]
