"""Draws the day's image beside its nearest neighbours, with what came after each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from factorprism.core.arrays import DayArray, FloatArray
from factorprism.forecasts.explain import NearestNeighbours
from factorprism.reports._canvas import HIGH, LOW, SOFT, add_axes, open_sheet, write_heading
from factorprism.reports._image import (
    MARGIN,
    NAMES,
    draw_channel,
    draw_scale,
    name_dates,
    name_factors,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = 3
PANEL, ROW, GAP = 3.3, 0.21, 0.30  # inches
HEAD, CAPTION, DATES, FOOT = 0.95, 0.62, 0.45, 0.25


def render_neighbours(
    values: Sequence[FloatArray],
    nearest_neighbours: NearestNeighbours,
    *,
    sessions: Sequence[DayArray],
    factors: Sequence[str],
    title: str,
    path: Path,
) -> Path:
    """Draw the day's image and its neighbours as PNG at `path` and return it.

    Parameters
    ----------
    values
        Float [lookback, factor] in z units of the target's channel: the day's image first, then
        one for each of ``nearest_neighbours.neighbours`` in their order; empty where it is not
        held.
    sessions
        The sessions of each image's rows, in the same order.
    factors
        The names of the image's other axis.

    The bytes follow from the arguments alone. Raises ``ValueError`` when the numbers disagree.
    """
    expected = len(nearest_neighbours.neighbours) + 1
    if len(values) != expected or len(sessions) != expected:
        raise ValueError(
            f"values, sessions: {len(values)} and {len(sessions)}, expected {expected}: the "
            "day's and one for each neighbour"
        )
    shapes = [(len(days), len(factors)) for days in sessions]
    if [image.shape for image in values] != shapes:
        raise ValueError(f"values: shapes {[image.shape for image in values]}, expected {shapes}")
    n_rows, height = -(-expected // COLUMNS), max(len(factors) * ROW, 1.6)
    block = CAPTION + height + DATES
    right = MARGIN + NAMES + COLUMNS * PANEL + (COLUMNS - 1) * GAP
    with open_sheet(right + 1.0, HEAD + n_rows * block + FOOT, path) as figure:
        write_heading(figure, MARGIN, title, _summarise(nearest_neighbours))
        for number, (image, days) in enumerate(zip(values, sessions, strict=True)):
            row, column = divmod(number, COLUMNS)
            left = MARGIN + NAMES + column * (PANEL + GAP)
            bottom = FOOT + (n_rows - row - 1) * block + DATES
            axes = add_axes(figure, left, bottom, PANEL, height)
            head, follow, colour = _caption(nearest_neighbours, number)
            if len(image):
                picture = draw_channel(axes, image, "")
                name_factors(axes, factors if column == 0 else ())
                name_dates(axes, days, count=3)
            else:
                _write_absent(axes)
            # Two lines of their own, so that a long one never meets its neighbour.
            for text, lift, ink, weight in ((head, 22, None, "bold"), (follow, 7, colour, None)):
                axes.annotate(
                    text,
                    (0, 1),
                    xycoords="axes fraction",
                    xytext=(0, lift),
                    textcoords="offset points",
                    fontsize=9,
                    color=ink,
                    weight=weight,
                )
        draw_scale(figure, picture, add_axes(figure, right + 0.16, FOOT + DATES, 0.14, height))
    return path


def _write_absent(axes: Axes) -> None:
    axes.text(0.5, 0.5, "its factors are no longer held", ha="center", va="center", color=SOFT)
    axes.set_xticks([])
    axes.set_yticks([])


def _caption(nearest_neighbours: NearestNeighbours, number: int) -> tuple[str, str, str]:
    """Return two lines over image `number`, 0 the day's own, and the colour of the second."""
    if number == 0:
        return (
            f"{nearest_neighbours.session}: the day",
            "the image that the forecast is made from",
            SOFT,
        )
    neighbour = nearest_neighbours.neighbours[number - 1]
    change = _write(neighbour.forward_return)
    return (
        f"{number}. {neighbour.session}, distance {neighbour.distance:.2f}",
        f"return {change} by {neighbour.outcome_end}",
        HIGH if neighbour.forward_return > 0 else LOW,
    )


def _summarise(nearest_neighbours: NearestNeighbours) -> str:
    returns = np.array([neighbour.forward_return for neighbour in nearest_neighbours.neighbours])
    novelty = "unlike any past image" if nearest_neighbours.novel else "within what was seen"
    verdict = (
        f"{novelty}: the nearest lies {nearest_neighbours.distance:.2f} away, the limit is "
        f"{nearest_neighbours.threshold:.2f}"
    )
    if not len(returns):
        return verdict
    median = _write(float(np.median(returns)))
    return f"{verdict}; median return afterwards {median}"


def _write(share: float) -> str:
    """Return `share` in per cent, with the decimals that tell it from zero."""
    return f"{share:+.{1 if abs(share) >= 0.001 else 2}%}".replace("-", "−")
