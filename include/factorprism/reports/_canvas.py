"""The sheet that all pictures are drawn on: one style, and the same bytes for the same content."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from factorprism.core.files import write_atomic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

Values = npt.NDArray[np.float64]

DPI = 120
INK, SOFT, FAINT = "#1b2733", "#5d6b78", "#d5dbe0"
HIGH, LOW, MISSING = "#b2182b", "#2166ac", "#c9ccd1"
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": SOFT,
    "axes.titlecolor": INK,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "axes.linewidth": 0.8,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.5,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "legend.frameon": False,
    "legend.fontsize": 8.5,
}


@contextmanager
def open_sheet(width: float, height: float, path: Path) -> Iterator[Figure]:
    """Give a figure of `width` x `height` inches; when the block ends it is at `path`, whole.

    No display, no global figure and nobody's own matplotlib settings take part.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        figure = Figure(figsize=(width, height), dpi=DPI)
        FigureCanvasAgg(figure)
        yield figure
        buffer = io.BytesIO()
        # The library's own entry names its version.
        figure.savefig(buffer, format="png", metadata={"Software": None})
    write_atomic(path, buffer.getvalue())


def write_heading(figure: Figure, left: float, title: str, subtitle: str = "") -> None:
    """Write `title` and a smaller line under it at the top, `left` inches from the edge.

    A line that is longer than the sheet is cut at its end.
    """
    width, height = figure.get_size_inches()
    figure.text(left / width, 1 - 0.32 / height, title, fontsize=13, weight="bold", va="center")
    if subtitle:
        line = figure.text(left / width, 1 - 0.60 / height, subtitle, fontsize=10, va="center")
        _shorten(line, (width - 2 * left) * DPI)


def _shorten(line: Text, pixels: float) -> None:
    """Cut the words of `line` at the end until it is no longer than `pixels`."""
    length = line.get_window_extent().width
    if length > pixels:
        text = line.get_text()
        line.set_text(textwrap.shorten(text, int(len(text) * pixels / length), placeholder=" …"))


def add_axes(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Add axes at a position in inches from the lower left corner of the sheet."""
    across, up = figure.get_size_inches()
    axes: Axes = figure.add_axes((left / across, bottom / up, width / across, height / up))
    return axes


def strip(axes: Axes) -> None:
    """Leave of the frame the left and lower edge, and of the ticks their labels."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=0)


def draw_bars(
    axes: Axes, widths: Values, labels: Sequence[str], colours: Sequence[str], half_width: float
) -> None:
    """Draw one horizontal bar a row from the middle outwards, the first on top, labelled.

    `half_width` is the value at either edge; there are no ticks and no frame.
    """
    axes.barh(range(len(widths)), widths, height=0.62, color=colours)
    axes.axvline(0.0, color=SOFT, linewidth=0.8)
    for row, (width, label) in enumerate(zip(widths, labels, strict=True)):
        axes.annotate(
            label,
            (width, row),
            xytext=(3 if width >= 0 else -3, 0),
            textcoords="offset points",
            ha="left" if width >= 0 else "right",
            va="center",
            fontsize=8,
            color=SOFT,
        )
    axes.set_xlim(-half_width, half_width)
    axes.set_ylim(len(widths) - 0.5, -0.5)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
