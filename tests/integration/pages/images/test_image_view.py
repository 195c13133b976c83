"""The page of a session shows the image that its model read, and says why anything is absent."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from factorprism.core.ledger import Forecast
from factorprism.factors import CATALOGUE
from factorprism.views.image import Absence, Match, Scale, read_image
from ledger_rows import make_withheld

SESSION = date(2020, 12, 30)


def load(world, session=SESSION):
    return read_image(world.warehouse, world.config, world.line, session)


def test_the_image_is_the_one_that_the_row_names_on_the_scale_of_its_model(held):
    page = load(held)
    picture = page.picture
    assert picture.values.shape == picture.scaled.shape == (56, 16, 2)
    assert picture.sessions[-1] == np.datetime64(SESSION)
    assert picture.channels == ("000300.SH", "000905.SH")
    assert picture.units[picture.factors.index("rsi_14")] == "points"
    assert picture.scale is Scale.MODEL
    assert np.nanmax(np.abs(picture.scaled)) <= picture.clip == 4.0
    assert page.match is Match.REPRODUCED
    assert picture.image_hash == page.row.image_hash
    held = held.warehouse.models.load_training(page.row.model_id).normaliser
    centre, scale = np.array(held["centre"]), np.array(held["scale"])
    expected = np.clip((picture.values - centre) / scale, -4, 4)
    np.testing.assert_allclose(picture.scaled, expected, atol=1e-5)


def test_factors_and_closes_are_those_of_the_warehouse_and_end_at_the_session(held):
    page = load(held)
    bars = held.warehouse.bars.load_bars(["000905.SH"], date(2020, 1, 1), SESSION)
    np.testing.assert_array_equal(page.closes.values[:, 1], bars["close"].to_numpy()[-56:])
    assert page.closes.sessions[-1] == np.datetime64(SESSION)
    assert len(page.closes.sessions) == len(page.picture.sessions) == 56


def test_a_revised_bar_shows_that_another_image_was_read(world):
    world.revise_close("000905.SH", date(2020, 12, 21))
    page = load(world)
    assert page.match is Match.REVISED
    assert page.picture.image_hash != page.row.image_hash


def test_the_reasons_are_those_that_were_kept(held):
    reasons = load(held).reasons
    assert reasons.attribution.grad_cam.shape == (56, 16)
    assert reasons.shapley.values.shape == (2, 4, 8)
    assert reasons.surrogate.figures["r2"] == 0.4
    p_up, by_factor = reasons.baselines["logistic"]
    assert (p_up, by_factor.shape) == (0.5, (16,))
    assert reasons.agreement == {"factor": 0.31}
    first, second = reasons.nearest_neighbours
    assert first.session == date(2020, 6, 1)
    assert first.forward_return == 0.031
    assert first.picture.shape == (56, 16)
    np.testing.assert_array_equal(first.sessions[-1], np.datetime64("2020-06-01"))
    # There is no window of 56 sessions that early.
    assert second.picture is None


def test_a_session_without_a_row_shows_its_image_on_a_recent_scale_and_says_so(held):
    page = load(held, date(2020, 6, 1))
    assert page.row is None
    assert page.picture.scale is Scale.RECENT
    assert page.picture.image_hash == ""
    assert page.match is Match.UNRECORDED
    assert page.absent_reasons is Absence.NO_FORECAST


def test_a_session_after_the_promotion_goes_by_the_champions_scale(held):
    page = load(held, date(2020, 12, 2))
    assert page.row is None
    assert page.picture.scale is Scale.MODEL


@pytest.mark.parametrize(
    ("session", "absence"),
    [
        (date(2020, 12, 26), Absence.NO_SESSION),
        (date(1931, 5, 6), Absence.NO_SESSION),
        (date(2019, 1, 4), Absence.NO_FACTORS),
        (date(2021, 3, 1), Absence.NO_FACTORS),
    ],
)
def test_a_day_without_an_image_says_why(held, session, absence):
    page = load(held, session)
    assert page.picture is page.closes is None
    assert page.absent_picture is absence


def withhold(**changes: Any) -> Forecast:
    """Return a withheld row of the pair."""
    of_pair = {"signal": "pair-direction-14", "universe": "pair", "model_id": "none"}
    return make_withheld(date(2020, 12, 2), **{**of_pair, **changes})


@pytest.mark.parametrize(
    ("model_id", "absence"),
    [("none", Absence.NO_CHAMPION), ("inception-000000000001", Absence.WITHHELD)],
)
def test_a_withheld_row_without_reasons_says_why(world, model_id, absence):
    row = withhold(model_id=model_id)
    world.warehouse.forecasts.append(row)
    page = load(world, row.session)
    assert page.row.reason == "stale data"
    assert page.reasons is None
    assert page.absent_reasons is absence


def test_a_row_of_another_universe_is_not_of_this_page(world):
    row = withhold(signal="hs300-direction-14", universe="hs300", reason="of another universe")
    world.warehouse.forecasts.append(row)
    assert load(world, row.session).row is None


def test_missing_cells_are_counted_and_left_missing(world):
    bars = world.warehouse.bars.load_bars(["000300.SH"], date(2020, 12, 31), date(2020, 12, 31))
    bars["session"] = bars["session"] + np.timedelta64(5, "D")  # 2021-01-05, after a gap
    world.merge(bars)
    page = load(world, date(2021, 1, 5))
    # The overlay has neither 4 nor 5 January, the target not the 4th.
    assert page.picture.missing == 3 * len(CATALOGUE)
    assert np.isnan(page.picture.scaled).sum() == page.picture.missing


def test_a_model_without_a_kept_scale_is_shown_on_a_recent_one_and_still_compared(world):
    parent = replace(load(world).row, model_id="inception-000000000000", session=date(2020, 12, 2))
    window = world.window(parent.session)
    world.warehouse.forecasts.append(replace(parent, factor_hash=window.factor_hash))
    page = load(world, parent.session)
    assert page.model.model_id == "inception-000000000000"
    assert page.picture.scale is Scale.RECENT
    assert page.match is Match.REPRODUCED  # by its factors


def test_the_views_load_nothing_heavy():
    heavy = ("keras", "tensorflow", "matplotlib", "mlflow", "sklearn", "great_expectations")
    code = (
        "import sys, factorprism.views.image, factorprism.views.lineage\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
