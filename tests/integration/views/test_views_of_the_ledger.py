"""Today and the track record, read from a real warehouse."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from factorprism.core.config import Config
from factorprism.core.schemas import Alert, Promotion
from factorprism.training import skill_sentence
from factorprism.views import House, NotHeld
from factorprism.views.record import read_track_record
from factorprism.views.today import read_today

CONFIG = Config(home=Path())


def test_an_empty_ledger_has_no_page(warehouse: Any) -> None:
    assert read_today(warehouse) is None
    assert read_track_record(warehouse, CONFIG, None, None) is None


def test_today_is_the_last_session_and_knows_its_neighbours(ledger: Any) -> None:
    warehouse, line = ledger
    days = line.sessions.astype(date)
    today = read_today(warehouse)
    assert today is not None
    assert (today.session, today.previous, today.following) == (days[-1], days[-2], None)
    (shown,) = today.lines
    assert shown.forecast is not None
    assert shown.forecast.p_up == line.p_up[-1]
    assert shown.outcome is None
    assert [alert.key for alert in today.alerts] == ["drift hs300"]
    assert shown.champion is not None
    said = skill_sentence(warehouse.models.load_evaluations(line.model_id))
    assert f"{shown.champion.skill.value:+.1%}" in said


def test_a_day_without_trading_shows_the_session_before_it(ledger: Any) -> None:
    warehouse, line = ledger
    days = line.sessions.astype(date)
    gap = next(i for i in range(1, len(days)) if days[i] - days[i - 1] > timedelta(days=4))
    today = read_today(warehouse, days[gap] - timedelta(days=1))
    assert today is not None
    assert (today.session, today.following) == (days[gap - 1], days[gap])


def test_a_past_page_uses_nothing_that_came_later(ledger: Any) -> None:
    warehouse, line = ledger
    days = line.sessions.astype(date)
    before = read_today(warehouse, days[450])
    warehouse.models.append_promotion(
        Promotion("hs300", 14, days[500], line.model_id, line.model_id, "", True, "again", number=1)
    )
    # Whatever became of every later forecast, the page of that evening stays as it was.
    with warehouse._database.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE prism.outcomes SET went_up = NOT went_up WHERE session > %s",
            (days[450 - 14],),
        )
    after = read_today(warehouse, days[450])
    assert before is not None
    assert after is not None
    assert before.lines[0].belief is not None
    assert after.lines[0].belief == before.lines[0].belief
    assert after.lines[0].belief.last <= days[450 - 14]


def test_a_session_before_the_first_champion_says_so(ledger: Any) -> None:
    warehouse, line = ledger
    with warehouse._database.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE prism.promotions DISABLE TRIGGER ALL")
        connection.exec_driver_sql("DELETE FROM prism.promotions")
    today = read_today(warehouse, line.sessions[100].astype(date))
    assert today is not None
    assert today.lines[0].champion is None


def test_the_record_counts_what_was_issued_withheld_and_settled(ledger: Any) -> None:
    warehouse, _ = ledger
    found = read_track_record(warehouse, CONFIG, None, None)
    assert found is not None
    assert (found.line.issued, found.line.withheld) == (594, 6)
    assert found.n_settled == 580
    assert found.windows < 580 / 10
    assert sum(year.settled for year in found.years) == 580
    assert sum(one.n for one in found.bins) == 580
    assert found.latest[0].session > found.latest[-1].session
    own, base, always = found.rivals[:3]
    known = found.record.settled & found.record.issued
    up = found.record.went_up[known]
    assert own.brier == pytest.approx(((found.record.p_up[known] - up) ** 2).mean())
    assert base.skill == 0.0
    assert always.brier == pytest.approx(1.0 - up.mean())
    assert always.log_loss is None


def test_rivals_of_the_contest_are_held_against_the_ledger_on_the_same_sessions(
    ledger: Any,
) -> None:
    warehouse, _ = ledger
    found = read_track_record(warehouse, CONFIG, "hs300", 14)
    assert found is not None
    rival = next(one for one in found.rivals if one.name == "logistic")
    covered = np.arange(600) < 500
    withheld = np.isnan(found.record.p_up)
    assert rival.n_sessions == (covered & ~withheld).sum()
    assert rival.own_brier != found.rivals[0].brier


def test_a_line_that_is_not_held_is_refused(ledger: Any) -> None:
    with pytest.raises(NotHeld):
        read_track_record(ledger[0], CONFIG, "hs300", 5)


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
