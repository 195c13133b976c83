"""Who issues the forecasts: the contest, the promotion of its winner, and its refreshing."""

from factorprism.selection.pairing import Paired, compare
from factorprism.selection.promotion import PromotionRule, decide_promotion

__all__ = [
    "Paired",
    "PromotionRule",
    "compare",
    "decide_promotion",
]
