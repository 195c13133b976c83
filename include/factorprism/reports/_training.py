"""Draws how a training went: each figure over the epochs, on training and validation sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from factorprism.reports._canvas import (
    FAINT,
    HIGH,
    LOW,
    add_axes,
    open_sheet,
    strip,
    write_heading,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NOT_DRAWN = ("epoch",)
WIDTH, HEIGHT, LEFT, BETWEEN = 3.6, 2.5, 0.75, 0.65  # inches


def render_training(
    history: Sequence[Mapping[str, float]],
    *,
    title: str,
    path: Path,
) -> Path:
    """Draw the curves of `history` as PNG at `path` and return it.

    Row i of `history` holds the figures of epoch i + 1; ``x`` and ``val_x`` share a panel, and
    one that an epoch lacks is a gap. The epoch of the least ``val_loss`` is marked. Raises
    ``ValueError`` for an empty history.
    """
    names = dict.fromkeys(name.removeprefix("val_") for row in history for name in row)
    names = {name: None for name in names if name not in NOT_DRAWN}
    if not names:
        raise ValueError(f"history: {len(history)} epochs without a figure, expected at least one")
    width = LEFT + len(names) * (WIDTH + BETWEEN)
    with open_sheet(max(width, 5.0), HEIGHT + 1.75, path) as figure:
        write_heading(figure, 0.3, title, _describe(history))
        for number, name in enumerate(names):
            axes = add_axes(figure, LEFT + number * (WIDTH + BETWEEN), 0.6, WIDTH, HEIGHT)
            _draw_curves(axes, history, name)
            if number == 0:
                axes.legend(loc="best")
    return path


def _draw_curves(axes: Axes, history: Sequence[Mapping[str, float]], name: str) -> None:
    from matplotlib.ticker import MaxNLocator

    epochs = np.arange(1, len(history) + 1)
    curves = ((name, "training", LOW), (f"val_{name}", "validation", HIGH))
    for key, label, colour in curves:
        if any(key in row for row in history):
            values = [row.get(key, np.nan) for row in history]
            axes.plot(epochs, values, "o-", color=colour, label=label, lw=1.4, markersize=2.5)
    best = _best_epoch(history)
    if best is not None:
        axes.axvline(best, color=FAINT, linewidth=5, zorder=0)
    axes.set_title(name)
    axes.set_xlabel("epoch")
    axes.set_xlim(0.5, len(history) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)
    strip(axes)


def _best_epoch(history: Sequence[Mapping[str, float]]) -> int | None:
    losses = np.array([row.get("val_loss", np.nan) for row in history])
    return None if np.isnan(losses).all() else int(np.nanargmin(losses)) + 1


def _describe(history: Sequence[Mapping[str, float]]) -> str:
    best = _best_epoch(history)
    if best is None:
        return f"{len(history)} epochs"
    loss = history[best - 1]["val_loss"]
    return f"{len(history)} epochs, least validation loss {loss:.4f} in epoch {best} (shaded)"
