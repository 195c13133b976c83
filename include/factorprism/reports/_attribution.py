"""Draws the attribution of a forecast: the image under its Grad-CAM, factors, days and channels.

A network without a convolution over the image has none; then the image stands there as it is.

Days stand under the columns of the image and factors beside its rows, all on one scale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from factorprism.core.arrays import DayArray, FloatArray
from factorprism.core.ledger import Forecast
from factorprism.forecasts.explain import Attribution
from factorprism.reports._canvas import (
    FAINT,
    HIGH,
    INK,
    LOW,
    SOFT,
    add_axes,
    draw_bars,
    open_sheet,
    write_heading,
)
from factorprism.reports._image import (
    MARGIN,
    NAMES,
    describe_forecast,
    draw_channel,
    draw_scale,
    name_dates,
    name_factors,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

Values = npt.NDArray[np.float64]

IMAGE, BARS, ROW = 5.6, 2.0, 0.30  # inches: widths, and the height of one row
DAYS, FOOT, HEAD, BETWEEN = 1.15, 0.40, 1.20, 0.75
LEVELS = (0.5, 0.8)  # shares of the Grad-CAM's peak that are outlined
OUTLINES = (
    "outlines: half and four fifths of the peak",
    "of Grad-CAM; solid raises, dashed lowers",
)
NO_OUTLINES = ("the network has no convolution over", "the image, so there is no Grad-CAM")
NEGLIGIBLE = 1e-5  # of the output; beneath it a bar has no sign


def render_attribution(
    values: FloatArray,
    attribution: Attribution,
    *,
    sessions: DayArray,
    title: str,
    path: Path,
    output: str,
    forecast: Forecast | None = None,
    stability: Mapping[str, float] | None = None,
) -> Path:
    """Draw the attribution of one image as PNG at `path` and return it.

    Parameters
    ----------
    values
        Float [lookback, factor, channel] in z units, target's channel first, which is shown.
    attribution
        That of the same image; its channels and factors name the axes.
    sessions
        The `lookback` sessions of the image's rows.
    output
        What the network's first output is called.
    forecast
        What it says is written under the title.
    stability
        By kind, the rank correlation over models trained from other seeds; written where given.

    The bytes follow from the arguments alone. Raises ``ValueError`` when the axes disagree.
    """
    expected = (len(sessions), len(attribution.factors), len(attribution.channels))
    cam = attribution.grad_cam
    if values.shape != expected or (cam is not None and cam.shape != expected[:2]):
        raise ValueError(f"values: shape {values.shape}, expected {expected}")
    agreed = stability or {}
    sides = sum(len(names) * ROW + BETWEEN for _, _, names in _sides(attribution)) - BETWEEN
    height = max(len(attribution.factors) * ROW, sides)
    left, bottom = MARGIN + NAMES, FOOT + DAYS + 0.80
    limit = _limit(attribution)
    beside = left + IMAGE + 0.35
    aside = beside + BARS + 1.65
    sheet = (aside + BARS + 0.55, bottom + height + HEAD)
    with open_sheet(*sheet, path) as figure:
        write_heading(figure, MARGIN, title, describe_forecast(forecast) if forecast else "")
        axes = add_axes(figure, left, bottom, IMAGE, height)
        picture = _draw_overlay(axes, values[:, :, 0], attribution, agreed)
        name_factors(axes, attribution.factors)
        name_dates(axes, sessions)
        scale = add_axes(figure, aside, FOOT + 0.35, BARS, 0.14)
        draw_scale(figure, picture, scale, orientation="horizontal")
        days = add_axes(figure, left, FOOT, IMAGE, DAYS)
        _draw_days(days, attribution, len(sessions), limit, agreed)
        factors = add_axes(figure, beside, bottom, BARS, height)
        _draw_rows(factors, attribution.by_factor, limit)
        _entitle(factors, "factors", "factor", agreed)
        _draw_sides(figure, attribution, (aside, bottom, height), limit, agreed)
        _write_legend(figure, attribution, output, beside, DAYS + FOOT + 0.25)
    return path


def _limit(attribution: Attribution) -> float:
    """Return the size of the largest bar, 1 where nothing has any weight."""
    kinds = [kind for kind, _, _ in _sides(attribution)]
    peak = max(float(np.abs(attribution.select(kind)).max()) for kind in ("factor", "day", *kinds))
    return peak if peak > NEGLIGIBLE else 1.0


def _sides(attribution: Attribution) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return kind, title and parts of what stands in the right column.

    A single channel is the whole image, and its bar would dwarf all others.
    """
    sides = [("group", "groups", attribution.groups), ("channel", "channels", attribution.channels)]
    return sides if len(attribution.channels) > 1 else sides[:1]


