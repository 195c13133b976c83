"""The pages Image and Lineage as a browser gets them, in both languages, and strange questions."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from datetime import date
from urllib.parse import quote

import numpy as np
import pytest

from factorprism.core.ledger import ForecastState
from factorprism.views.image import read_image
from ledger_rows import make_outcome, make_withheld

SESSION = date(2020, 12, 30)


def cells_of(page: str) -> dict:
    found = re.search(r'id="image-data">(.*?)</script>', page, re.DOTALL)
    return json.loads(found.group(1))


def test_the_image_page_holds_every_cell_for_the_script_and_in_a_table(held, read_page):
    status, page = read_page(held, f"/image?session={SESSION}")
    assert status == 200
    cells = cells_of(page)
    picture = read_image(held.warehouse, held.config, held.line, SESSION).picture
    assert cells["channels"] == ["000300.SH", "000905.SH"]
    assert np.shape(cells["raw"]) == np.shape(cells["scaled"]) == (2, 16, 56)
    assert np.shape(cells["cam"]) == (16, 56)
    np.testing.assert_allclose(cells["raw"], picture.values.transpose(2, 1, 0), rtol=1e-5)
    assert cells["sessions"][-1] == str(SESSION)
    assert cells["factors"][1] == {"name": "rsi_14", "unit": "points"}
    # The day itself and the one neighbour whose factors are held.
    assert np.shape(cells["small"]) == (2, 16, 56)
    assert page.count("data-neighbour=") == 2
    assert page.count('<table class="values">') == 2
    assert page.count('<th scope="row">2020-12-30</th>') >= 2
    assert str(cells["raw"][1][1][-1]) in page


def test_the_image_page_shows_reasons_with_their_agreement_and_their_nearest_neighbours(
    held, read_page
):
    _, page = read_page(held, f"/image?session={SESSION}")
    assert "reproduced" in page
    assert "By group of factors" in page
    assert "By channel" in page
    assert "seeds agree +0.31" in page
    assert "logistic" in page
    assert "+3.1% by Jun 19, 2020" in html.unescape(page)
    assert "session=2020-06-01" in page
    assert "Its factors are no longer held." in page


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "The network has no convolution over the image, so there is no Grad-CAM."),
        ("zh", "该网络没有作用于图像的卷积层，因此没有 Grad-CAM。"),
    ],
)
def test_a_network_without_grad_cam_says_so(world, read_page, language, sentence):
    kept = world.warehouse.explanations
    row = world.warehouse.forecasts.load_forecasts(first=SESSION)[-1]
    explanation = kept.load_explanation(row.signal, SESSION, row.model_id)
    del explanation.attribution["values"]["grad_cam"]
    kept.save_explanation(explanation)
    _, page = read_page(world, f"/image?session={SESSION}", language)
    assert sentence in page
    assert "veil-strength" not in page
    assert cells_of(page)["cam"] is None


def test_no_script_or_style_stands_in_the_pages(held, read_page):
    for address in (f"/image?session={SESSION}", f"/lineage?session={SESSION}"):
        _, page = read_page(held, address)
        for script in re.findall(r"<script[^>]*>", page):
            assert "src=" in script or 'type="application/json"' in script, script
        assert "<style" not in page
        assert not re.search(r"\s(style|on\w+)=\"", page)


def test_a_session_without_a_row_still_shows_its_image(held, read_page):
    status, page = read_page(held, "/image?session=2020-06-01")
    assert status == 200
    assert "no row" in page
    assert "scale fitted on the last 750 sessions" in page
    assert cells_of(page)["cam"] is None
    assert 'id="veil"' not in page


def test_a_day_without_trading_says_so(held, read_page):
    status, page = read_page(held, "/image?session=2020-12-26")
    assert status == 200
    assert "does not trade on this day" in page
    assert "image-data" not in page


def test_missing_cells_travel_as_null(world, read_page):
    day = date(2020, 12, 31)
    bars = world.warehouse.bars.load_bars(["000300.SH"], day, day)
    bars["session"] = bars["session"] + np.timedelta64(5, "D")  # over 4 January
    world.merge(bars)
    _, page = read_page(world, "/image?session=2021-01-05")
    assert cells_of(page)["raw"][0][0][-2] is None
    assert "48 cells are missing" in page


def test_the_lineage_page_shows_each_link_with_its_hash(held, read_page):
    status, page = read_page(held, f"/lineage?session={SESSION}")
    assert status == 200
    row = held.warehouse.forecasts.load_forecasts(first=SESSION)[0]
    for text in (row.data_hash, row.factor_hash, row.image_hash):
        assert f'data-copy="{text}"' in page
        assert f'title="{text}"' in page
    assert page.count("state-good") >= 3
    assert "to the last bit" in page
    assert "Fine-tuned from" in page
    assert 'id="pull-1"' in page
    assert f"image?session={SESSION}" in page


@pytest.mark.parametrize(
    ("state", "verdict"),
    [(ForecastState.ISSUED, "passed, with findings"), (ForecastState.WITHHELD, "refused")],
)
def test_a_gate_whose_faults_stopped_no_forecast_is_not_called_refused(
    world, read_page, make_fault, state, verdict
):
    """A row with a critical fault is set aside, and the forecast may not need it."""
    (issued,) = world.warehouse.forecasts.load_forecasts(None, SESSION, SESSION)
    day = SESSION if state is ForecastState.ISSUED else date(2020, 12, 2)
    world.warehouse.quality.save_results([make_fault(day)], f"bars {day} sample pair")
    if state is ForecastState.WITHHELD:
        row = replace(issued, session=day, values={}, horizon_end=date(2021, 2, 1))
        world.warehouse.forecasts.append(
            replace(row, state=state, reason="1 close is not positive")
        )
    _, page = read_page(world, f"/lineage?session={day}")
    (head,) = re.findall(r"<h2>Gates</h2><span[^>]*>([^<]*)<", page)
    assert head == verdict


def test_the_lineage_page_names_what_was_revised_since(world, read_page):
    pull_id = world.revise_close("000905.SH", date(2020, 12, 21), factor=1.001)
    _, page = read_page(world, f"/lineage?session={SESSION}")
    assert "1 value revised since" in page
    assert "has been revised since" in page
    assert "still give the recorded hash" in page
    assert f'id="pull-{pull_id}"' in page
    _, page = read_page(world, f"/image?session={SESSION}")
    assert "the model read another image" in page


@pytest.mark.parametrize(("language", "word"), [("en", "(expected)"), ("zh", "(预计)")])
def test_an_expected_end_is_called_so_until_the_outcome_names_the_one_that_came(
    world, read_page, language, word
):
    session, expected, came = date(2020, 12, 8), date(2020, 12, 28), date(2020, 12, 29)
    ledger = world.warehouse.forecasts
    issued = next(row for row in ledger.load_forecasts() if row.issued)
    row = replace(
        issued, session=session, horizon_end=expected, horizon_end_expected=True, created_at=None
    )
    assert ledger.append(row)
    for address in ("/today", "/image", "/lineage"):
        _, page = read_page(world, f"{address}?session={session}", language)
        assert f'<time datetime="{expected}">' in page
        assert word in page
    ledger.save_outcomes([make_outcome(row, 0.01, horizon_end=came)])
    for address in ("/today", "/lineage"):
        _, page = read_page(world, f"{address}?session={session}", language)
        assert f'<time datetime="{came}">' in page
        assert word not in page


def test_what_the_warehouse_holds_is_shown_as_text(world, read_page):
    row = make_withheld(
        date(2020, 12, 2),
        signal="pair-direction-14",
        universe="pair",
        reason="<script>alert(1)</script>",
    )
    world.warehouse.forecasts.append(row)
    world.warehouse.forecasts.append(replace(row, model_id="<b>other</b>"))
    for address in ("/image", "/lineage"):
        status, page = read_page(world, f"{address}?session={row.session}")
        assert status == 200
        assert "<script>alert" not in page
        assert "<b>other" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


@pytest.mark.parametrize("page", ["image", "lineage"])
@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("session=<script>alert(1)</script>", 400),
        ("session='; drop table prism.forecasts", 400),
        ("session=2020-02-30", 400),
        ("session=" + "9" * 300, 400),
        ("signal=<script>alert(1)</script>", 404),
        ("signal='; drop table prism.forecasts", 404),
        ("signal=mars-direction-14", 404),
    ],
)
def test_a_strange_question_is_answered_in_plain_text(held, read_page, page, query, status):
    name, _, value = query.partition("=")
    answered, text = read_page(held, f"/{page}?{name}={quote(value)}")
    assert answered == status
    assert "<script>alert" not in text


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "2020-12-03"])
def test_a_day_far_off_is_no_fault(held, read_page, day):
    assert read_page(held, f"/image?session={day}")[0] == 200
    status, page = read_page(held, f"/lineage?session={day}")
    assert status == 404
    assert "no such row" in page


def test_a_strange_model_or_state_finds_no_row(held, read_page):
    for query in ("model=<script>", "state=<script>", "state=withheld"):
        name, _, value = query.partition("=")
        status, page = read_page(held, f"/lineage?session={SESSION}&{name}={quote(value)}")
        assert status == 404
        assert "<script>" not in page.replace('<script src="', "")


def test_every_sentence_is_there_in_chinese(held, read_page):
    _, page = read_page(held, f"/image?session={SESSION}", "zh")
    assert "因子图像" in page
    assert cells_of(page)["factors"][1]["unit"] == "点"
    for english in ("By group of factors", "seeds agree", "momentum", "Closes", "the day itself"):
        assert english not in page
    _, page = read_page(held, f"/lineage?session={SESSION}", "zh")
    for english in ("Recorded", "Fine-tuned", "accepted", "Pulls", "to the last bit"):
        assert english not in page
