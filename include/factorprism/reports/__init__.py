"""What a person looks at on paper: pictures as PNG, and the contest's page.

A picture is drawn when somebody asks for it (`factorprism draw`), never by a pipeline: the pages of
the UI draw for themselves what they show.
"""

from factorprism.reports._attribution import render_attribution
from factorprism.reports._backtest import render_backtest
from factorprism.reports._image import describe_forecast, render_image
from factorprism.reports._intervals import IntervalPanel, render_intervals
from factorprism.reports._neighbours import render_neighbours
from factorprism.reports._reliability import render_reliability
from factorprism.reports._shares import render_shares
from factorprism.reports._training import render_training
from factorprism.reports.contest_page import render_contest, write_contest
from factorprism.reports.contest_pictures import render_equity, render_gains
from factorprism.reports.contest_tables import (
    ContestSection,
    ReportTable,
    describe_scope,
    describe_size,
    is_tabulated,
    tabulate_report,
)

__all__ = [
    "ContestSection",
    "IntervalPanel",
    "ReportTable",
    "describe_forecast",
    "describe_scope",
    "describe_size",
    "is_tabulated",
    "render_attribution",
    "render_backtest",
    "render_contest",
    "render_equity",
    "render_gains",
    "render_image",
    "render_intervals",
    "render_neighbours",
    "render_reliability",
    "render_shares",
    "render_training",
    "tabulate_report",
    "write_contest",
]
