"""Charts over days, drawn by the page's own script: what is there can be seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

# Of the pixels in the colour of the first series: how many, and the middle of them, 0 to 1.
MARKED = """() => {
  const canvas = document.querySelector("canvas");
  const wanted = prismColour("chart-1").match(/[0-9]+/g).map(Number);
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const columns = [];
  for (let at = 0; at < data.length; at += 4) {
    if (data[at + 3] === 255 && wanted.every((part, place) => part === data[at + place])) {
      columns.push((at / 4) % canvas.width);
    }
  }
  const mean = columns.reduce((sum, column) => sum + column, 0) / columns.length;
  return [columns.length, mean / canvas.width];
}"""


def draw(chromium: Any, static: str, folder: Path, spec: dict[str, Any]) -> tuple[int, float]:
    """Return how many pixels the first series of `spec` has, and where their middle stands."""
    place = folder / "chart.html"
    place.write_text(
        f'<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="{static}/style.css">'
        f'<script src="{static}/theme.js"></script><body><div data-chart>'
        f'<script type="application/json">{json.dumps(spec)}</script></div>'
        f'<script src="{static}/vendor/uplot/uPlot.iife.min.js"></script>'
        f'<script src="{static}/prism.js"></script>'
    )
    page = chromium.new_page()
    try:
        page.goto(place.as_uri())
        page.locator("canvas").wait_for()
        page.wait_for_function(f"({MARKED})()[0] > 0", timeout=5_000)
        count, middle = page.evaluate(MARKED)
        return count, middle
    finally:
        page.close()


@pytest.mark.parametrize(
    ("days", "values", "middle"),
    [
        ([20453], [0.507], 0.5),
        ([20443, 20448, 20453], [None, 0.507, None], 0.5),
        ([20443, 20444, 20453], [None, None, 0.507], 0.95),
    ],
    ids=["the first session", "between withheld ones", "after withheld ones"],
)
def test_a_forecast_alone_is_seen(
    chromium: Any,
    repository_root: Path,
    tmp_path: Path,
    days: list[int],
    values: list[float | None],
    middle: float,
) -> None:
    static = (repository_root / "plugins/prism_ui/static").as_uri()
    spec = {"x": days, "unit": "percent", "range": [0.4, 0.6], "series": [{"values": values}]}
    count, at = draw(chromium, static, tmp_path, spec)
    assert count > 5
    assert at == pytest.approx(middle, abs=0.06)
