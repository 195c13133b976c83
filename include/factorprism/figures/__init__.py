"""What a person looks at: the day's factor image, how reliable forecasts are, how training went."""

from factorprism.figures._image import describe_forecast, render_image
from factorprism.figures._reliability import render_reliability
from factorprism.figures._training import render_training

__all__ = ["describe_forecast", "render_image", "render_reliability", "render_training"]
