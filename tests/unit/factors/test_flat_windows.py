"""Runs of still sessions are found exactly, and blank exactly what they leave undefined."""

from __future__ import annotations

import numpy as np
import pytest

from factorprism.factors.flat_windows import STILL, FlatWindow, Runs, blank_flat, find_runs


def test_runs_are_found_at_both_ends_and_between():
    volume = np.array([0.0, 0.0, 1.0, 0.0, 2.0, 3.0, 0.0])
    runs = find_runs("no volume", {"volume_shares": volume})
    assert runs.starts.tolist() == [0, 3, 6]
    assert runs.stops.tolist() == [2, 4, 7]
    assert runs.longest == 2
    nothing = find_runs("no volume", {"volume_shares": volume + 1.0})
    assert (len(nothing.starts), nothing.longest) == (0, 0)


def test_the_first_session_never_repeats_another():
    runs = find_runs("close unchanged", {"close": np.array([5.0, 5.0, 5.0, 6.0])})
    assert (runs.starts.tolist(), runs.stops.tolist()) == ([1], [3])


@pytest.mark.parametrize(
    ("what", "still"),
    [
        ("close unchanged", [False, True, True, False, False]),
        ("typical price unchanged", [False, True, True, False, False]),
        ("no money flow", [False, True, True, True, False]),
        ("high and low unchanged", [False, True, True, False, False]),
        ("no true range", [False, True, True, False, False]),
        ("one single price", [False, True, True, False, False]),
        ("no volume", [False, False, False, True, False]),
    ],
)
def test_each_kind_of_flat_window(what, still):
    columns = {
        "high": np.array([5.0, 5.0, 5.0, 7.0, 8.0]),
        "low": np.array([5.0, 5.0, 5.0, 5.0, 8.0]),
        "close": np.array([5.0, 5.0, 5.0, 6.0, 8.0]),
        "volume_shares": np.array([1.0, 1.0, 1.0, 0.0, 1.0]),
    }
    assert STILL[what](columns).tolist() == still


def test_a_single_price_at_the_high_of_a_wide_bar_is_a_move():
    columns = {"high": np.array([5.0, 5.0, 5.0]), "low": np.array([4.0, 5.0, 5.0])}
    assert STILL["one single price"](columns).tolist() == [False, False, True]


def test_blanks_begin_once_the_window_is_still_and_echo_after_it():
    runs = Runs(np.array([2, 8, 12]), np.array([6, 10, 15]), 4)
    values = np.zeros(18)
    blank_flat(values, FlatWindow("no volume", 3, echo=1), runs)
    assert np.flatnonzero(np.isnan(values)).tolist() == [4, 5, 6, 14, 15]
    values = np.zeros(7)
    blank_flat(values, FlatWindow("no volume", 3, echo=1), runs, n_skipped=5)
    assert np.flatnonzero(np.isnan(values)).tolist() == [0, 1]


def test_an_unknown_flat_window_is_refused():
    with pytest.raises(ValueError, match="no volume"):
        FlatWindow("no wind", 3)
