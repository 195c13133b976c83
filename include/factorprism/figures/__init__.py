"""What a person looks at.

The day's image and what its forecast is owed to, how reliable forecasts are and what they would
have earned, how training went, how contestants compare.
"""

from factorprism.figures._attribution import render_attribution
from factorprism.figures._backtest import render_backtest
from factorprism.figures._image import describe_forecast, render_image
from factorprism.figures._intervals import IntervalPanel, render_intervals
from factorprism.figures._neighbours import render_neighbours
from factorprism.figures._reliability import render_reliability
from factorprism.figures._shares import render_shares
from factorprism.figures._training import render_training

__all__ = [
    "IntervalPanel",
    "describe_forecast",
    "render_attribution",
    "render_backtest",
    "render_image",
    "render_intervals",
    "render_neighbours",
    "render_reliability",
    "render_shares",
    "render_training",
]
