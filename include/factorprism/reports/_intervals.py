"""Draws figures with their intervals: one line an entrant, one panel a figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from factorprism.reports._canvas import (
    FAINT,
    HIGH,
    INK,
    LOW,
    SOFT,
    add_axes,
    open_sheet,
    strip,
    write_heading,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Inches; CHARACTER is the width of one of a label at its size.
WIDTH, BETWEEN, LINE, CHARACTER = 3.3, 0.6, 0.34, 0.078
BOTTOM, TOP, LEFT = 0.55, 1.12, 0.3
SIDE_BY_SIDE = 5


@dataclass(frozen=True)
class IntervalPanel:
    """One figure of all entrants: value, lower and upper end for each, NaN where undefined.

    `reference` is drawn as a line: what stands for knowing nothing. `decides` tells whether an
    interval on one side of it may be painted as a gain or a loss, since it is adjusted for multiple
    testing.
    """

    title: str
    intervals: Sequence[tuple[float, float, float]]
    reference: float | None = None
    unit: str = ""
    decides: bool = False


def render_intervals(
    labels: Sequence[str],
    panels: Sequence[IntervalPanel],
    *,
    title: str,
    subtitle: str = "",
    path: Path,
) -> Path:
    """Draw `panels` side by side over the lines `labels` as PNG at `path` and return it.

    In a panel that decides, an interval that lies wholly above the reference is red, below it blue;
    all others are grey. Raises ``ValueError`` without lines or panels, with more than
    five panels, and where a panel has not one interval for each line.
    """
    _check(labels, panels)
    left = LEFT + max(CHARACTER * max(map(len, labels)), 0.4) + 0.1
    width = left + len(panels) * (WIDTH + BETWEEN)
    needed = LEFT + 0.3 + max(0.112 * len(title), 0.083 * len(subtitle))
    height = LINE * (len(labels) + 0.4)
    with open_sheet(max(width, needed), BOTTOM + height + TOP, path) as figure:
        write_heading(figure, LEFT, title, subtitle)
        for number, panel in enumerate(panels):
            axes = add_axes(figure, left + number * (WIDTH + BETWEEN), BOTTOM, WIDTH, height)
            _draw_panel(axes, panel)
            axes.set_yticks(range(len(labels)), labels if number == 0 else [""] * len(labels))
            axes.set_ylim(len(labels) - 0.3, -0.7)
    return path


def _draw_panel(axes: Axes, panel: IntervalPanel) -> None:
    from matplotlib.ticker import MaxNLocator

    if panel.reference is not None:
        axes.axvline(panel.reference, color=SOFT, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    for line, (value, lower, upper) in enumerate(panel.intervals):
        colour = _colour(panel, lower, upper)
        axes.plot([lower, upper], [line, line], color=colour, linewidth=2.2, zorder=2)
        axes.plot([value], [line], "o", color=colour, markersize=5.5, zorder=3)
    axes.set_title(panel.title)
    if panel.unit:
        axes.set_xlabel(panel.unit)
    axes.margins(x=0.08)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.grid(axis="x", color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)
    strip(axes)
    axes.tick_params(axis="y", labelcolor=INK)


def _colour(panel: IntervalPanel, lower: float, upper: float) -> str:
    if panel.reference is None or not panel.decides:
        return SOFT
    if lower > panel.reference:
        return HIGH
    return LOW if upper < panel.reference else SOFT


def _check(labels: Sequence[str], panels: Sequence[IntervalPanel]) -> None:
    if not labels:
        raise ValueError("labels: none, expected one or more")
    if not 1 <= len(panels) <= SIDE_BY_SIDE:
        raise ValueError(f"panels: {len(panels)}, allowed are 1 to {SIDE_BY_SIDE}")
    for panel in panels:
        if len(panel.intervals) != len(labels):
            raise ValueError(
                f"panels: {panel.title!r} has {len(panel.intervals)} intervals, "
                f"expected one for each of {len(labels)} labels"
            )
        if not np.isfinite(np.array(panel.intervals, dtype=np.float64)).any():
            raise ValueError(f"panels: {panel.title!r} has no finite figure")
