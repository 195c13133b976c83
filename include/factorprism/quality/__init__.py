"""The quality gate: bars before they are merged, factors before they become images, and its docs.

Great Expectations is imported when the first check runs, not with this package.
"""

from factorprism.quality.bars import check_bars
from factorprism.quality.data_docs import render_data_docs
from factorprism.quality.factors import check_factors
from factorprism.quality.gate import require
from factorprism.quality.missing import MissingReport, count_missing

__all__ = [
    "MissingReport",
    "check_bars",
    "check_factors",
    "count_missing",
    "render_data_docs",
    "require",
]
