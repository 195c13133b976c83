"""Today and the track record, read from a real warehouse."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from factorprism.core.alerts import Alert
from factorprism.core.calendar import calendar_of
from factorprism.core.config import Config
from factorprism.core.models import Promotion
from factorprism.evaluation import skill_sentence
from factorprism.health import Freshness, measure_freshness, read_freshness
from factorprism.targets import DIRECTION
from factorprism.views import House, NotHeld
from factorprism.views.record import read_track_record
from factorprism.views.today import read_today

CONFIG = Config(home=Path())


def age(warehouse: Any, line: Any, now: datetime, final: date | None = None) -> Freshness:
    return read_freshness(warehouse, line, calendar_of(line.symbol), now, final)


def fresh(line: Any) -> Freshness:
    """The age of a line whose last session was this evening's."""
    return measure_freshness(line.last, calendar_of(line.symbol), datetime(2025, 12, 31, 12))


def test_an_empty_ledger_has_no_page(warehouse: Any) -> None:
    assert read_today(warehouse, CONFIG, None, fresh) is None
    assert read_track_record(warehouse, CONFIG, None) is None


def test_today_is_the_last_session_and_knows_its_neighbours(ledger: Any) -> None:
    warehouse, line = ledger
    days = line.sessions.astype(date)
    today = read_today(warehouse, CONFIG, None, fresh)
    assert today is not None
    assert (today.session, today.previous, today.following) == (days[-1], days[-2], None)
    assert [one.line.signal for one in today.lines] == ["hs300-direction-14", "hs300-volatility-14"]
    shown = today.lines[0]
    assert shown.forecast is not None
    assert shown.forecast.value("p_up") == line.values["p_up"][-1]
    assert shown.outcome is None
    assert [alert.key for alert in today.alerts] == ["drift hs300-direction-14"]
    assert shown.champion is not None
    said = skill_sentence(warehouse.models.load_evaluations(line.model_id), DIRECTION)
    assert f"{shown.champion.skill.value:+.1%}" in said


def test_a_day_without_trading_and_a_session_without_a_row_are_refused(ledger: Any) -> None:
    warehouse, line = ledger
    days = line.sessions.astype(date)
    gap = next(i for i in range(1, len(days)) if days[i] - days[i - 1] > timedelta(days=4))
    with pytest.raises(NotHeld, match="XSHG does not trade on") as caught:
        read_today(warehouse, CONFIG, days[gap] - timedelta(days=1), fresh)
    assert str(days[gap - 1]) in caught.value.remedy
    with pytest.raises(NotHeld, match="the ledger has no row of 2026-01-05") as caught:
        read_today(warehouse, CONFIG, date(2026, 1, 5), fresh)
    assert f"the nearest: {days[-1]}" in caught.value.remedy


def test_the_horizon_has_ended_by_the_clock_whether_or_not_it_is_settled(ledger: Any) -> None:
    warehouse, line = ledger
    end = calendar_of("000300.SH").offset(line.sessions[-1].astype(date), 14)
    for day, ended in ((end - timedelta(days=1), False), (end + timedelta(days=1), True)):
        noon = datetime(day.year, day.month, day.day, 12)
        today = read_today(
            warehouse, CONFIG, None, lambda one, noon=noon: age(warehouse, one, noon)
        )
        assert today is not None
        assert (today.lines[0].ended, today.lines[0].outcome) == (ended, None)


def test_a_horizon_whose_end_is_only_expected_has_not_ended(ledger: Any, end_library: Any) -> None:
    warehouse, _ = ledger
    end_library(date(2026, 1, 9))  # of the 14 sessions after 2025-12-31, six are known
    later = datetime(2026, 3, 2, 12)
    today = read_today(warehouse, CONFIG, None, lambda one: age(warehouse, one, later))
    assert today is not None
    assert today.lines[0].forecast.horizon_end < today.lines[0].freshness.published
    assert not today.lines[0].ended


def test_freshness_counts_sessions_and_knows_the_end_of_a_replay(ledger: Any) -> None:
    warehouse, line = ledger
    one, _ = warehouse.forecasts.list_lines()
    last = line.sessions[-1].astype(date)
    later = calendar_of(one.symbol).offset(last, 5)
    noon = datetime(later.year, later.month, later.day, 12)
    at = age(warehouse, one, noon)
    assert (at.newest, at.published, at.passed, at.behind) == (last, later, 5, 5)
    assert not at.replay_is_over
    at = age(warehouse, one, noon, last)
    assert (at.due, at.passed, at.behind, at.replay_is_over) == (last, 5, 0, True)


def test_a_past_page_uses_nothing_that_came_later(ledger: Any) -> None:
    warehouse, line = ledger
    days = line.sessions.astype(date)
    before = read_today(warehouse, CONFIG, days[450], fresh)
    warehouse.models.append_promotion(
        Promotion(
            "hs300-direction-14",
            days[500],
            line.model_id,
            line.model_id,
            "",
            True,
            "again",
            number=1,
        )
    )
    # Whatever became of every later forecast, the page of that evening stays as it was.
    with warehouse._database.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE prism.outcomes DISABLE TRIGGER USER")
        connection.exec_driver_sql(
            "UPDATE prism.outcomes SET value = 1 - value WHERE session > %s",
            (days[450 - 14],),
        )
    after = read_today(warehouse, CONFIG, days[450], fresh)
    assert before is not None
    assert after is not None
    assert before.lines[0].hit_rate is not None
    assert after.lines[0].hit_rate == before.lines[0].hit_rate
    assert after.lines[0].hit_rate.last <= days[450 - 14]


