"""Draws how often the index rose where a model said so: the reliability diagram."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from factorprism.evaluation.reliability import ReliabilityBin, bin_forecasts
from factorprism.evaluation.resampling import count_independent
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


def render_reliability(
    rows: npt.NDArray[np.int64],
    y_prob: npt.NDArray[np.float64],
    went_up: npt.NDArray[np.bool_],
    horizon: int,
    *,
    title: str,
    path: Path,
) -> Path:
    """Draw observed shares against forecast probabilities as PNG at `path` and return it.

    The arrays are [sample], as `bin_forecasts` takes them: `y_prob` are probabilities of a rise
    over `horizon` sessions, made on session rows `rows`, and `went_up` what came of them. A point
    stands at its bin's mean probability with the 95% Wilson interval over the windows that do not
    overlap. Below it, how many forecasts each hundredth holds. Raises ``ValueError`` without
    forecasts and for probabilities outside [0, 1].
    """
    if not len(y_prob):
        raise ValueError("y_prob: no forecasts, expected at least one")
    if not ((y_prob >= 0) & (y_prob <= 1)).all():
        raise ValueError("y_prob: values lie outside [0, 1]")
    windows = count_independent(rows, horizon)
    with open_sheet(5.6, 6.6, path) as figure:
        subtitle = f"{len(y_prob)} forecasts, {windows} windows that do not overlap"
        write_heading(figure, 0.3, title, subtitle)
        above = add_axes(figure, 0.85, 1.95, 4.4, 3.65)
        limits = _limits(y_prob)
        _draw_shares(above, bin_forecasts(rows, y_prob, went_up, horizon), float(went_up.mean()))
        above.set_xlim(*limits)
        _draw_counts(add_axes(figure, 0.85, 0.6, 4.4, 1.0), y_prob, limits)
    return path


def _draw_shares(axes: Axes, bins: Sequence[ReliabilityBin], rose: float) -> None:
    axes.plot([0, 1], [0, 1], color=SOFT, linewidth=1, linestyle=(0, (4, 3)), label="as forecast")
    axes.axhline(rose, color=LOW, linewidth=1, label=f"all: {rose:.1%} rose")
    shares = np.array([one.share for one in bins])
    axes.errorbar(
        [one.mean for one in bins],
        shares,
        yerr=(
            shares - [one.lower for one in bins],
            np.array([one.upper for one in bins]) - shares,
        ),
        color=HIGH,
        fmt="o-",
        markersize=5,
        linewidth=1.2,
        elinewidth=1,
        capsize=2.5,
        label="observed, 95%",
    )
    axes.set_ylim(-0.02, 1.02)
    axes.set_ylabel("share that rose")
    axes.legend(loc="upper left")
    axes.grid(color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)
    strip(axes)


def _draw_counts(axes: Axes, prob: npt.NDArray[np.float64], limits: tuple[float, float]) -> None:
    edges = np.arange(round(limits[0] * 100), round(limits[1] * 100) + 1) / 100
    counts, _ = np.histogram(prob, edges)
    axes.bar(edges[:-1], counts, width=0.009, align="edge", color=FAINT)
    axes.set_xlim(*limits)
    axes.set_ylim(0, counts.max() * 1.1)
    axes.set_yticks([0, int(counts.max())])
    axes.set_xlabel("forecast probability of a rise")
    axes.set_ylabel("forecasts")
    strip(axes)


def _limits(prob: npt.NDArray[np.float64]) -> tuple[float, float]:
    # Forecasts crowd around one half: whole tenths around them, at least two.
    lower, upper = np.floor(prob.min() * 10) / 10, np.ceil(prob.max() * 10) / 10
    missing = max(0.2 - (upper - lower), 0.0)
    lower = min(max(lower - missing / 2, 0.0), 0.8)
    return float(lower), float(min(max(upper, lower + 0.2), 1.0))
