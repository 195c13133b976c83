"""The page Data on hand-made rows: holes, refused pulls, verdicts, revisions, whom they touch."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pandas as pd
import pytest

from factorprism.core.config import Config
from factorprism.core.universe import Universe
from factorprism.factors import CATALOGUE
from factorprism.health import measure_freshness
from factorprism.market.bars import PullState
from factorprism.views import House
from factorprism.views.data import read_data, read_year

HOLE, HALF, WITHHELD = date(2023, 5, 10), date(2023, 8, 17), date(2024, 4, 1)


@pytest.fixture
def page(warehouse, story):
    return read_data(warehouse, story.universe, "pair-direction-14")


def test_every_session_without_a_bar_or_a_value_is_counted_once(page):
    target, overlay = page.coverage
    assert (target.symbol, overlay.symbol) == ("000300.SH", "000905.SH")
    assert (target.n_absent, target.n_incomplete) == (2, 1)
    assert target.absent == (WITHHELD, HOLE)
    assert target.n_sessions == 301
    assert target.ratio == pytest.approx(3 / 301)
    assert overlay.absent == (WITHHELD,)
    counted = {
        (period.year, period.month): (period.n_absent, period.n_incomplete)
        for year in target.years
        for period in year.months
        if period and period.n_faulty
    }
    assert counted == {(2023, 5): (1, 0), (2023, 8): (0, 1), (2024, 4): (1, 0)}


def test_a_column_that_the_source_never_gives_is_no_gap(page):
    assert page.own_coverage.never_given == ("amount_cny", "pre_close", "pct_chg")


def test_years_come_newest_first_and_months_without_sessions_are_empty(page):
    newest, oldest = page.own_coverage.years
    assert (newest.year, oldest.year) == (2024, 2023)
    assert oldest.n_sessions == 242
    assert newest.months[3].n_sessions == 1
    assert newest.months[4:] == (None,) * 8


def test_a_bar_of_a_day_without_trading_is_named(warehouse, story, merge):
    bars = warehouse.bars.load_bars(["000300.SH"], date(2024, 3, 28), date(2024, 3, 28))
    bars["session"] = pd.Timestamp("2024-03-30")
    merge(bars, datetime(2024, 4, 1))
    assert read_data(warehouse, story.universe, "pair-direction-14").own_coverage.unexpected == (
        date(2024, 3, 30),
    )


def test_the_days_of_a_year_say_what_each_lacks(warehouse, story):
    year = read_year(warehouse, story.universe, "000300.SH", 2023)
    days = {day.day: day for day in year.days}
    assert len(days) == 363
    assert days[HOLE].state == "absent"
    assert (days[HALF].state, days[HALF].lacking) == ("incomplete", ("volume_shares",))
    assert days[date(2023, 5, 6)].state == "closed"
    assert days[date(2023, 5, 11)].state == "held"
    assert year.years == (2023, 2024)
    assert [period.month for period in year.missing.periods] == list(range(1, 13))


def test_a_holiday_that_only_the_bars_know_is_no_session(story, migrated_url, end_library):
    config = Config(home=Path(), warehouse_url=migrated_url)
    noon = datetime(2024, 3, 29, 12)

    def count_behind():
        calendar = config.calendar_of("000300.SH")
        return measure_freshness(date(2024, 1, 8), calendar, noon).behind

    known = count_behind()
    end_library(date(2023, 12, 29))  # the spring festival lies beyond
    house = House(config)
    house.read_version()
    target, overlay = read_data(house.warehouse, story.universe, "pair-direction-14").coverage
    assert (target.absent, overlay.absent) == ((WITHHELD, HOLE), (WITHHELD,))
    assert count_behind() == known
    house.warehouse.close()


def test_the_missing_ratio_is_that_of_the_reports(page):
    missing = page.missing
    assert [period.year for period in missing.periods] == [2023, 2024]
    assert sum(row.total for row in missing.rows) == sum(factor.lookback for factor in CATALOGUE)
    assert missing.line.startswith(f"missing {sum(f.lookback for f in CATALOGUE)} of ")
    assert missing.ratios[1] == 0.0
    assert missing.rows[0].missing == (CATALOGUE[0].lookback, 0)


def test_failed_verdicts_come_first_the_critical_ones_before_the_warnings(page):
    (run,) = page.gates
    assert (run.session, run.gate) == (WITHHELD, "bars")
    assert (run.summary.n_critical, run.summary.n_warnings, run.summary.n_results) == (1, 1, 3)
    assert [item.success for item in run.results] == [False, False, True]
    assert [item.severity for item in run.results[:2]] == ["critical", "warning"]
    assert [run.session for run in page.recent_gates] == [WITHHELD, date(2024, 3, 29)]


def test_the_gates_of_a_chosen_session_are_its_own(warehouse, story):
    page = read_data(warehouse, story.universe, "pair-direction-14", session=date(2024, 3, 29))
    (run,) = page.gates
    assert (run.session, run.summary.n_critical) == (date(2024, 3, 29), 0)
    bare = read_data(warehouse, story.universe, "pair-direction-14", session=date(2024, 3, 27))
    assert (bare.gates, bare.gate_session) == ((), date(2024, 3, 27))


def test_a_refused_pull_stands_with_its_reason(page):
    (refused,) = page.quarantined
    assert refused.reason == "close above high on 2024-04-01"
    assert page.pulls[0] == refused
    assert page.pull_counts == {PullState.ACCEPTED: 3, PullState.QUARANTINED: 1}


def test_a_revision_names_the_forecasts_and_models_made_from_the_old_value(page, story):
    (bar,) = page.revisions
    assert (bar.symbol, bar.session) == ("000300.SH", story.revised)
    (change,) = bar.changes
    assert change.column == "close"
    assert change.new_value == pytest.approx(change.old_value + 1.25)
    # The first was made for a session before the bar, the last after the revision.
    assert story.before[0] < story.revised < story.before[1]
    assert [item.session for item in bar.forecasts] == [story.before[1]]
    assert bar.models == ()  # both were trained through an earlier session
    assert page.n_revised == 1


def test_a_model_trained_through_a_bar_before_it_was_revised_is_touched(
    warehouse, story, merge, save_model
):
    early = date(2023, 6, 1)
    bars = warehouse.bars.load_bars(["000905.SH"], early, early)
    bars["close"] += 2.0
    save_model("alone", channels=("000300.SH",))
    merge(bars, datetime(2024, 4, 2))
    save_model("later")
    newest = read_data(warehouse, story.universe, "pair-direction-14").revisions[0]
    assert (newest.symbol, newest.session) == ("000905.SH", early)
    assert set(newest.models) == {"one", "two"}
    assert newest.forecasts == ()  # none was made of a window that reaches so far back


def test_an_empty_warehouse_gives_an_empty_page(warehouse):
    page = read_data(warehouse, Universe("pair", "000300.SH"), "pair-direction-14")
    assert (page.coverage, page.missing, page.gates, page.pulls, page.revisions) == (
        (),
        None,
        (),
        (),
        (),
    )


def test_what_is_not_there_is_refused_in_words(warehouse, story):
    with pytest.raises(ValueError, match=r"symbol: '<script>', allowed are 000300.SH, 000905.SH"):
        read_data(warehouse, story.universe, "pair-direction-14", symbol="<script>")
    with pytest.raises(ValueError, match=r"year: 1999, allowed are 2023, 2024"):
        read_year(warehouse, story.universe, "000300.SH", 1999)
