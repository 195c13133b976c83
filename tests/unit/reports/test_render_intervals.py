"""Figures with intervals: what decides is coloured by its side, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from factorprism.reports import IntervalPanel, render_intervals
from factorprism.reports._canvas import HIGH, LOW

ABOVE, BELOW, AROUND = (0.2, 0.1, 0.3), (-0.2, -0.3, -0.1), (0.0, -0.1, 0.1)


def has_colour(pixels: np.ndarray, colour: str) -> bool:
    return bool((np.abs(pixels[..., :3] - to_rgb(colour)).max(axis=-1) < 0.01).any())


@pytest.mark.parametrize(
    ("interval", "red", "blue"),
    [(ABOVE, True, False), (BELOW, False, True), (AROUND, False, False)],
)
def test_an_interval_is_painted_by_its_side_of_the_reference(
    interval, red, blue, tmp_path, read_pixels
):
    panel = IntervalPanel("gain", [interval], 0.0, decides=True)
    pixels = read_pixels(render_intervals(["a"], [panel], title="x", path=tmp_path / "a.png"))
    assert (has_colour(pixels, HIGH), has_colour(pixels, LOW)) == (red, blue)


def test_what_was_not_adjusted_is_grey(tmp_path, read_pixels):
    panel = IntervalPanel("AUC", [ABOVE, BELOW], 0.0)
    pixels = read_pixels(render_intervals(["a", "b"], [panel], title="x", path=tmp_path / "a.png"))
    assert not has_colour(pixels, HIGH)
    assert not has_colour(pixels, LOW)


def test_an_undefined_figure_leaves_its_line_empty_and_long_names_widen_the_sheet(
    tmp_path, read_pixels
):
    nothing = (float("nan"),) * 3
    panels = [IntervalPanel("gain", [ABOVE, nothing], 0.0), IntervalPanel("AUC", [AROUND, BELOW])]
    short = render_intervals(["a", "b"], panels, title="x", path=tmp_path / "a.png")
    names = ["a", "a name that is rather long, seed 14"]
    long = render_intervals(names, panels, title="x", path=tmp_path / "b.png")
    assert read_pixels(long).shape[1] > read_pixels(short).shape[1]
    again = render_intervals(["a", "b"], panels, title="x", path=tmp_path / "c.png")
    assert again.read_bytes() == short.read_bytes()


@pytest.mark.parametrize(
    ("labels", "panels"),
    [
        ([], [IntervalPanel("gain", [])]),
        (["a"], []),
        (["a"], [IntervalPanel("gain", [ABOVE])] * 6),
        (["a", "b"], [IntervalPanel("gain", [ABOVE])]),
        (["a"], [IntervalPanel("gain", [(float("nan"),) * 3])]),
    ],
)
def test_what_cannot_be_drawn_is_refused(labels, panels, tmp_path):
    with pytest.raises(ValueError, match=r"labels|panels"):
        render_intervals(labels, panels, title="x", path=tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()
