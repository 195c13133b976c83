"""The page Models on hand-made rows: two models, a promotion by hand, a rollback, a contest."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from factorprism.core.contest import ContestReport
from factorprism.reports import render_contest
from factorprism.targets import DIRECTION
from factorprism.views import NotHeld
from factorprism.views.models import list_figures, read_models

GAIN = {
    "name": "inception",
    "value": 0.004,
    "lower": -0.01,
    "upper": 0.02,
    "superior": True,
    "in_confidence_set": True,
}
CONTENT = {
    "leaks": ["inception lies above 0.5 in both shuffles."],
    "n_sessions": 250,
    "n_folds": 1,
    "first": "2023-01-03",
    "last": "2024-01-04",
    "independent_windows": 17,
    "trials": {"n_tried": 3, "base_in_confidence_set": True, "gains": [GAIN]},
    "entrants": [
        {"entrant": "inception", "figures": {"brier": [0.25, 0.24, 0.26]}},
        {"entrant": "base_rate", "figures": {"brier": [0.251, 0.24, 0.26]}},
    ],
    "placebos": [],
    "backtests": [],
}


@pytest.fixture
def page(warehouse, promotions):
    return read_models(warehouse, "pair-direction-14", DIRECTION)


def test_after_a_rollback_the_earlier_champion_is_champion_since_that_day(page):
    assert page.champion.model_id == "one"
    assert (page.reign.promotion.as_of, page.reign.promotion.kind) == (date(2024, 3, 4), "rollback")
    assert page.challenger.model_id == "two"
    assert page.predecessor == ""  # a rollback never goes forward again


def test_a_promotion_can_be_undone_towards_the_champion_before(warehouse, promotions):
    decisions = warehouse.models.list_promotions("pair-direction-14")
    again = replace(decisions[1], as_of=date(2024, 3, 5), number=1)
    warehouse.models.append_promotion(again)
    page = read_models(warehouse, "pair-direction-14", DIRECTION)
    assert (page.champion.model_id, page.predecessor) == ("two", "one")


def test_the_ledger_comes_newest_first_with_its_kinds(page):
    assert [item.promotion.kind for item in page.decisions] == ["rollback", "manual", "contest"]
    assert page.decisions[0].decided_at >= page.decisions[-1].decided_at


def test_models_come_last_trained_first_and_each_with_its_skill(page):
    assert [row.model_id for row in page.rows] == ["two", "one"]
    two, one = page.rows
    assert (two.skill.verdict, two.skill.windows) == ("open", 11)
    assert one.skill.verdict == "unevaluated"
    assert two.was_champion


def test_a_model_before_schema_3_has_no_curve_and_says_so(warehouse, page):
    assert page.chosen.row.model_id == "one"
    assert page.chosen.training is None
    chosen = read_models(warehouse, "pair-direction-14", DIRECTION, model_id="two").chosen
    losses = [epoch["loss"] for epoch in chosen.training.epochs]
    assert losses == pytest.approx([0.7, 0.69, 0.68])


def test_figures_of_an_evaluation_stand_in_the_order_of_the_contest(warehouse, promotions):
    (evaluated,) = read_models(
        warehouse, "pair-direction-14", DIRECTION, model_id="two"
    ).chosen.evaluated
    assert (evaluated.kind, evaluated.n_sessions, evaluated.windows) == ("walk_forward", 160, 11)
    assert [item.metric for item in evaluated.figures] == ["log_loss", "brier_skill"]
    assert list_figures(DIRECTION)["brier_skill"] == ("Brier skill", "+.1%")


def test_the_contest_is_the_newest_and_says_what_the_markdown_says(warehouse, promotions):
    for day in (1, 2):
        report = ContestReport(
            "pair-direction-14",
            date(2024, 3, day),
            "c" * 64,
            f"Sentence {day}",
            CONTENT,
        )
        warehouse.contests.save_report(report)
    contest = read_models(warehouse, "pair-direction-14", DIRECTION).contest
    assert contest.report.sentence == "Sentence 2"
    assert contest.leaks == ("inception lies above 0.5 in both shuffles.",)
    (gain,) = contest.gains
    assert (gain.name, gain.lower, gain.skilled) == ("inception", -0.01, False)
    assert len(contest.sections) == 1 + len(DIRECTION.sections) + 1
    (calls,) = (item for item in contest.sections if item.heading == "Calls of a rise")
    assert "above 50%" in calls.note
    text = render_contest(contest.report)
    for section in contest.sections:
        assert f"## {section.heading}" in text
        assert section.note in text
        for table in section.tables:
            for row in table.rows:
                assert all(cell in text for cell in row)


def test_only_the_last_models_are_listed_until_all_are_asked_for(warehouse, promotions, save_model):
    for number in range(30):
        save_model(f"late-{number:02}", trained_through=date(2024, 3, 20))
    page = read_models(warehouse, "pair-direction-14", DIRECTION)
    assert (len(page.rows), page.n_models) == (22, 32)
    assert {row.model_id for row in page.rows if row.mark} == {"one", "two"}
    assert len(read_models(warehouse, "pair-direction-14", DIRECTION, every=True).rows) == 32


def test_nobody_is_champion_before_a_promotion(warehouse, save_model):
    empty = read_models(warehouse, "pair-direction-14", DIRECTION)
    assert (empty.champion, empty.chosen, empty.contest, empty.rows) == (None, None, None, ())
    save_model("first")
    page = read_models(warehouse, "pair-direction-14", DIRECTION)
    assert (page.champion, page.chosen.row.model_id) == (None, "first")


def test_a_model_of_another_universe_is_not_shown(warehouse, promotions):
    with pytest.raises(NotHeld, match="<script> is no model of pair-direction-14"):
        read_models(warehouse, "pair-direction-14", DIRECTION, model_id="<script>")
