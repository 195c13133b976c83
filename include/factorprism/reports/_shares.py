"""Draws what an image's parts add to the output by two methods, and what baselines make of it.

Above, one map for each method and channel: groups of factors by blocks of days, all on one scale.
Below, for each baseline one bar a factor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from factorprism.forecasts.explain import Shares
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
from factorprism.reports._image import MARGIN, NAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Values = npt.NDArray[np.float64]

CELL_WIDTH, CELL_HEIGHT, ROW = 0.58, 0.36, 0.27  # inches
BETWEEN, HEAD, FOOT, DATES, BASELINE = 0.45, 1.25, 0.30, 0.85, 2.6
NEGLIGIBLE = 5e-3  # of the output; beneath it a number is written as 0
TITLES = {"shapley": "Shapley values", "surrogate": "local surrogate"}


def render_shares(
    shapley: Shares,
    surrogate: Shares,
    baselines: Mapping[str, Values],
    *,
    factors: Sequence[str],
    title: str,
    path: Path,
    output: str,
    stability: Mapping[str, float] | None = None,
) -> Path:
    """Draw the shares of one image's parts as PNG at `path` and return it.

    Parameters
    ----------
    shapley, surrogate
        Two readings of the same image by the same model.
    baselines
        By name, what each factor adds to a baseline's score, float64 [factor]; may be empty.
    factors
        Names the baselines' rows.
    output
        What the network's first output is called.
    stability
        By method, the rank correlation over models trained from other seeds; written where given.

    The bytes follow from the arguments alone. Raises ``ValueError`` when the axes disagree.
    """
    if surrogate.values.shape != shapley.values.shape:
        raise ValueError(f"surrogate: {surrogate.values.shape}, expected {shapley.values.shape}")
    for name, values in baselines.items():
        if values.shape != (len(factors),):
            raise ValueError(f"baselines: {name} has {values.shape}, expected ({len(factors)},)")
    n_channels, n_groups, n_blocks = shapley.values.shape
    left, wide, high = MARGIN + NAMES, n_blocks * CELL_WIDTH, n_groups * CELL_HEIGHT
    maps = n_channels * high + (n_channels - 1) * 0.32 + DATES
    bars = len(factors) * ROW + 0.40 if baselines else 0.0
    width = max(2 * wide + BETWEEN, 3 * BASELINE + 2 * BETWEEN)
    with open_sheet(left + width + 0.4, HEAD + maps + bars + FOOT, path) as figure:
        write_heading(figure, MARGIN, title, _summarise(output, shapley, surrogate))
        limit = _limit(shapley.values, surrogate.values)
        for number, shares in enumerate((shapley, surrogate)):
            across = left + number * (wide + BETWEEN)
            for channel in range(n_channels):
                up = FOOT + bars + DATES + (n_channels - 1 - channel) * (high + 0.32)
                axes = add_axes(figure, across, up, wide, high)
                _draw_map(axes, shares.values[channel], limit)
                axes.set_yticks(range(n_groups), shares.groups if number == 0 else [""] * n_groups)
                _entitle(axes, shares, channel, stability or {})
            _name_blocks(axes, shares)
        _write_legend(figure, MARGIN, FOOT + bars + 0.18)
        peak = max((_limit(values) for values in baselines.values()), default=1.0)
        for number, (name, values) in enumerate(baselines.items()):
            across = left + number * (BASELINE + BETWEEN)
            axes = add_axes(figure, across, FOOT, BASELINE, len(factors) * ROW)
            _draw_bars(axes, values, peak)
            axes.set_yticks(range(len(factors)), factors if number == 0 else [""] * len(factors))
            axes.set_title(f"{name}: score by factor", pad=6)
    return path


def _summarise(output: str, shapley: Shares, surrogate: Shares) -> str:
    text = (
        f"{output} {_write(shapley.output)}, of the median image {_write(shapley.median_output)}; "
        f"R2 of the surrogate {surrogate.figures['r2']:.2f}"
    )
    error = shapley.figures.get("standard_error_max")
    return text if error is None else f"{text}, standard error of a Shapley value up to {error:.2f}"


def _write_legend(figure: Figure, left: float, up: float) -> None:
    width, height = figure.get_size_inches()
    text = (
        "cells: what a group of factors, in the sessions from that day on, adds to the network's "
        "output; bars: what a factor adds to the baseline's score; red raises, blue lowers"
    )
    figure.text(left / width, up / height, text, fontsize=8.5, color=SOFT)


def _limit(*arrays: Values) -> float:
    """Return the largest size among `arrays`, 1 where nothing has any weight."""
    peak = max(float(np.abs(values).max()) for values in arrays)
    return peak if peak > 0.0 else 1.0


def _draw_map(axes: Axes, values: Values, limit: float) -> None:
    """Draw one number a cell, [group, block], red where it raises and blue where it lowers."""
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("shares", [LOW, "#ffffff", HIGH])
    axes.imshow(values, cmap=colours, vmin=-limit, vmax=limit, aspect="auto")
    for row, column in np.ndindex(values.shape):
        value = float(values[row, column])
        bright = abs(value) > 0.6 * limit
        axes.text(
            column,
            row,
            _write(value),
            ha="center",
            va="center",
            fontsize=7.5,
            color="white" if bright else INK,
        )
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_color(FAINT)


def _name_blocks(axes: Axes, shares: Shares) -> None:
    """Write the first session of each block under the lowest map."""
    starts = [first.strftime("%m-%d") for first, _ in shares.day_blocks]
    axes.set_xticks(range(len(starts)), starts, rotation=45, ha="right", rotation_mode="anchor")


def _entitle(axes: Axes, shares: Shares, channel: int, agreed: Mapping[str, float]) -> None:
    name = TITLES.get(shares.method, shares.method)
    axes.set_title(f"{name}, {shares.channels[channel]}", pad=6)
    if channel == 0 and shares.method in agreed:
        text = f"seeds agree {_write(agreed[shares.method])}"
        axes.set_title(text, loc="right", pad=6, fontsize=8.5, color=SOFT)


def _draw_bars(axes: Axes, widths: Values, limit: float) -> None:
    colours = [HIGH if width > 0 else LOW for width in widths]
    draw_bars(axes, widths, [_write(width) for width in widths], colours, limit * 1.45)


def _write(value: float) -> str:
    if abs(value) < NEGLIGIBLE:
        return "0"
    return f"{value:+.2f}".replace("-", "\u2212")
