"""The picture of the day: a panel a channel, and equal bytes for equal content."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from factorprism.core.ledger import ForecastState
from factorprism.reports import describe_forecast, render_image
from ledger_rows import SYMBOL, make_issued, make_withheld

FORECAST = make_issued(
    model_id="inception-1a2b3c4d5e6f",
    values={SYMBOL: {"p_up": 0.573, "p_up_raw": 0.6, "base_rate": 0.538}},
)
MISSING = np.array([0xC9, 0xCC, 0xD1]) / 255


def render(image, path, **changes):
    arguments = {**image, **changes}
    return render_image(arguments.pop("values"), path=path, **arguments)


def count(pixels, colour):
    return int((np.abs(pixels[..., :3] - colour).max(axis=-1) < 0.004).sum())


@pytest.mark.parametrize("n_channels", [1, 3, 4])
def test_the_picture_is_written_with_a_size_that_fits_a_screen(
    make_image, read_pixels, tmp_path, n_channels
):
    path = tmp_path / "deep" / "image.png"
    assert render(make_image(n_channels), path) == path
    height, width, _ = read_pixels(path).shape
    assert 1500 < width < 2500
    assert 600 < height < 1300
    # Nothing is left beside it.
    assert [item.name for item in path.parent.iterdir()] == ["image.png"]


def test_equal_content_gives_equal_bytes_in_another_process_with_other_settings(
    make_image, tmp_path
):
    here = render(make_image(1), tmp_path / "here.png").read_bytes()
    script = tmp_path / "draw.py"
    script.write_text(
        "import sys, runpy, pathlib, matplotlib\n"
        "matplotlib.rcParams.update({'font.size': 20, 'savefig.dpi': 50, 'image.cmap': 'jet'})\n"
        "sys.path.insert(0, sys.argv[2])\n"
        "import conftest\n"
        "image = conftest.make_image.__wrapped__()(1)\n"
        "from factorprism.reports import render_image\n"
        "render_image(image.pop('values'), path=pathlib.Path(sys.argv[1]), **image)\n"
    )
    there = tmp_path / "there.png"
    folder = os.path.dirname(__file__)  # noqa: PTH120
    subprocess.run([sys.executable, str(script), str(there), folder], check=True, timeout=120)
    assert there.read_bytes() == here


def test_an_overlay_and_the_forecast_change_the_picture(make_image, tmp_path):
    image = make_image(2)
    before = render(image, tmp_path / "a.png").read_bytes()
    values = image["values"].copy()
    values[30, 5, 1] += 3.0
    assert render(image, tmp_path / "b.png", values=values).read_bytes() != before
    assert render(image, tmp_path / "b.png", forecast=FORECAST).read_bytes() != before


def test_missing_cells_are_grey_and_nothing_else_is(make_image, read_pixels, tmp_path):
    image = make_image(1)
    holed = count(read_pixels(render(image, tmp_path / "a.png")), MISSING)
    filled = np.nan_to_num(image["values"])
    whole = count(read_pixels(render(image, tmp_path / "b.png", values=filled)), MISSING)
    # Five of 56 x 16 cells of a panel of 6.0 x 4.8 inches at 120 dots; letters have grey edges.
    assert holed - whole == pytest.approx(5 / (56 * 16) * 6.0 * 4.8 * 120**2, rel=0.15)
    assert whole < holed / 10


def test_high_is_red_and_low_is_blue_up_to_three(make_image, read_pixels, tmp_path):
    image = make_image(1)
    high = np.full_like(image["values"], 3.0)
    at_limit = read_pixels(render(image, tmp_path / "a.png", values=high))
    beyond = read_pixels(render(image, tmp_path / "b.png", values=high + 1.0))
    centre = (385, 500)  # within the panel, away from the white lines between rows
    np.testing.assert_array_equal(at_limit[centre], beyond[centre])
    assert at_limit[centre][0] > at_limit[centre][2] + 0.2
    low = read_pixels(render(image, tmp_path / "c.png", values=-high))
    assert low[centre][2] > low[centre][0] + 0.2


def test_axes_that_disagree_are_refused_before_anything_is_written(make_image, tmp_path):
    image = make_image(2)
    with pytest.raises(ValueError, match="values: shape"):
        render(image, tmp_path / "x.png", channels=("000300.SH",))
    with pytest.raises(ValueError, match="no empty axis"):
        render(image, tmp_path / "x.png", channels=(), values=image["values"][:, :, :0])
    assert not (tmp_path / "x.png").exists()


def test_drawing_leaves_the_process_settings_alone(make_image, tmp_path):
    import matplotlib

    before = dict(matplotlib.rcParams)
    render(make_image(1), tmp_path / "a.png")
    assert dict(matplotlib.rcParams) == before


def test_an_issued_forecast_is_described_by_its_figures():
    line = describe_forecast(FORECAST)
    for part in ("2021-01-21", "14 sessions", "57.3%", "53.8%", "inception-1a2b3c4d5e6f"):
        assert part in line


def test_a_withheld_forecast_is_described_by_its_reason():
    withheld = make_withheld(reason="no champion")
    assert describe_forecast(withheld) == "forecast withheld: no champion"


def test_the_line_calls_an_expected_end_expected() -> None:
    assert "(14 sessions): 57.3%" in describe_forecast(FORECAST)
    expected = replace(FORECAST, horizon_end_expected=True)
    assert "(14 sessions, expected): 57.3%" in describe_forecast(expected)


def test_the_room_is_imported_without_matplotlib():
    code = "import sys, factorprism.reports; print('matplotlib' in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert answer.stdout == "False\n"


def test_a_long_reason_ends_inside_the_picture(make_image, read_pixels, tmp_path):
    other = replace(FORECAST, state=ForecastState.WITHHELD, values={}, reason="too few bars, " * 40)
    pixels = read_pixels(render(make_image(1), tmp_path / "a.png", forecast=other))
    under_title = pixels[60:84, :, :3]
    assert (under_title[:, 36:-36] < 0.5).any()
    assert (under_title[:, -36:] == 1.0).all()
