"""A row of the ledger is followed back to its pulls and forward to its outcome."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from factorprism.core.alerts import Alert
from factorprism.core.ledger import Forecast, ForecastState
from factorprism.market.bars import Pull, PullState
from factorprism.market.findings import Finding
from factorprism.pipelines.accepting import accept_finding
from factorprism.views.lineage import Match, read_lineage
from ledger_rows import make_outcome, make_withheld

SESSION, LATER = date(2020, 12, 30), date(2020, 12, 31)
MODEL, PARENT = "inception-000000000001", "inception-000000000000"


def load(world, session=SESSION, **which):
    return read_lineage(world.warehouse, world.config, world.line, session, **which)


def test_what_was_recorded_follows_from_what_is_held(held):
    lineage = load(held)
    assert lineage.matches == (Match.REPRODUCED,) * 3
    assert lineage.bars.content.now == lineage.row.data_hash
    assert lineage.bars.counts == {"000300.SH": 486, "000905.SH": 486}
    assert lineage.bars.last == SESSION
    assert lineage.factors.content.now == lineage.row.factor_hash
    assert (lineage.factors.first, lineage.factors.last) == (date(2020, 10, 14), SESSION)
    assert lineage.factors.stale_from == {}
    assert lineage.explained
    assert lineage.settled is None


def test_the_model_comes_with_its_ancestors_and_its_promotion(held):
    model = load(held).model
    assert model.record.model_id == MODEL
    assert [record.model_id for record in model.ancestors] == [PARENT]
    assert model.promotion.reason == "first champion"


def test_the_pulls_are_those_that_gave_the_bars(held):
    bars = load(held).bars
    assert [use.symbol for use in bars.window_pulls] == ["000300.SH", "000905.SH"]
    assert {use.state for use in bars.window_pulls} == {PullState.ACCEPTED}
    assert bars.window_pulls[0].n_used == 486
    assert bars.earlier_pulls == ()
    pull = held.warehouse.pulls.load_pull(bars.window_pulls[1].pull_id)
    assert bars.window_pulls[1].content_hash == pull.content_hash


def test_a_revision_is_named_and_the_bars_of_that_evening_are_still_known(world):
    pull_id = world.revise_close("000905.SH", date(2020, 12, 21), factor=1.001)
    lineage = load(world)
    assert lineage.matches == (Match.REVISED,) * 3
    assert lineage.bars.as_known_then is True
    assert lineage.bars.added == 0
    (revised,) = lineage.bars.revised
    assert (revised.symbol, revised.session) == ("000905.SH", date(2020, 12, 21))
    assert (revised.column, revised.pull_id) == ("close", pull_id)
    assert revised.new_value == pytest.approx(revised.old_value * 1.001)
    assert pull_id in [use.pull_id for use in lineage.bars.window_pulls]


def test_a_revision_years_before_the_image_is_named_too(world):
    world.revise_close("000300.SH", date(2019, 2, 1), factor=1.0001)
    lineage = load(world)
    assert lineage.bars.content.match is Match.REVISED
    assert [use.last_used for use in lineage.bars.earlier_pulls] == [date(2019, 2, 1)]


def test_a_revision_after_the_session_touches_nothing(world):
    world.revise_close("000300.SH", date(2020, 12, 31))
    assert load(world).matches == (Match.REPRODUCED,) * 3


def test_factors_that_wait_for_their_computation_are_called_stale(world):
    bars = world.warehouse.bars.load_bars(["000300.SH"], SESSION, SESSION)
    bars["close"] *= 0.999
    world.merge(bars, compute=False)
    lineage = load(world)
    assert lineage.factors.stale_from == {"000300.SH": SESSION}
    assert lineage.factors.content.match is Match.REPRODUCED


def test_an_outcome_is_shown_with_the_return_from_the_closes_now_held(world):
    session = date(2020, 12, 1)
    row = load(world, session).row
    bars = world.warehouse.bars.load_bars([row.symbol], session, row.horizon_end)
    came = float(bars["close"].iloc[-1] / bars["close"].iloc[0] - 1.0)
    outcome = make_outcome(row, came)
    world.warehouse.forecasts.save_outcomes([outcome])
    settled = load(world, session).settled
    assert settled.outcome == outcome
    assert settled.match is Match.REPRODUCED
    world.revise_close(row.symbol, row.horizon_end)
    settled = load(world, session).settled
    assert settled.match is Match.REVISED
    assert settled.return_now == pytest.approx((1 + came) * 1.01 - 1)


def refuse(world, make_fault, session: date, source: str = "sample") -> Forecast:
    """Leave what a gate failure leaves: a quarantined pull, verdicts, a row and an alert."""
    warehouse = world.warehouse
    bars = warehouse.bars.load_bars(["000905.SH"], session, session)
    bars["close"] = -1.0
    pull = Pull("sample", "000905.SH", session, session, bars, datetime(2021, 1, 4, 11, 30))
    pull_id = warehouse.pulls.save_pull(pull)
    warehouse.pulls.mark_pull(pull_id, PullState.QUARANTINED, "close below zero")
    verdict = make_fault(session)
    held = replace(verdict, success=True, expectation="columns_are_there", sentence="all there")
    warehouse.quality.save_results([held, verdict], f"bars {session} {source} pair")
    row = make_withheld(
        session,
        signal="pair-direction-14",
        model_id=MODEL,
        universe="pair",
        reason="1 close is not positive",
    )
    warehouse.forecasts.append(row)
    warehouse.alerts.raise_alert(Alert("daily pair", "critical", "withheld", session))
    return row


def test_a_withheld_row_shows_the_verdicts_that_refused_it_and_the_alert(world, make_fault):
    session = date(2020, 12, 2)
    refuse(world, make_fault, session)
    lineage = load(world, session)
    assert lineage.row.state is ForecastState.WITHHELD
    assert lineage.matches == (Match.UNRECORDED,) * 3
    (gate,) = lineage.gates
    assert (gate.asked, gate.is_critical) == (2, True)
    assert [result.sentence for result in gate.failed] == ["1 close is not positive"]
    (refused,) = lineage.bars.refused
    assert (refused.state, refused.reason) == (PullState.QUARANTINED, "close below zero")
    (alert,) = lineage.alerts
    assert (alert.alert.key, alert.resolved_at) == ("daily pair", None)


def test_the_gates_of_a_source_that_is_no_longer_configured_are_shown(world, make_fault):
    refuse(world, make_fault, date(2020, 12, 2), source="tushare")
    (gate,) = load(world, date(2020, 12, 2)).gates
    assert gate.asked == 2


def test_an_issued_row_follows_a_withheld_one_and_either_can_be_asked_for(world, make_fault):
    session = date(2020, 12, 2)
    withheld = refuse(world, make_fault, session)
    issued = replace(load(world).row, session=session, horizon_end=withheld.horizon_end)
    world.warehouse.forecasts.append(replace(issued, created_at=None))
    world.warehouse.alerts.resolve_alert("daily pair")
    lineage = load(world, session)
    assert lineage.row.state is ForecastState.ISSUED
    assert [row.state.value for row in lineage.rows] == ["withheld", "issued"]
    assert lineage.alerts[0].resolved_at is not None
    assert load(world, session, state="withheld").row.reason == withheld.reason
    assert load(world, session, model_id="another") is None


def test_a_day_without_a_row_has_no_lineage(held):
    assert load(held, date(2020, 12, 3)) is None
    assert load(held, date(1931, 5, 6)) is None


def test_what_was_accepted_of_the_bars_behind_the_row_is_listed(world):
    bars = load(world).bars
    begin, pull_id = bars.first, bars.window_pulls[0].pull_id
    days = {"then": SESSION, "first": begin, "early": begin - timedelta(days=1), "late": LATER}
    for name, day in days.items():
        world.warehouse.findings.save_findings(pull_id, [make_finding(name, "000905.SH", day)])
        accept_finding(world.warehouse.findings, name, "mei", f"a real day: {name}")
    for name, symbol in (("other", "000852.SH"), ("open", "000300.SH")):
        world.warehouse.findings.save_findings(pull_id, [make_finding(name, symbol, SESSION)])
    accept_finding(world.warehouse.findings, "other", "mei", "of another universe")

    accepted = load(world).accepted
    assert [item.finding.finding_id for item in accepted] == ["first", "then"]
    assert {item.accepted_by for item in accepted} == {"mei"}
    assert accepted[1].reason == "a real day: then"


def make_finding(finding_id, symbol, day):
    return Finding(
        finding_id=finding_id,
        symbol=symbol,
        suite="bars",
        expectation="low_covers_body",
        column="low",
        rows={day.isoformat(): "-0.01"},
        sessions=(day,),
        sentence=f"{symbol}: low lies above open or close on {day} (-0.01).",
    )
