"""Figures of explanations: the same bytes again, every part has its say, axes must agree."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from factorprism.forecasts.explain import Attribution, NearestNeighbours, Neighbour
from factorprism.reports import render_attribution, render_neighbours

DAYS = np.arange("2025-01-01", "2025-01-17", dtype="datetime64[D]")
FACTORS = ("roc_12", "adx_14", "natr_14", "volume_ratio_20")
RNG = np.random.default_rng(3)
IMAGE = RNG.normal(size=(16, 4, 2)).astype(np.float32)
ATTRIBUTION = Attribution(
    "inception-0",
    date(2025, 1, 16),
    ("000300.SH", "000905.SH"),
    FACTORS,
    ("momentum", "trend", "volatility", "volume"),
    ((date(2025, 1, 1), date(2025, 1, 2)), (date(2025, 1, 3), date(2025, 1, 16))),
    0.4,
    0.1,
    np.array([0.2, -0.1]),
    RNG.normal(size=4),
    RNG.normal(size=4),
    np.array([0.1, -0.3]),
    np.clip(RNG.normal(size=(16, 4)), -1, 1),
    {},
)
NEAREST_NEIGHBOURS = NearestNeighbours(
    date(2025, 1, 16),
    tuple(
        Neighbour(date(2020 + n, 1, 16), date(2020 + n, 2, 5), 0.4 + n / 10, change)
        for n, change in enumerate((0.03, -0.02, 0.0))
    ),
    False,
    0.4,
    0.9,
)


def _draw(path, attribution=ATTRIBUTION, values=IMAGE, **arguments) -> bytes:
    given = {"sessions": DAYS, "title": "x", "path": path, "output": "logit", **arguments}
    drawn = render_attribution(values, attribution, **given)
    return drawn.read_bytes()


def test_an_attribution_is_the_same_bytes_again(tmp_path):
    assert _draw(tmp_path / "a.png") == _draw(tmp_path / "b.png")


@pytest.mark.parametrize("name", ["by_channel", "by_factor", "by_group", "by_day", "grad_cam"])
def test_every_part_of_an_attribution_is_drawn(name, tmp_path):
    turned = replace(ATTRIBUTION, **{name: -getattr(ATTRIBUTION, name)})
    assert _draw(tmp_path / "a.png") != _draw(tmp_path / "b.png", turned)


def test_without_grad_cam_the_image_is_drawn_as_it_is(tmp_path):
    bare = replace(ATTRIBUTION, grad_cam=None)
    flat = replace(ATTRIBUTION, grad_cam=np.zeros((16, 4)))
    assert _draw(tmp_path / "a.png", bare) == _draw(tmp_path / "a.png", bare)
    # A Grad-CAM of zeros veils everything, which says that the network looks at nothing.
    assert _draw(tmp_path / "a.png", bare) != _draw(tmp_path / "b.png", flat)


def test_an_attribution_to_nothing_can_be_drawn(tmp_path):
    names = ("by_channel", "by_factor", "by_group", "by_day", "grad_cam")
    empty = replace(ATTRIBUTION, **{name: getattr(ATTRIBUTION, name) * 0.0 for name in names})
    assert _draw(tmp_path / "a.png", empty)


def test_stability_is_written_where_it_is_given(tmp_path):
    one, other = ({"factor": value, "grad_cam": 0.9} for value in (0.5, 0.6))
    pictures = {
        _draw(tmp_path / "a.png"),
        _draw(tmp_path / "a.png", stability=one),
        _draw(tmp_path / "a.png", stability=other),
        _draw(tmp_path / "a.png", output="mean"),
    }
    assert len(pictures) == 4


def test_a_single_channel_is_not_set_against_itself(tmp_path):
    single = replace(ATTRIBUTION, channels=("000300.SH",), by_channel=np.array([0.3]))
    other = replace(single, by_channel=np.array([9.0]))
    values = IMAGE[:, :, :1]
    assert _draw(tmp_path / "a.png", single, values) == _draw(tmp_path / "b.png", other, values)


def test_an_attribution_of_another_image_is_refused(tmp_path):
    with pytest.raises(ValueError, match="values"):
        _draw(tmp_path / "a.png", values=IMAGE[:, :, :1])
    assert not (tmp_path / "a.png").exists()


def _draw_neighbours(path, nearest_neighbours=NEAREST_NEIGHBOURS, count=4) -> bytes:
    return render_neighbours(
        [IMAGE[:, :, 0]] * count,
        nearest_neighbours,
        sessions=[DAYS] * count,
        factors=FACTORS,
        title="x",
        path=path,
    ).read_bytes()


def test_neighbours_are_the_same_bytes_again_and_show_what_followed(tmp_path):
    first = _draw_neighbours(tmp_path / "a.png")
    assert _draw_neighbours(tmp_path / "b.png") == first
    assert _draw_neighbours(tmp_path / "c.png", replace(NEAREST_NEIGHBOURS, novel=True)) != first
    fallen = replace(NEAREST_NEIGHBOURS.neighbours[0], forward_return=-0.03)
    others = replace(NEAREST_NEIGHBOURS, neighbours=(fallen, *NEAREST_NEIGHBOURS.neighbours[1:]))
    assert _draw_neighbours(tmp_path / "d.png", others) != first


def test_one_image_for_each_neighbour_is_required(tmp_path):
    with pytest.raises(ValueError, match="expected 4"):
        _draw_neighbours(tmp_path / "a.png", count=3)


def test_a_neighbour_whose_factors_are_gone_keeps_its_place_and_what_followed(tmp_path):
    images, days = [IMAGE[:, :, 0]] * 4, [DAYS] * 4
    images[2], days[2] = IMAGE[:0, :, 0], DAYS[:0]
    drawn = {
        last: render_neighbours(
            images,
            replace(NEAREST_NEIGHBOURS, neighbours=(*NEAREST_NEIGHBOURS.neighbours[:2], last)),
            sessions=days,
            factors=FACTORS,
            title="x",
            path=tmp_path / "a.png",
        ).read_bytes()
        for last in (
            NEAREST_NEIGHBOURS.neighbours[2],
            replace(NEAREST_NEIGHBOURS.neighbours[2], forward_return=-0.2),
        )
    }
    assert len({*drawn.values(), _draw_neighbours(tmp_path / "b.png")}) == 3
