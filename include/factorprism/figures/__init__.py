"""What a person looks at: the day's image, what a forecast is owed to, reliability, training."""

from factorprism.figures._attribution import render_attribution
from factorprism.figures._image import describe_forecast, render_image
from factorprism.figures._neighbours import render_neighbours
from factorprism.figures._reliability import render_reliability
from factorprism.figures._training import render_training

__all__ = [
    "describe_forecast",
    "render_attribution",
    "render_image",
    "render_neighbours",
    "render_reliability",
    "render_training",
]
