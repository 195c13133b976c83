"""Draws how often the index rose where a model said so: the reliability diagram."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from factorprism.figures._canvas import (
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

Z_95 = 1.959963984540054


def render_reliability(
    y_prob: Sequence[float] | npt.NDArray[np.floating],
    went_up: Sequence[bool] | npt.NDArray[np.bool_],
    *,
    title: str,
    path: Path,
    n_bins: int = 10,
) -> Path:
    """Draw observed shares against forecast probabilities as PNG at `path` and return it.

    `y_prob` is [n_samples] in [0, 1], `went_up` what came of each. Bins are `n_bins` equal parts
    of [0, 1]; empty ones are left out. A point stands at its bin's mean probability with the 95%
    Wilson interval of the share, as if outcomes were independent; those of overlapping horizons
    are not, and their true intervals are wider. Raises ``ValueError`` for other shapes or values.
    """
    prob, up = np.asarray(y_prob, dtype=np.float64), np.asarray(went_up, dtype=np.float64)
    if prob.ndim != 1 or prob.shape != up.shape or not len(prob):
        raise ValueError(f"y_prob, went_up: shapes {prob.shape} and {up.shape}, expected [n > 0]")
    if not ((prob >= 0) & (prob <= 1)).all():
        raise ValueError("y_prob: values lie outside [0, 1]")
    edges = np.linspace(0.0, 1.0, n_bins + 1)
    places = np.minimum((prob * n_bins).astype(int), n_bins - 1)
    counts = np.bincount(places, minlength=n_bins)
    with open_sheet(5.6, 6.6, path) as figure:
        subtitle = f"{len(prob)} forecasts, {up.mean():.1%} went up"
        write_heading(figure, 0.3, title, subtitle)
        above = add_axes(figure, 0.85, 1.95, 4.4, 3.65)
        _draw_shares(above, prob, up, places, counts)
        _draw_counts(add_axes(figure, 0.85, 0.6, 4.4, 1.0), edges, counts, above.get_xlim())
    return path


def _draw_shares(
    axes: Axes,
    prob: npt.NDArray[np.float64],
    up: npt.NDArray[np.float64],
    places: npt.NDArray[np.intp],
    counts: npt.NDArray[np.intp],
) -> None:
    filled = np.flatnonzero(counts)
    means = np.array([prob[places == place].mean() for place in filled])
    shares = np.array([up[places == place].mean() for place in filled])
    lower, upper = _wilson(shares, counts[filled])
    axes.plot([0, 1], [0, 1], color=SOFT, linewidth=1, linestyle=(0, (4, 3)), label="as forecast")
    axes.axhline(up.mean(), color=LOW, linewidth=1, label="base rate")
    axes.errorbar(
        means,
        shares,
        yerr=(shares - lower, upper - shares),
        color=HIGH,
        fmt="o-",
        markersize=5,
        linewidth=1.2,
        elinewidth=1,
        capsize=2.5,
        label="observed, 95%",
    )
    axes.set_xlim(*_limits(prob))
    axes.set_ylim(-0.02, 1.02)
    axes.set_ylabel("share that went up")
    axes.legend(loc="upper left")
    axes.grid(color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)
    strip(axes)


def _draw_counts(
    axes: Axes,
    edges: npt.NDArray[np.float64],
    counts: npt.NDArray[np.intp],
    limits: tuple[float, float],
) -> None:
    axes.bar(edges[:-1], counts, width=np.diff(edges) * 0.96, align="edge", color=FAINT)
    for left, right, count in zip(edges[:-1], edges[1:], counts, strict=True):
        if count:
            middle = (max(left, limits[0]) + min(right, limits[1])) / 2
            axes.text(middle, count, str(count), ha="center", va="bottom", fontsize=8, color=SOFT)
    axes.set_xlim(*limits)
    axes.set_ylim(0, counts.max() * 1.25)
    axes.set_yticks([])
    axes.set_xlabel("forecast probability of up")
    axes.set_ylabel("forecasts")
    strip(axes)


def _limits(prob: npt.NDArray[np.float64]) -> tuple[float, float]:
    # Forecasts crowd around one half: whole tenths around them, at least four.
    lower, upper = np.floor(prob.min() * 10) / 10, np.ceil(prob.max() * 10) / 10
    missing = max(0.4 - (upper - lower), 0.0)
    lower = min(max(lower - missing / 2, 0.0), 0.6)
    return float(lower), float(min(max(upper, lower + 0.4), 1.0))


def _wilson(
    shares: npt.NDArray[np.float64], counts: npt.NDArray[np.intp]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the 95% score interval of a share (Wilson 1927, J. Am. Stat. Assoc. 22)."""
    weight = 1 + Z_95**2 / counts
    centre = (shares + Z_95**2 / (2 * counts)) / weight
    spread = Z_95 * np.sqrt(shares * (1 - shares) / counts + Z_95**2 / (4 * counts**2)) / weight
    # At shares of 0 and 1 rounding may put a bound beyond the share itself.
    return np.minimum(centre - spread, shares), np.maximum(centre + spread, shares)
