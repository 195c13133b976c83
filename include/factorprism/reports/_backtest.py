"""Draws backtests of forecasts: equity and drawdown beside those of buy-and-hold."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from factorprism.reports._canvas import (
    FAINT,
    HIGH,
    LOW,
    SOFT,
    add_axes,
    open_sheet,
    strip,
    write_heading,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Column = npt.NDArray[np.float64]

# The two inks of the house first, then hues that colour-blind eyes tell apart.
COLOURS = (HIGH, LOW, "#e08214", "#1b9e77", "#762a83", "#8c6d31")
REFERENCE = "#8b959e"
# Inches; LINE is the least distance between the labels at the ends of two lines.
LEFT, WIDTH, LINE = 0.75, 5.9, 0.17
BOTTOM, BELOW, BETWEEN, ABOVE, TOP = 0.4, 1.35, 0.42, 3.0, 1.15


def render_backtest(
    sessions: npt.NDArray[np.datetime64],
    equity: Mapping[str, Column],
    *,
    reference: str,
    title: str,
    subtitle: str = "",
    path: Path,
) -> Path:
    """Draw equity and drawdown of several backtests as PNG at `path` and return it.

    `equity` holds for each name the value at the close of each of `sessions`, float64 [session],
    from 1 before the first. `reference` names the backtest that the others are held against: it is
    drawn in grey. Beside each line stand its name and last growth, below its deepest fall. Raises
    ``ValueError`` for other shapes, values that are not positive, or more lines than colours.
    """
    _check(sessions, equity, reference)
    others = [name for name in equity if name != reference]
    colours = {reference: REFERENCE, **dict(zip(others, COLOURS, strict=False))}
    grown = {name: 100.0 * (values - 1.0) for name, values in equity.items()}
    fallen = {name: 100.0 * _compute_fall(values) for name, values in equity.items()}
    ends = {name: f"{name}  {_percent(values[-1])}" for name, values in grown.items()}
    deepest = {name: f"deepest {_percent(values.min())}" for name, values in fallen.items()}
    width = LEFT + WIDTH + 0.3 + 0.085 * max(len(end) for end in (*ends.values(), *deepest))
    with open_sheet(width, BOTTOM + BELOW + BETWEEN + ABOVE + TOP, path) as figure:
        write_heading(figure, 0.3, title, subtitle)
        above = add_axes(figure, LEFT, BOTTOM + BELOW + BETWEEN, WIDTH, ABOVE)
        _draw_curves(above, sessions, grown, colours, "growth since the start")
        last = {name: float(values[-1]) for name, values in grown.items()}
        _write_ends(above, last, ends, colours, ABOVE)
        above.tick_params(labelbottom=False)
        below = add_axes(figure, LEFT, BOTTOM, WIDTH, BELOW)
        below.fill_between(sessions, fallen[reference], 0.0, color=FAINT, alpha=0.6, linewidth=0)
        _draw_curves(below, sessions, fallen, colours, "fall from the highest point so far")
        lowest = {name: float(values.min()) for name, values in fallen.items()}
        _write_ends(below, lowest, deepest, colours, BELOW)
    return path


def _draw_curves(
    axes: Axes,
    sessions: npt.NDArray[np.datetime64],
    curves: Mapping[str, Column],
    colours: Mapping[str, str],
    title: str,
) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    # The reference comes first in `colours`: it lies under the others, and broader, so that it
    # is still seen where one of them has returned the same.
    for name, colour in colours.items():
        broad = 3.0 if colour == REFERENCE else 1.4
        axes.plot(sessions, curves[name], color=colour, linewidth=broad, solid_capstyle="round")
    axes.axhline(0.0, color=SOFT, linewidth=0.8, zorder=1)
    axes.set_title(title)
    axes.margins(x=0.0)
    locator = AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    dates = ConciseDateFormatter(locator, show_offset=False)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(dates)
    axes.yaxis.set_major_formatter(lambda value, _: _percent(value, decimals=0))
    axes.grid(axis="y", color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)
    strip(axes)


def _write_ends(
    axes: Axes,
    values: Mapping[str, float],
    texts: Mapping[str, str],
    colours: Mapping[str, str],
    height: float,
) -> None:
    """Write each of `texts` at the right edge, as near to its value as the others leave room."""
    lowest, highest = axes.get_ylim()
    wanted = (np.array([*values.values()]) - lowest) / (highest - lowest)
    for name, inches in zip(values, _spread_apart(wanted * height, LINE, height), strict=True):
        axes.annotate(
            texts[name],
            (1.0, inches / height),
            xycoords="axes fraction",
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=SOFT if colours[name] == REFERENCE else colours[name],
            fontsize=8.5,
        )


def _spread_apart(wanted: Column, least: float, height: float) -> Column:
    """Return heights near `wanted` in their order, `least` apart, within [0, `height`] if they fit.

    Labels that would lie on one another are moved as one block around their common middle.
    """
    order = np.argsort(wanted, kind="stable")
    blocks: list[tuple[float, int]] = []  # sum of the lowest heights wanted, number of labels
    for number, inches in enumerate(wanted[order]):
        total, count = float(inches) - number * least, 1
        # Pool adjacent violators: the isotonic fit of the heights less their own share of room.
        while blocks and blocks[-1][0] / blocks[-1][1] > total / count:
            total, count = total + blocks[-1][0], count + blocks[-1][1]
            blocks.pop()
        blocks.append((total, count))
    highest = max(height - (len(wanted) - 1) * least, 0.0)
    starts = np.concatenate([np.full(count, total / count) for total, count in blocks])
    spread = np.empty(len(wanted))
    spread[order] = np.clip(starts, 0.0, highest) + np.arange(len(wanted)) * least
    return spread


def _compute_fall(equity: Column) -> Column:
    return equity / np.maximum(np.maximum.accumulate(equity), 1.0) - 1.0


def _percent(value: float, decimals: int = 1) -> str:
    text = f"{value:+.{decimals}f}%"
    # Rounded to nothing there is no sign.
    return text[1:] if float(text[:-1]) == 0.0 else text.replace("-", "\N{MINUS SIGN}")


def _check(
    sessions: npt.NDArray[np.datetime64], equity: Mapping[str, Column], reference: str
) -> None:
    if reference not in equity:
        raise ValueError(f"reference: {reference!r}, expected one of {sorted(equity)}")
    if len(equity) > len(COLOURS) + 1:
        raise ValueError(f"equity: {len(equity)} lines, allowed are {len(COLOURS) + 1}")
    for name, values in equity.items():
        if values.shape != sessions.shape or values.ndim != 1 or len(values) < 2:
            shapes = f"{values.shape} for sessions {sessions.shape}"
            raise ValueError(f"equity[{name!r}]: shape {shapes}, expected [session > 1]")
        if not (np.isfinite(values) & (values > 0.0)).all():
            raise ValueError(f"equity[{name!r}]: values are not all positive and finite")
