"""What a person looks at.

The day's factor image, how reliable forecasts are, what they would have earned, how training went.
"""

from factorprism.figures._backtest import render_backtest
from factorprism.figures._image import describe_forecast, render_image
from factorprism.figures._reliability import render_reliability
from factorprism.figures._training import render_training

__all__ = [
    "describe_forecast",
    "render_backtest",
    "render_image",
    "render_reliability",
    "render_training",
]
