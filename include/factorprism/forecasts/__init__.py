"""From an image to a forecast row, and from matured bars to its outcome."""

from factorprism.forecasts.predict import ImageWindow, encode_window, predict_window
from factorprism.forecasts.settle import find_horizon_end, settle_at, settle_forecasts

__all__ = [
    "ImageWindow",
    "encode_window",
    "find_horizon_end",
    "predict_window",
    "settle_at",
    "settle_forecasts",
]