def _draw_overlay(
    axes: Axes, values: FloatArray, attribution: Attribution, agreed: Mapping[str, float]
) -> AxesImage:
    picture = draw_channel(axes, values, attribution.channels[0])
    if attribution.grad_cam is None:
        _entitle(axes, f"{attribution.channels[0]}, without Grad-CAM", "grad_cam", agreed)
        return picture
    cam = attribution.grad_cam.T
    veil = np.zeros((*cam.shape, 4))
    veil[..., :3] = 0.55
    veil[..., 3] = 0.50 * (1.0 - np.clip(np.abs(cam) / LEVELS[0], 0.0, 1.0))
    axes.imshow(veil, aspect="auto", interpolation="bilinear")
    for sign, style in ((1.0, "solid"), (-1.0, "dashed")):
        # Outlines that the map does not reach would be a warning of the library.
        levels = [level for level in LEVELS if (sign * cam).max() > level > (sign * cam).min()]
        if levels:
            # A light line beneath, since a dark one is lost on the dark cells of an extreme.
            axes.contour(sign * cam, levels=levels, colors="white", linewidths=2.8, alpha=0.55)
            axes.contour(sign * cam, levels=levels, colors=INK, linewidths=1.3, linestyles=style)
    _entitle(axes, f"{attribution.channels[0]} under its Grad-CAM", "grad_cam", agreed)
    return picture


def _draw_days(
    axes: Axes,
    attribution: Attribution,
    n_days: int,
    limit: float,
    agreed: Mapping[str, float],
) -> None:
    # The oldest block may be shorter than the others, which are all of one length.
    n_blocks = len(attribution.by_day)
    size = -(-n_days // n_blocks)
    stops = np.array([n_days - size * block for block in range(n_blocks)][::-1])
    starts = np.maximum(stops - size, 0)
    heights = attribution.by_day
    middles = (starts + stops) / 2 - 0.5
    axes.bar(middles, heights, width=(stops - starts) * 0.86, color=_colours(heights))
    axes.axhline(0.0, color=SOFT, linewidth=0.8)
    for middle, height in zip(middles, heights, strict=True):
        axes.annotate(
            _write(height),
            (middle, height),
            xytext=(0, 3 if height >= 0 else -3),
            textcoords="offset points",
            ha="center",
            va="bottom" if height >= 0 else "top",
            fontsize=8,
            color=SOFT,
        )
    axes.set_xlim(-0.5, n_days - 0.5)
    axes.set_ylim(-limit * 1.35, limit * 1.35)
    axes.set_yticks([])
    axes.set_xticks([])
    axes.spines[:].set_visible(False)
    _entitle(axes, f"days, by {size} sessions", "day", agreed)


def _draw_sides(
    figure: Figure,
    attribution: Attribution,
    column: tuple[float, float, float],
    limit: float,
    agreed: Mapping[str, float],
) -> None:
    """Draw the groups of factors and below them the channels in `column`: left, bottom, height."""
    left, bottom, height = column
    top = bottom + height
    for kind, title, names in _sides(attribution):
        axes = add_axes(figure, left, top - len(names) * ROW, BARS, len(names) * ROW)
        _draw_rows(axes, attribution.select(kind), limit)
        axes.set_yticks(range(len(names)), names)
        _entitle(axes, title, kind, agreed)
        top -= len(names) * ROW + BETWEEN


def _draw_rows(axes: Axes, widths: Values, limit: float) -> None:
    """Draw one horizontal bar a row, its value beside it, rows as in the image."""
    for between in np.arange(-0.5, len(widths)):
        axes.axhline(between, color=FAINT, linewidth=0.4, zorder=0)
    labels = [_write(width) for width in widths]
    draw_bars(axes, widths, labels, _colours(widths), limit * 1.8)
    axes.set_yticks([])


def _entitle(axes: Axes, title: str, kind: str, agreed: Mapping[str, float]) -> None:
    axes.set_title(title, pad=9)
    if kind in agreed:
        text = f"seeds agree {_write(agreed[kind])}"
        axes.set_title(text, loc="right", pad=9, fontsize=8.5, color=SOFT)


def _write_legend(
    figure: Figure, attribution: Attribution, output: str, left: float, top: float
) -> None:
    median = _write(attribution.median_output)
    outlines = NO_OUTLINES if attribution.grad_cam is None else OUTLINES
    lines: Sequence[tuple[str, str]] = (
        (f"{output} {_write(attribution.output)}, of the median image {median}", INK),
        ("bars: what the part adds to it,", SOFT),
        ("against its own training median", SOFT),
        ("red: raises the forecast", HIGH),
        ("blue: lowers the forecast", LOW),
        *((line, SOFT) for line in outlines),
    )
    width, height = figure.get_size_inches()
    for number, (text, colour) in enumerate(lines):
        up = top - 0.19 * number
        figure.text(left / width, up / height, text, fontsize=8.5, color=colour, va="top")


def _colours(values: Values) -> list[str]:
    return [FAINT if abs(v) < NEGLIGIBLE else HIGH if v > 0 else LOW for v in values]


def _write(value: float) -> str:
    text = f"{value:+.2f}".replace("-", "−")
    return "0" if text.endswith("0.00") else text
