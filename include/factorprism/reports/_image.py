"""Draws the day's factor image, channel by channel, and the target's factors as lines beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from factorprism.core.arrays import DayArray, FloatArray
from factorprism.core.ledger import Forecast
from factorprism.reports._canvas import (
    FAINT,
    HIGH,
    INK,
    LOW,
    MISSING,
    SOFT,
    add_axes,
    open_sheet,
    write_heading,
)
from factorprism.targets.headline import read_headline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

COLOUR_LIMIT = 3.0  # z; fixed, so that the pictures of two days can be compared
LINE_LIMIT = 2.5  # z that fills half a row; what lies beyond reaches into the next
MARGIN, NAMES, GAP, BAR, FIGURES = 0.30, 1.30, 0.26, 0.14, 0.55  # inches
HEAD, SUBTITLE, DATES = 0.95, 0.25, 0.42


def render_image(
    values: FloatArray,
    *,
    sessions: DayArray,
    factors: Sequence[str],
    channels: Sequence[str],
    title: str,
    path: Path,
    forecast: Forecast | None = None,
) -> Path:
    """Draw one image as PNG at `path` and return it.

    Parameters
    ----------
    values
        Float [lookback, factor, channel] in z units, target's channel first; a NaN cell is grey,
        and colours end at +-3.
    sessions
        The `lookback` sessions of its rows; they become the columns of the picture.
    factors, channels
        The names of the other two axes.
    forecast
        What it says, or the reason why it was withheld, is written under the title.

    The bytes follow from the arguments alone. Raises ``ValueError`` when the axes disagree.
    """
    expected = (len(sessions), len(factors), len(channels))
    if values.shape != expected or 0 in expected:
        raise ValueError(f"values: shape {values.shape}, expected {expected} and no empty axis")
    layout = _Layout(len(factors), len(channels), HEAD + (SUBTITLE if forecast else 0.0))
    with open_sheet(layout.width, layout.height, path) as figure:
        write_heading(figure, MARGIN, title, describe_forecast(forecast) if forecast else "")
        for number, channel in enumerate(channels):
            axes = add_axes(figure, *layout.panel(number))
            picture = draw_channel(axes, values[:, :, number], channel)
            name_factors(axes, factors if layout.is_first_column(number) else ())
            name_dates(axes, sessions)
        draw_scale(figure, picture, add_axes(figure, *layout.bar()))
        axes = add_axes(figure, *layout.lines())
        _draw_lines(axes, values[:, :, 0], factors)
        axes.set_title(f"{channels[0]}, line by line", pad=9)
        name_dates(axes, sessions)
    return path


def describe_forecast(forecast: Forecast) -> str:
    """Return the line that says what the model made of the image, or why nothing was issued."""
    headline = read_headline(forecast)
    if headline is None:
        return f"forecast withheld: {forecast.reason}"
    horizon = f"{forecast.horizon} sessions{', expected' if forecast.horizon_end_expected else ''}"
    own, reference = headline.words
    words = headline.target.words
    return (
        f"{words.headline} by {forecast.horizon_end} ({horizon}): {own}, {words.reference} "
        f"{reference}; issued by {forecast.model_id}"
    )


@dataclass(frozen=True)
class _Layout:
    """Where everything stands, in inches: up to three channels in a row, more in two columns."""

    n_factors: int
    n_channels: int
    head: float

    @property
    def columns(self) -> int:
        return self.n_channels if self.n_channels <= 3 else 2

    @property
    def rows(self) -> int:
        return -(-self.n_channels // self.columns)

    @property
    def panel_width(self) -> float:
        return {1: 6.0, 2: 4.6}.get(self.columns, 3.5)

    @property
    def panel_height(self) -> float:
        row = 0.21 if self.rows > 1 else 0.30 if self.n_channels == 1 else 0.35
        return max(self.n_factors * row, 1.6)

    @property
    def line_width(self) -> float:
        return 5.0 if self.n_channels == 1 else 4.2

    @property
    def bar_left(self) -> float:
        return MARGIN + NAMES + self.columns * self.panel_width + (self.columns - 1) * GAP + 0.16

    @property
    def lines_left(self) -> float:
        return self.bar_left + BAR + 0.95

    @property
    def width(self) -> float:
        return self.lines_left + self.line_width + NAMES + FIGURES

    @property
    def block(self) -> float:
        """Height of all rows of panels, with the dates between them."""
        return self.rows * self.panel_height + (self.rows - 1) * (DATES + 0.35)

    @property
    def height(self) -> float:
        return self.head + self.block + DATES + 0.2

    def is_first_column(self, number: int) -> bool:
        return number % self.columns == 0

    def panel(self, number: int) -> tuple[float, float, float, float]:
        row, column = divmod(number, self.columns)
        left = MARGIN + NAMES + column * (self.panel_width + GAP)
        top = self.height - self.head - row * (self.panel_height + DATES + 0.35)
        return left, top - self.panel_height, self.panel_width, self.panel_height

    def bar(self) -> tuple[float, float, float, float]:
        return self.bar_left, DATES + 0.2, BAR, self.block

    def lines(self) -> tuple[float, float, float, float]:
        return self.lines_left, DATES + 0.2, self.line_width, self.block


def draw_channel(axes: Axes, values: FloatArray, channel: str) -> AxesImage:
    """Draw one channel, [lookback, factor] in z units, sessions across; return the picture."""
    import matplotlib

    colours = matplotlib.colormaps["RdBu_r"].with_extremes(bad=MISSING)
    picture = axes.imshow(
        np.ma.masked_invalid(values.T),
        aspect="auto",
        interpolation="nearest",
        cmap=colours,
        vmin=-COLOUR_LIMIT,
        vmax=COLOUR_LIMIT,
    )
    axes.set_title(channel, pad=9)
    axes.set_yticks(np.arange(0.5, values.shape[1] - 1), minor=True)
    axes.grid(which="minor", axis="y", color="white", linewidth=0.8)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    return picture


def name_factors(axes: Axes, factors: Sequence[str]) -> None:
    """Write the factors beside the rows of `axes`."""
    axes.set_yticks(range(len(factors)), factors)


def name_dates(axes: Axes, sessions: DayArray, count: int = 4) -> None:
    """Put `count` dates under `axes`, the first and last session among them."""
    indices = np.unique(np.linspace(0, len(sessions) - 1, count).round().astype(int))
    days = np.datetime_as_string(sessions[indices].astype("datetime64[D]"))
    axes.set_xticks(indices, days)
    axes.tick_params(axis="x", length=3, color=FAINT)
    # The outer dates stay inside their panel, or they would run into the neighbour's.
    labels = axes.get_xticklabels()
    if len(labels) > 1:
        labels[0].set_horizontalalignment("left")
        labels[-1].set_horizontalalignment("right")


def draw_scale(
    figure: Figure, picture: AxesImage, axes: Axes, orientation: str = "vertical"
) -> None:
    """Draw the colour scale of `picture` in `axes`."""
    bar = figure.colorbar(picture, cax=axes, extend="both", orientation=orientation)
    bar.set_ticks([-3, -2, -1, 0, 1, 2, 3], labels=["−3", "−2", "−1", "0", "+1", "+2", "+3"])
    bar.set_label("normalised value (z)")
    bar.ax.tick_params(length=0)
    bar.outline.set_visible(False)


def _draw_lines(axes: Axes, values: FloatArray, factors: Sequence[str]) -> None:
    """Draw each factor around its row's middle, filled towards zero, its last value at the end."""
    n_sessions, n_factors = values.shape
    days = np.arange(n_sessions)
    # Dense enough that the fill ends where the line crosses zero.
    between = np.linspace(0, n_sessions - 1, (n_sessions - 1) * 8 + 1)
    for row, line in enumerate(values.T):
        heights = line * (0.5 / LINE_LIMIT)
        axes.axhline(row, color=FAINT, linewidth=0.7, zorder=0)
        dense = np.interp(between, days, heights)
        for colour, part in ((HIGH, np.maximum(dense, 0)), (LOW, np.minimum(dense, 0))):
            axes.fill_between(
                between, row, row - part, color=colour, alpha=0.35, lw=0, clip_on=False
            )
        axes.plot(days, row - heights, color=INK, linewidth=1.0, clip_on=False)
        last = line[-1]
        text = "gap" if np.isnan(last) else f"{last:+.1f}".replace("-", "−")
        colour = SOFT if np.isnan(last) else HIGH if last > 0 else LOW
        _write_beside(axes, row, 0.08, text, colour)
        _write_beside(axes, row, FIGURES, factors[row], SOFT)
    axes.set_xlim(-0.5, n_sessions - 0.5)
    axes.set_ylim(n_factors - 0.5, -0.5)
    axes.set_yticks([])
    axes.grid(axis="x", color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)


def _write_beside(axes: Axes, row: int, inches: float, text: str, colour: str) -> None:
    axes.annotate(
        text,
        (1.0, row),
        xycoords=("axes fraction", "data"),
        xytext=(inches * 72, 0),
        textcoords="offset points",
        va="center",
        fontsize=8.5,
        color=colour,
    )
