"""Bins of forecasts and their intervals, which count only what does not overlap."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from factorprism.evaluation.reliability import LEAST_IN_BIN, bin_forecasts, compute_wilson


@pytest.mark.parametrize(
    ("share", "n", "lower", "upper"),
    [
        (0.5, 10, 0.2366, 0.7634),
        (0.0, 10, 0.0, 0.2775),
        (0.9, 50, 0.7864, 0.9565),
        # Newcombe 1998, Statistics in Medicine 17, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
        (81 / 263, 263, 0.2553, 0.3662),
        (15 / 148, 148, 0.0624, 0.1605),
        (0 / 20, 20, 0.0, 0.1611),
        (1 / 29, 29, 0.0061, 0.1718),
    ],
)
def test_wilsons_interval_is_that_of_the_tables(share, n, lower, upper):
    assert compute_wilson(share, n) == pytest.approx((lower, upper), abs=5e-5)


@pytest.mark.parametrize("share", [0.0, 1.0])
@pytest.mark.parametrize("n", [1, 7, 14, 29])
def test_an_interval_holds_its_share(share, n):
    lower, upper = compute_wilson(share, n)
    assert 0.0 <= lower <= share <= upper <= 1.0


def test_neighbouring_sessions_count_once():
    # Two levels, each for 280 sessions on end: twenty windows of fourteen each, not 280.
    rows = np.arange(1000, 1560)
    prob = np.repeat([0.48, 0.53], 280)
    up = np.tile([True, False], 280)
    bins = bin_forecasts(rows, prob, up, horizon=14)
    assert [(one.mean, one.share, one.n, one.windows) for one in bins] == [
        (pytest.approx(0.48), 0.5, 280, 20),
        (pytest.approx(0.53), 0.5, 280, 20),
    ]
    assert [(one.lower, one.upper) for one in bins] == [compute_wilson(0.5, 20)] * 2


def test_bins_hold_every_forecast_once_in_order_of_probability():
    rng = np.random.default_rng(14)
    prob, up = rng.normal(0.53, 0.03, 400), rng.random(400) < 0.5
    bins = bin_forecasts(np.arange(400), prob, up, horizon=14)
    assert len(bins) == 10
    assert sum(one.n for one in bins) == 400
    assert max(one.n for one in bins) - min(one.n for one in bins) <= 1
    assert all(one.low <= one.mean <= one.high for one in bins)
    assert all(one.high < after.low for one, after in pairwise(bins))
    assert sum(one.n * one.share for one in bins) == pytest.approx(up.sum())


def test_too_few_forecasts_make_no_bin():
    rows = np.arange(LEAST_IN_BIN - 1)
    assert bin_forecasts(rows, np.full(len(rows), 0.5), rows > 3, horizon=14) == ()


@pytest.mark.parametrize("lengths", [(2, 2, 1), (2, 1, 2), (40, 40, 41)])
def test_outcomes_of_other_sessions_are_refused(lengths):
    n_rows, n_prob, n_up = lengths
    with pytest.raises(ValueError, match="expected equal"):
        bin_forecasts(np.arange(n_rows), np.full(n_prob, 0.5), np.full(n_up, True), horizon=14)
