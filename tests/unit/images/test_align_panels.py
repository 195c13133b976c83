"""What a cell of the cube may know, and what it may not."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from factorprism.core.calendar import PUBLICATION_DELAY, calendar_for
from factorprism.core.errors import ConfigurationError
from factorprism.core.universe import Universe
from factorprism.images import align_panels
from factorprism.market.panels import FactorPanel

HS300, ZZ500, SP500 = "000300.SH", "000905.SH", "^GSPC"
FIRST, LAST = date(2020, 1, 2), date(2020, 6, 30)


def day_read(image_set, session, channel):
    """Return the day that the cell of `session` in `channel` was taken from, or None."""
    row = np.flatnonzero(image_set.sessions == np.datetime64(session))[0]
    value = image_set.cube[row, 0, channel]
    return None if np.isnan(value) else np.datetime64(int(value), "D").astype(date)


def test_the_cube_is_time_major_float32_with_the_target_first(make_panel):
    universe = Universe("two", HS300, (ZZ500,))
    image_set = align_panels(
        [make_panel(HS300, FIRST, LAST), make_panel(ZZ500, FIRST, LAST)], universe, 56
    )
    assert image_set.channels == (HS300, ZZ500)
    assert image_set.lookback == 56
    assert image_set.cube.shape == (len(image_set.sessions), 2, 2)
    assert image_set.cube.dtype == np.float32
    assert image_set.cube.flags.c_contiguous
    days = image_set.sessions.astype(np.int64)
    np.testing.assert_array_equal(image_set.cube[:, 0, 0], days)
    np.testing.assert_array_equal(image_set.cube[:, 1, 1], -days)


def test_a_session_missing_in_an_overlay_is_nan_in_that_channel_alone(make_panel):
    hole = date(2020, 3, 18)
    panels = [make_panel(HS300, FIRST, LAST), make_panel(ZZ500, FIRST, LAST, without=(hole,))]
    image_set = align_panels(panels, Universe("two", HS300, (ZZ500,)), 56)
    missing = np.isnan(image_set.cube)
    assert missing.sum() == 2
    assert missing[image_set.sessions == np.datetime64(hole), :, 1].all()


def test_a_session_missing_in_the_target_keeps_its_row_so_that_a_window_spans_56_sessions(
    make_panel,
):
    hole = date(2020, 3, 18)
    panel = make_panel(HS300, FIRST, LAST, without=(hole,))
    image_set = align_panels([panel], Universe("one", HS300), 56)
    assert day_read(image_set, hole, 0) is None
    assert len(image_set.sessions) == len(panel.sessions) + 1


def test_an_overlay_with_a_shorter_history_is_nan_before_its_first_session(make_panel):
    start = date(2020, 3, 2)
    panels = [make_panel(HS300, FIRST, LAST), make_panel(ZZ500, start, LAST)]
    image_set = align_panels(panels, Universe("two", HS300, (ZZ500,)), 56)
    missing = np.isnan(image_set.cube[:, 0, 1])
    np.testing.assert_array_equal(missing, image_set.sessions < np.datetime64(start))


def test_first_and_last_bound_the_rows(make_panel):
    image_set = align_panels(
        [make_panel(HS300, FIRST, LAST)],
        Universe("one", HS300),
        56,
        first=date(2020, 2, 1),
        last=date(2020, 3, 1),
    )
    assert str(image_set.sessions[0]) == "2020-02-03"
    assert str(image_set.sessions[-1]) == "2020-02-28"
    assert not np.isnan(image_set.cube).any()


def test_sessions_asked_for_beyond_the_panel_are_rows_of_nan(make_panel):
    image_set = align_panels(
        [make_panel(HS300, FIRST, date(2020, 6, 29))], Universe("one", HS300), 56, last=LAST
    )
    assert str(image_set.sessions[-1]) == "2020-06-30"
    assert np.isnan(image_set.cube[-1]).all()
    assert not np.isnan(image_set.cube[:-1]).any()


def test_new_york_reaches_shanghai_on_the_next_day_only(make_panel):
    panels = [make_panel(HS300, FIRST, LAST), make_panel(SP500, date(2019, 12, 2), LAST)]
    image_set = align_panels(panels, Universe("mixed", HS300, (SP500,)), 56)
    # Thursday reads Wednesday, Monday reads Friday, and the day after a holiday what came before.
    assert day_read(image_set, date(2020, 3, 19), 1) == date(2020, 3, 18)
    assert day_read(image_set, date(2020, 3, 23), 1) == date(2020, 3, 20)
    assert day_read(image_set, date(2020, 1, 21), 1) == date(2020, 1, 17)


def test_shanghai_reaches_new_york_on_the_same_day_and_its_new_year_repeats_the_session_before(
    make_panel,
):
    panels = [make_panel(SP500, FIRST, LAST), make_panel(HS300, date(2019, 12, 2), LAST)]
    image_set = align_panels(panels, Universe("mixed", SP500, (HS300,)), 56)
    assert day_read(image_set, date(2020, 3, 18), 1) == date(2020, 3, 18)
    # Shanghai was closed from 2020-01-24 to 2020-02-02.
    assert day_read(image_set, date(2020, 1, 31), 1) == date(2020, 1, 23)
    assert day_read(image_set, date(2020, 2, 3), 1) == date(2020, 2, 3)


@pytest.mark.parametrize(("target", "overlay"), [(HS300, SP500), (SP500, HS300)])
def test_no_cell_was_unpublished_at_the_close_of_its_row(make_panel, target, overlay):
    panels = [make_panel(target, FIRST, LAST), make_panel(overlay, date(2019, 12, 2), LAST)]
    image_set = align_panels(panels, Universe("mixed", target, (overlay,)), 56)
    own, other = calendar_for("XSHG"), calendar_for("XNYS")
    if target == SP500:
        own, other = other, own
    for session in image_set.sessions.astype(date):
        read = day_read(image_set, session, 1)
        final = other.close_at(read) + PUBLICATION_DELAY[other.exchange]
        assert final <= own.close_at(session)
        following = other.offset(read, 1)
        assert other.close_at(following) + PUBLICATION_DELAY[other.exchange] > own.close_at(session)


def test_a_bar_missing_on_another_exchange_is_nan_not_the_day_before(make_panel):
    hole = date(2020, 3, 18)
    panels = [
        make_panel(HS300, FIRST, LAST),
        make_panel(SP500, date(2019, 12, 2), LAST, without=(hole,)),
    ]
    image_set = align_panels(panels, Universe("mixed", HS300, (SP500,)), 56)
    assert day_read(image_set, date(2020, 3, 19), 1) is None
    assert np.isnan(image_set.cube).sum() == 2


def test_a_closure_beyond_the_age_limit_is_nan(make_panel):
    # Shanghai was closed from 1999-02-10 to 1999-02-28.
    first, last = date(1999, 1, 4), date(1999, 3, 31)
    panels = [make_panel(SP500, first, last), make_panel("000001.SH", date(1998, 12, 1), last)]
    image_set = align_panels(panels, Universe("mixed", SP500, ("000001.SH",)), 20)
    assert day_read(image_set, date(1999, 2, 23), 1) == date(1999, 2, 9)
    assert day_read(image_set, date(1999, 2, 24), 1) is None
    assert day_read(image_set, date(1999, 3, 1), 1) == date(1999, 3, 1)


def test_rows_do_not_change_when_the_future_is_cut_off(make_panel):
    universe = Universe("mixed", HS300, (ZZ500, SP500))
    cut = date(2020, 4, 15)

    def align(last):
        overlay = make_panel(SP500, date(2019, 12, 2), last)
        channels = [make_panel(HS300, FIRST, last), make_panel(ZZ500, FIRST, last), overlay]
        return align_panels(channels, universe, 56, last=cut)

    assert align(cut).cube.tobytes() == align(LAST).cube.tobytes()


def test_panels_in_another_order_are_refused(make_panel):
    panels = [make_panel(ZZ500, FIRST, LAST), make_panel(HS300, FIRST, LAST)]
    with pytest.raises(ValueError, match="in this order"):
        align_panels(panels, Universe("two", HS300, (ZZ500,)), 56)


def test_other_factors_are_refused(make_panel):
    target, overlay = make_panel(HS300, FIRST, LAST), make_panel(ZZ500, FIRST, LAST)
    renamed = FactorPanel(ZZ500, overlay.sessions, ("roc_12", "cci_14"), overlay.values)
    with pytest.raises(ValueError, match=r"000905\.SH has factors"):
        align_panels([target, renamed], Universe("two", HS300, (ZZ500,)), 56)


def test_a_day_without_trading_is_refused(make_panel):
    panel = make_panel(HS300, FIRST, LAST)
    saturday = panel.sessions.copy()
    saturday[11] = np.datetime64(date(2020, 1, 18))
    with pytest.raises(ValueError, match="2020-01-18"):
        align_panels(
            [FactorPanel(HS300, saturday, panel.factors, panel.values)], Universe("one", HS300), 56
        )


def test_sessions_out_of_order_are_refused(make_panel):
    panel = make_panel(HS300, FIRST, LAST)
    turned = FactorPanel(HS300, panel.sessions[::-1], panel.factors, panel.values)
    with pytest.raises(ValueError, match="ascending"):
        align_panels([turned], Universe("one", HS300), 56)


def test_an_empty_target_and_a_lookback_of_nothing_are_refused(make_panel):
    panel = make_panel(HS300, FIRST, LAST)
    empty = FactorPanel(HS300, panel.sessions[:0], panel.factors, panel.values[:0])
    with pytest.raises(ValueError, match="no session"):
        align_panels([empty], Universe("one", HS300), 56)
    with pytest.raises(ValueError, match="lookback: 0"):
        align_panels([panel], Universe("one", HS300), 0)


def test_an_empty_overlay_is_nan_throughout(make_panel):
    panel = make_panel(ZZ500, FIRST, LAST)
    empty = FactorPanel(ZZ500, panel.sessions[:0], panel.factors, panel.values[:0])
    image_set = align_panels(
        [make_panel(HS300, FIRST, LAST), empty], Universe("two", HS300, (ZZ500,)), 56
    )
    assert np.isnan(image_set.cube[:, :, 1]).all()
    assert not np.isnan(image_set.cube[:, :, 0]).any()


def test_the_age_limit_covers_every_new_year_since_2003():
    closures = np.diff(calendar_for("XSHG").sessions(date(2003, 1, 1), date(2025, 12, 31)))
    # The last day of a closure on which New York may trade is the one before the end.
    assert closures.max() - np.timedelta64(1, "D") <= np.timedelta64(timedelta(days=14))


MID_AUTUMN = (date(2024, 9, 16), date(2024, 9, 17))  # closed, as no calendar knew by then


def test_beyond_the_known_end_the_rows_are_the_sessions_that_have_bars(make_panel, end_library):
    end_library(date(2024, 8, 30))
    first, last = date(2024, 8, 1), date(2024, 9, 24)
    panels = [make_panel(symbol, first, last, without=MID_AUTUMN) for symbol in (HS300, ZZ500)]
    image_set = align_panels(panels, Universe("two", HS300, (ZZ500,)), 56)
    assert image_set.sessions.tolist() == panels[0].sessions.tolist()
    assert not np.isnan(image_set.cube).any()


def test_beyond_the_known_end_a_bar_of_one_channel_makes_the_session(make_panel, end_library):
    end_library(date(2024, 8, 30))
    first, last, hole = date(2024, 8, 1), date(2024, 9, 24), date(2024, 9, 10)
    panels = [
        make_panel(HS300, first, last, without=(*MID_AUTUMN, hole)),
        make_panel(ZZ500, first, last, without=MID_AUTUMN),
    ]
    image_set = align_panels(panels, Universe("two", HS300, (ZZ500,)), 56)
    assert day_read(image_set, hole, 0) is None
    assert image_set.sessions.tolist() == panels[1].sessions.tolist()


def test_beyond_the_known_end_another_exchange_is_read_as_before(make_panel, end_library):
    first, last = date(2024, 8, 1), date(2024, 9, 24)
    universe = Universe("us", HS300, (SP500,))
    panels = [make_panel(HS300, first, last), make_panel(SP500, first, last)]
    known = align_panels(panels, universe, 56)
    end_library(date(2024, 8, 30))
    again = align_panels(panels, universe, 56)
    np.testing.assert_array_equal(again.cube, known.cube)


def test_beyond_the_known_end_a_bar_makes_a_session_of_an_expected_holiday(make_panel, end_library):
    end_library(date(2024, 8, 30))
    day = date(2024, 10, 7)  # by the fixed rule a holiday
    panel = make_panel(HS300, date(2024, 8, 1), date(2024, 9, 13))
    sessions = np.append(panel.sessions, np.datetime64(day))
    values = np.append(panel.values, panel.values[-1:], axis=0)
    panels = [FactorPanel(HS300, sessions, panel.factors, values)]
    image_set = align_panels(panels, Universe("one", HS300), 56)
    assert image_set.sessions[-1] == np.datetime64(day)


def test_no_row_is_made_of_a_session_that_is_only_expected(make_panel, end_library):
    end_library(date(2024, 8, 30))
    panel = make_panel(HS300, date(2024, 8, 1), date(2024, 9, 13))
    with pytest.raises(ConfigurationError, match="2024-09-18 lies outside"):
        align_panels([panel], Universe("one", HS300), 56, last=date(2024, 9, 18))
