"""Who issues the forecasts: the contest, the promotion of its winner, and its refreshing."""

from factorprism.selection.pairing import Paired, compare
from factorprism.selection.promotion import Judgement, PromotionRule, judge
from factorprism.selection.refreshing import decide_mode

__all__ = [
    "Judgement",
    "Paired",
    "PromotionRule",
    "compare",
    "decide_mode",
    "judge",
]