def test_a_session_before_the_first_champion_says_so(ledger: Any) -> None:
    warehouse, line = ledger
    with warehouse._database.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE prism.promotions DISABLE TRIGGER USER")
        connection.exec_driver_sql("DELETE FROM prism.promotions")
    today = read_today(warehouse, CONFIG, line.sessions[100].astype(date), fresh)
    assert today is not None
    assert today.lines[0].champion is None


def test_the_record_counts_what_was_issued_withheld_and_settled(ledger: Any) -> None:
    warehouse, _ = ledger
    found = read_track_record(warehouse, CONFIG, None)
    assert found is not None
    assert (found.line.issued, found.line.withheld) == (594, 6)
    assert found.n_settled == 580
    assert found.windows < 580 / 10
    assert sum(year.settled for year in found.years) == 580
    assert sum(one.n for one in found.bins) == 580
    assert found.latest[0].session > found.latest[-1].session
    own, base, always = found.rivals[:3]
    known = found.record.settled & found.record.issued
    up = found.record.outcome[known]
    assert own.score == pytest.approx(((found.record.values["p_up"][known] - up) ** 2).mean())
    assert base.skill == 0.0
    assert always.score == pytest.approx(1.0 - up.mean())
    assert always.loss is None


def test_the_record_says_which_forecasts_were_issued_late(ledger: Any) -> None:
    warehouse, _ = ledger
    found = read_track_record(warehouse, CONFIG, None)
    assert found is not None
    late, afterwards, in_time, *unknown = found.latest
    delays = {late.session: 6000, afterwards.session: 90_000, in_time.session: 60}
    withheld = found.record.sessions[~found.record.issued][-1].astype(date)
    delays[withheld] = 7200
    with warehouse._database.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE prism.forecasts DISABLE TRIGGER USER")
        for session, seconds in delays.items():
            connection.exec_driver_sql(
                "UPDATE prism.forecasts SET due_at = created_at - %s * interval '1 second'"
                " WHERE session = %s",
                (seconds, session),
            )
    found = read_track_record(warehouse, CONFIG, None)
    assert found is not None
    assert (found.n_late, found.n_afterwards) == (1, 1)
    assert sum(year.late for year in found.years) == 2
    said = [one.late_by for one in found.latest[:4]]
    assert said == [timedelta(seconds=s) for s in (6000, 90_000, 60)] + [None]
    assert all(one.late_by is None for one in unknown)


def test_rivals_of_the_contest_are_held_against_the_ledger_on_the_same_sessions(
    ledger: Any,
) -> None:
    warehouse, _ = ledger
    found = read_track_record(warehouse, CONFIG, "hs300-direction-14")
    assert found is not None
    rival = next(one for one in found.rivals if one.name == "logistic")
    covered = np.arange(600) < 500
    withheld = np.isnan(found.record.values["p_up"])
    assert rival.n_sessions == (covered & ~withheld).sum()
    assert rival.own_score != found.rivals[0].score


def test_a_line_that_is_not_held_is_refused(ledger: Any) -> None:
    with pytest.raises(NotHeld):
        read_track_record(ledger[0], CONFIG, "hs300-direction-5")


def test_the_version_moves_with_what_a_page_may_show(migrated_url: str, warehouse: Any) -> None:
    house = House(Config(home=Path(), warehouse_url=migrated_url))
    before = house.read_version()
    assert house.read_version() == before
    warehouse.alerts.raise_alert(Alert("one", "info", "A sentence."))
    house.forget_version()
    raised = house.read_version()
    warehouse.alerts.resolve_alert("one")
    house.forget_version()
    assert len({before, raised, house.read_version()}) == 3
    house.warehouse.close()


def test_the_contests_forecasts_stand_apart_from_the_ledgers(ledger: Any) -> None:
    warehouse, _ = ledger
    found = read_track_record(warehouse, CONFIG, None)
    assert found is not None
    walk = found.walk_forward
    assert walk is not None
    evaluated = warehouse.contests.load_out_of_sample("hs300-direction-14")
    own = evaluated[walk.entrant]
    assert len(own.sessions) == max(len(one.sessions) for one in evaluated.values())
    assert (walk.track.forecast == own.columns["value.p_up"]).all()
    assert sum(year.settled for year in walk.years) == len(own.sessions)
    assert {one.name: one.n_sessions for one in walk.entrants} == {
        name: len(one.sessions) for name, one in evaluated.items()
    }
    brier = ((own.columns["value.p_up"] - own.columns["outcome.label"]) ** 2).mean()
    assert walk.entrants[0].score == pytest.approx(brier)
    # What was issued is counted without them.
    assert found.n_settled == 580
    named = read_track_record(warehouse, CONFIG.with_changes(model="logistic"), None)
    assert named is not None
    assert named.walk_forward is not None
    assert named.walk_forward.entrant == "logistic"
