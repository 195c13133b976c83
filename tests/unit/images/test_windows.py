"""Windows are views, complete ones are known without cutting them, and copies equal the views."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from factorprism.images import (
    complete_sessions,
    gather_windows,
    hash_window,
    window_at,
    windows,
)
from factorprism.market.panels import ImageSet


def test_windows_share_the_memory_of_the_cube_and_cannot_be_written(image_set):
    view = windows(image_set)
    assert view.shape == (345, 56, 3, 2)
    assert np.shares_memory(view, image_set.cube)
    assert not view.flags.writeable
    for number in (0, 17, 344):
        np.testing.assert_array_equal(view[number], image_set.cube[number : number + 56])


def test_a_set_shorter_than_a_window_has_none(image_set):
    short = replace(image_set, sessions=image_set.sessions[:55], cube=image_set.cube[:55])
    assert windows(short).shape == (0, 56, 3, 2)
    assert not complete_sessions(short).any()


def test_the_window_at_a_session_ends_with_it(image_set):
    session = image_set.sessions[100].astype(date)
    window = window_at(image_set, session)
    np.testing.assert_array_equal(window, image_set.cube[45:101])
    assert np.shares_memory(window, image_set.cube)


@pytest.mark.parametrize("position", [0, 54])
def test_a_session_without_a_full_window_is_refused(image_set, position):
    with pytest.raises(ValueError, match="no full window of 56"):
        window_at(image_set, image_set.sessions[position].astype(date))


@pytest.mark.parametrize("day", [date(2019, 6, 1), date(1999, 6, 1), date(2030, 1, 2)])
def test_a_day_that_is_not_in_the_set_is_refused(image_set, day):
    with pytest.raises(ValueError, match=str(day)):
        window_at(image_set, day)
    with pytest.raises(ValueError, match=str(day)):
        hash_window(image_set, day)


def test_complete_sessions_are_those_whose_window_has_no_nan(image_set):
    cube = image_set.cube.copy()
    cube[[3, 90, 91, 250], [0, 2, 1, 0], [0, 1, 1, 0]] = np.nan
    holed = replace(image_set, cube=cube)
    expected = [
        end >= 55 and not np.isnan(cube[end - 55 : end + 1]).any() for end in range(len(cube))
    ]
    assert any(expected)
    np.testing.assert_array_equal(complete_sessions(holed), expected)


def test_the_hash_sees_values_names_and_sessions_of_the_window_and_nothing_else(image_set):
    session = image_set.sessions[100].astype(date)
    reference = hash_window(image_set, session)
    later = image_set.cube.copy()
    later[101:], later[:45] = -1.0, np.nan
    assert hash_window(replace(image_set, cube=later), session) == reference
    inside = image_set.cube.copy()
    inside[45, 0, 0] += 1.0
    assert hash_window(replace(image_set, cube=inside), session) != reference
    assert hash_window(replace(image_set, factors=("a", "b", "d")), session) != reference
    assert hash_window(replace(image_set, channels=("000300.SH", "x")), session) != reference
    moved = image_set.sessions.copy()
    moved[45] -= 1
    assert hash_window(replace(image_set, sessions=moved), session) != reference


def test_gathered_windows_equal_the_views_in_any_order(image_set):
    ends = np.array([399, 55, 200, 56, 200])
    expected = windows(image_set)[ends - 55]
    gathered = gather_windows(image_set.cube, ends, 56)
    np.testing.assert_array_equal(gathered, expected)
    assert gathered.flags.c_contiguous
    assert gathered.flags.writeable
    assert not np.shares_memory(gathered, image_set.cube)


@pytest.mark.parametrize("end", [-1, 54, 400])
def test_an_end_without_a_full_window_is_refused(image_set, end):
    with pytest.raises(ValueError, match="allowed 55 to 399"):
        gather_windows(image_set.cube, np.array([100, end]), 56)


def test_an_unfit_cube_is_refused(image_set):
    with pytest.raises(ValueError, match="cube:"):
        gather_windows(image_set.cube[:, :, ::2], np.array([100, 200]), 56)


def test_views_and_counts_take_little_memory_beside_a_large_cube():
    cube = np.zeros((40_000, 16, 4), dtype=np.float32)
    days = np.arange(40_000).astype("datetime64[D]")
    large = ImageSet(tuple("wxyz"), tuple(map(str, range(16))), days, cube, lookback=56)
    tracemalloc.start()
    try:
        windows(large)
        complete_sessions(large)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < cube.nbytes / 8
