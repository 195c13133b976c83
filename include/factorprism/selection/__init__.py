"""Who issues the forecasts: the contest, the promotion of its winner, and its refreshing."""

from factorprism.selection.pairing import Paired, compare
from factorprism.selection.promotion import PromotionDecision, PromotionRule, decide_promotion
from factorprism.selection.refreshing import decide_mode

__all__ = [
    "Paired",
    "PromotionDecision",
    "PromotionRule",
    "compare",
    "decide_mode",
    "decide_promotion",
]
