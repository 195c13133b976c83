"""The missing-data line and the counts that explain it."""

from __future__ import annotations

import numpy as np

from factorprism.core.calendar import TradingCalendar
from factorprism.market.panels import FactorPanel
from factorprism.quality import MissingReport, count_missing


def test_the_line_of_the_original_study(xshg: TradingCalendar):
    names = tuple(f"factor_{index}" for index in range(16))
    values = np.zeros((971, 16), dtype=np.float32)
    values[:14, 0] = np.nan
    values[:33, 5] = np.nan
    panel = FactorPanel("000300.SH", xshg.session_days[:971], names, values)
    report = count_missing(panel, {"factor_0": 14, "factor_5": 33, "unknown": 9})
    assert report.line == "missing 47 of 15536 (0.30%)"
    assert sum(report.per_factor.values()) == report.missing
    assert list(report.per_factor) == list(names)
    assert report.explanations["factor_0"] == "14 (look-back 14)"
    assert report.explanations["factor_1"] == "0"
    assert set(report.lookbacks) == {"factor_0", "factor_5"}


def test_a_panel_without_cells_misses_nothing():
    assert MissingReport(0, 0, {}).line == "missing 0 of 0 (0.00%)"


def test_an_infinite_cell_is_not_missing(panel: FactorPanel):
    values = panel.values.copy()
    values[0, 0] = np.inf
    report = count_missing(FactorPanel(panel.symbol, panel.sessions, panel.factors, values))
    assert report.line == "missing 0 of 1200 (0.00%)"
