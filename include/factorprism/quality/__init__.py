"""The quality gate: bars before they are merged, factors before they become images, and its docs.

Great Expectations is imported when the first check runs, not with this package.
"""

from factorprism.quality._measuring import HISTORY_DAYS
from factorprism.quality.bars import check_bars
from factorprism.quality.data_docs import render_data_docs
from factorprism.quality.factors import check_factors
from factorprism.quality.gate import require
from factorprism.quality.missing import MissingReport, count_missing
from factorprism.quality.setting_aside import (
    Sorted,
    blank_untraded,
    is_too_much,
    sort_out,
)
from factorprism.quality.verdicts import Verdicts

__all__ = [
    "HISTORY_DAYS",
    "MissingReport",
    "Sorted",
    "Verdicts",
    "blank_untraded",
    "check_bars",
    "check_factors",
    "count_missing",
    "is_too_much",
    "render_data_docs",
    "require",
    "sort_out",
]
